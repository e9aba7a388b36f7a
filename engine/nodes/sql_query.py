"""SQL: one statement on any database that SQLAlchemy knows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import Field, field_validator

from engine.model.node_types import Context, NodeFailure, NodeType, Output
from engine.model.workflow import Effects
from engine.nodes.fields import Params, folder_of, hints, plain_text

Json = Any
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
_READS = re.compile(r"\s*\(*\s*(select|values|show|explain|describe|with|table)\b", re.IGNORECASE)
_CHANGES = re.compile(
    r"\b(insert|update|delete|merge|truncate|create|drop|alter|into|call|analyze)\b",
    re.IGNORECASE,
)


class SqlQueryParams(Params):
    """Parameters of an SQL query."""

    url: str = Field(
        title="Database",
        description=(
            "An SQLAlchemy address without its password. "
            "A relative SQLite file starts at the folder of the workflow."
        ),
        min_length=1,
        json_schema_extra=hints("url", placeholder="postgresql+psycopg://app@db.example.com/shop"),
    )
    password_secret: str = Field(
        "",
        title="Password",
        description="Name of the password in the keychain.",
        json_schema_extra=hints("secret", placeholder="shop-db"),
    )
    query: str = Field(
        title="SQL",
        description="One statement. Values come in as :name, never as part of the text.",
        min_length=1,
        json_schema_extra=hints(
            "code", language="sql", placeholder="SELECT id, total FROM invoice WHERE day = :day"
        ),
    )
    parameters: dict[str, Any] | list[dict[str, Any]] = Field(
        default_factory=dict,
        title="Values",
        description="Of the :names. A list of objects runs the statement once for each.",
        json_schema_extra=hints("table", placeholder="day = input.day"),
    )
    max_rows: int = Field(
        10_000,
        title="Most rows",
        description="More rows are a failure, so that none is left out unseen.",
        ge=1,
        le=1_000_000,
        json_schema_extra=hints(unit="rows", advanced=True),
    )

    @field_validator("url")
    @classmethod
    def _holds_no_password(cls, value: str) -> str:
        if re.match(r"[\w+]+://[^/@:]*:[^/@]+@", value):
            raise ValueError("the address holds a password; name a secret instead")
        return value


async def run(params: SqlQueryParams, ctx: Context) -> Output:
    """Run the statement in a transaction of its own."""
    password = ""
    if params.password_secret:
        password = await ctx.run_thread(ctx.secret, params.password_secret)
    payload = {
        "url": params.url,
        "password": password,
        "query": params.query,
        "parameters": params.parameters,
        "max_rows": params.max_rows,
        "folder": str(folder_of(ctx)),
        "reads": reads_only(params.query),
    }
    answer = await ctx.run_process("engine.nodes.sql_job:run", payload)
    if "rows" in answer:
        rows = answer["rows"]
        return Output({"out": rows}, note=f"{len(rows)} rows" if len(rows) != 1 else "1 row")
    if "rowcount" in answer:
        return Output({"out": answer}, note=f"{answer['rowcount']} rows changed")
    raise NodeFailure(**answer["error"])


def reads_only(query: str) -> bool:
    """Whether a statement changes nothing, as far as its words tell."""
    bare = _QUOTED.sub("''", _COMMENT.sub(" ", query))
    return bool(_READS.match(bare)) and not _CHANGES.search(bare)


def _effects(params: Mapping[str, Json]) -> Effects:
    return "idempotent" if reads_only(plain_text(params, "query")) else "once"


def _capabilities(params: Mapping[str, Json]) -> tuple[str, ...]:
    place = "files" if plain_text(params, "url").startswith("sqlite") else "network"
    return (place, "secrets") if params.get("password_secret") else (place,)


def _summary(params: Mapping[str, Json]) -> str:
    words = " ".join(_COMMENT.sub(" ", plain_text(params, "query")).split())
    return words if len(words) <= 60 else words[:59] + "…"


SQL_QUERY = NodeType(
    id="sql.query",
    title="SQL",
    category="call",
    description="Runs one SQL statement: rows come back as a list of objects.",
    params=SqlQueryParams,
    run=run,
    icon="node-sql",
    effects=_effects,
    capabilities=_capabilities,
    raw=frozenset({"query"}),
    cpu=True,
    keywords=("database", "select", "insert", "query", "sqlite", "postgres", "mysql", "table"),
    summary=_summary,
)
