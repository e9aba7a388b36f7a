"""Webhook: start a run for each HTTP request to a path on this machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from engine.model.node_types import NodeType
from engine.nodes.fields import Duration, Params, hints, shown
from engine.nodes.trigger_fields import Overlap, out_port, overlap_field

Json = Any
_PATH = re.compile(r"/[\w.~/-]*", re.ASCII)
_HEADER = re.compile(r"[A-Za-z0-9-]+")


class WebhookParams(Params):
    """Parameters of Webhook."""

    path: str = Field(
        "/hook",
        title="Path",
        description="Of the address: http://127.0.0.1:8585/hook.",
        max_length=200,
        json_schema_extra=hints(placeholder="/orders"),
    )
    method: Literal["POST", "PUT", "GET", "ANY"] = Field(
        "POST", title="Method", json_schema_extra=hints("select")
    )
    check: Literal["none", "header", "hmac"] = Field(
        "none",
        title="Secret",
        description="Of the caller: none, a header that is the secret, or one that signs the body.",
        json_schema_extra=hints("select"),
    )
    secret: str = Field(
        "",
        title="Name of the secret",
        description="In the keychain.",
        json_schema_extra=hints("secret", shown_when={"check": ["header", "hmac"]}),
    )
    header: str = Field(
        "X-Headgate-Secret",
        title="Header",
        description="With hmac: HMAC-SHA256 of the body as hex digits, also behind sha256=.",
        json_schema_extra=hints(shown_when={"check": ["header", "hmac"]}),
    )
    max_bytes: int = Field(
        1_000_000,
        title="Body at most",
        ge=0,
        le=100_000_000,
        json_schema_extra=hints(unit="bytes", advanced=True),
    )
    answer: Literal["accepted", "result"] = Field(
        "accepted",
        title="Answer",
        description="202 with the id of the run at once, or its result when it has ended.",
        json_schema_extra=hints("select"),
    )
    wait_s: Duration = Field(
        30.0,
        title="Wait for the result",
        description="After that the answer is 202, and the run goes on.",
        gt=0,
        le=3600,
        json_schema_extra=hints("duration", unit="s", shown_when={"answer": ["result"]}),
    )
    overlap: Overlap = overlap_field("parallel")

    @field_validator("path")
    @classmethod
    def _is_path(cls, value: str) -> str:
        if not _PATH.fullmatch(value) or "//" in value or "/../" in f"{value}/":
            raise ValueError("a path is / and then letters, digits, - . _ ~ and /")
        return value

    @field_validator("header")
    @classmethod
    def _is_header(cls, value: str) -> str:
        if not _HEADER.fullmatch(value):
            raise ValueError("the name of a header has letters, digits and -")
        return value

    @model_validator(mode="after")
    def _has_secret(self) -> Self:
        if self.check != "none" and not self.secret.strip():
            raise ValueError("give the name of the secret that callers know")
        return self


def _summary(params: Mapping[str, Json]) -> str:
    return f"{shown(params.get('method', 'POST'))} {shown(params.get('path', '/hook'))}"


def _capabilities(params: Mapping[str, Json]) -> tuple[str, ...]:
    return ("network",) if params.get("check", "none") == "none" else ("network", "secrets")


WEBHOOK_TRIGGER = NodeType(
    id="trigger.webhook",
    title="Webhook",
    category="trigger",
    description="Starts a run for each HTTP request to a path on this machine.",
    params=WebhookParams,
    run=None,
    icon="node-webhook",
    ports=out_port("The request: method, path, query, headers and body."),
    role="trigger",
    capabilities=_capabilities,
    keywords=("http", "request", "hook", "post", "callback", "api", "hmac", "receive"),
    summary=_summary,
)
