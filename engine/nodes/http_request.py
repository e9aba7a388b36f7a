"""HTTP request: call a web service."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from engine.model.node_types import Context, NodeType, Output, Port, Ports
from engine.model.workflow import Effects
from engine.nodes.fields import Duration, Params, hints, plain_text, shown, value_or_input

Json = Any
_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
_STATUS = re.compile(r"([1-5])xx|([1-5]\d\d)(?:-([1-5]\d\d))?")
_WITH_BODY = {"body_type": ("json", "text", "form")}


class HttpRequestParams(Params):
    """Parameters of an HTTP request."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"] = Field(
        "GET", title="Method", json_schema_extra=hints("select")
    )
    url: str = Field(
        title="Address",
        description="http or https; a Jinja template.",
        min_length=1,
        json_schema_extra=hints("url", placeholder="https://api.example.com/items/{{ input.id }}"),
    )
    query: dict[str, Any] = Field(
        default_factory=dict,
        title="Query",
        description="What follows the question mark; a list repeats the name, null is left out.",
        json_schema_extra=hints("table"),
    )
    headers: dict[str, str] = Field(
        default_factory=dict,
        title="Headers",
        description="Not for passwords or keys: those belong under Sign in.",
        json_schema_extra=hints("table"),
    )
    body_type: Literal["none", "json", "text", "form"] = Field(
        "none", title="Body", json_schema_extra=hints("select")
    )
    body: Json = Field(
        None,
        title="Content of the body",
        description="Empty: the input of this node.",
        json_schema_extra=hints("expression", placeholder="input", shown_when=_WITH_BODY),
    )
    auth: Literal["none", "bearer", "basic", "header"] = Field(
        "none",
        title="Sign in",
        description="bearer: a token. basic: name and password. header: a key in a header.",
        json_schema_extra=hints("select"),
    )
    secret: str = Field(
        "",
        title="Secret",
        description="Name of the token, password or key in the keychain.",
        json_schema_extra=hints(
            "secret", placeholder="invoice-api", shown_when={"auth": ("bearer", "basic", "header")}
        ),
    )
    user: str = Field("", title="User", json_schema_extra=hints(shown_when={"auth": ("basic",)}))
    auth_header: str = Field(
        "X-API-Key",
        title="Header of the key",
        json_schema_extra=hints(shown_when={"auth": ("header",)}),
    )
    expected_status: tuple[str, ...] = Field(
        ("2xx",),
        title="Expected status",
        description="Such as 2xx, 404 or 200-299; any other answer is a failure.",
        json_schema_extra=hints(placeholder="2xx", advanced=True),
    )
    response: Literal["auto", "json", "text"] = Field(
        "auto",
        title="Read the answer as",
        description="auto goes by its content type; what is no text comes as base64.",
        json_schema_extra=hints("select", advanced=True),
    )
    timeout_s: Duration = Field(
        30.0,
        title="Time limit",
        description="For the whole request.",
        gt=0,
        le=3600,
        json_schema_extra=hints("duration", unit="s", advanced=True),
    )
    follow_redirects: bool = Field(
        default=True, title="Follow redirects", json_schema_extra=hints(advanced=True)
    )
    verify_tls: bool = Field(
        default=True,
        title="Check the certificate",
        description="Switch it off only for a test server of your own.",
        json_schema_extra=hints(advanced=True),
    )
    send_idempotency_key: bool = Field(
        default=True,
        title="Send an Idempotency-Key",
        description="With POST and PATCH, so that the other side can tell a repetition.",
        json_schema_extra=hints(advanced=True),
    )
    max_mb: float = Field(
        20.0,
        title="Largest answer",
        gt=0,
        le=256,
        json_schema_extra=hints(unit="MB", advanced=True),
    )

    @field_validator("headers")
    @classmethod
    def _one_line_each(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
                raise ValueError(f"{name!r} is no name of a header")
            if "\n" in text or "\r" in text:
                raise ValueError(f"the value of {name} has more than one line")
        return value

    @field_validator("expected_status")
    @classmethod
    def _known_statuses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            if not _STATUS.fullmatch(text.strip()):
                raise ValueError(f"{text!r} is no status; write 2xx, 404 or 200-299")
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.auth != "none" and not self.secret:
            raise ValueError("name the secret to sign in with")
        return self

    def expects(self, status: int) -> bool:
        """Whether an answer with this status is a success."""
        for text in self.expected_status:
            found = _STATUS.fullmatch(text.strip())
            if found is None:
                continue
            hundred, low, high = found.groups()
            if hundred and status // 100 == int(hundred):
                return True
            if low and int(low) <= status <= int(high or low):
                return True
        return False


async def run(params: HttpRequestParams, ctx: Context) -> Output:
    """Send the request and return the answer."""
    # In a thread, for importing httpx and reading all certificates takes a while.
    client = await ctx.run_thread(importlib.import_module, "engine.nodes.http_client")
    context = await ctx.run_thread(client.tls, params.verify_tls)
    secret = await ctx.run_thread(ctx.secret, params.secret) if params.auth != "none" else ""
    body = value_or_input(params, "body", ctx)
    headers = dict(params.headers)
    if params.auth == "bearer":
        headers["Authorization"] = f"Bearer {secret}"
    elif params.auth == "header":
        headers[params.auth_header] = secret
    if params.send_idempotency_key and params.method in {"POST", "PATCH"}:
        headers.setdefault("Idempotency-Key", ctx.idempotency_key)
    request = client.Exchange(
        method=params.method,
        url=params.url,
        query=params.query,
        headers=headers,
        content=client.encode_body(params.body_type, body),
        basic=(params.user, secret) if params.auth == "basic" else None,
        expects=params.expects,
        read_as=params.response,
        timeout_s=params.timeout_s,
        follow_redirects=params.follow_redirects,
        verify_tls=params.verify_tls,
        most_bytes=int(params.max_mb * 1e6),
    )
    answer = await client.exchange(request, context, ctx.now, ctx.progress)
    note = f"{answer['status']} in {answer['elapsed_s']:g} s"
    return Output({"out": answer}, note=note)


def _method(params: Mapping[str, Json]) -> str:
    return plain_text(params, "method", "GET")


def _effects(params: Mapping[str, Json]) -> Effects:
    return "idempotent" if _method(params) in _IDEMPOTENT else "once"


def _capabilities(params: Mapping[str, Json]) -> tuple[str, ...]:
    signs_in = params.get("auth", "none") != "none"
    return ("network", "secrets") if signs_in else ("network",)


def _ports(params: Mapping[str, Json]) -> Ports:
    del params
    answer = Port(name="out", type="object", description="status, headers, body, elapsed_s, url.")
    return Ports((Port(name="in"),), (answer,))


def _summary(params: Mapping[str, Json]) -> str:
    address = re.sub(r"^https?://", "", shown(params.get("url")))
    method = _method(params) or shown(params.get("method"))
    return f"{method} {address.partition('?')[0]}".strip()


HTTP_REQUEST = NodeType(
    id="http.request",
    title="HTTP request",
    category="call",
    description="Calls a web service and returns status, headers and body of its answer.",
    params=HttpRequestParams,
    run=run,
    icon="node-http",
    ports=_ports,
    effects=_effects,
    capabilities=_capabilities,
    templates=frozenset({"url"}),
    keywords=("api", "rest", "web", "get", "post", "call", "fetch", "webhook", "download", "url"),
    summary=_summary,
)
