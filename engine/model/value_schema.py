"""Values against the JSON Schema of their channel. The library is loaded when first needed."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

Json = Any


def problem_of(schema: Json, value: Json) -> str:
    """Return what is wrong with a value, in words with its place, or nothing."""
    error = next(iter(_validator(json.dumps(schema, sort_keys=True)).iter_errors(value)), None)
    if error is None:
        return ""
    place = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path)
    return f"{place.lstrip('.')}: {error.message}" if place else str(error.message)


def problem_of_schema(schema: Json) -> str:
    """Return why something is no JSON Schema (2020-12), or nothing."""
    from jsonschema import Draft202012Validator, SchemaError  # noqa: PLC0415 - seldom needed

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return str(error.message)
    return ""


@lru_cache(maxsize=64)
def _validator(schema: str) -> Any:
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - seldom needed

    return Draft202012Validator(json.loads(schema))
