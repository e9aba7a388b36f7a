"""Which request fires which webhook, whether its caller may, and what it is answered."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

from engine.model.node_types import NodeFailure
from engine.nodes.trigger_webhook import WebhookParams
from engine.triggers.http_server import Head, Refused

Json = Any
#: Headers that are not handed to the run: they may carry secrets of the caller.
_PRIVATE = frozenset({"authorization", "cookie", "proxy-authorization"})


def check_method(params: WebhookParams, head: Head) -> None:
    """Refuse a method that the webhook does not take."""
    if params.method not in ("ANY", head.method):
        raise Refused(405, f"{head.path} takes {params.method}", {"allow": params.method})


def check_origin(params: WebhookParams, head: Head) -> None:
    """Refuse a page in a browser where no secret is asked for: any page could send it."""
    if params.check == "none" and "origin" in head.headers:
        raise Refused(403, f"{head.path} takes no requests of web pages without a secret")


def check_caller(
    params: WebhookParams, head: Head, body: bytes, secret: Callable[[str], str]
) -> None:
    """Refuse a caller that does not know the secret; takes the same time for every wrong one."""
    if params.check == "none":
        return
    try:
        known = secret(params.secret).encode()
    except NodeFailure as failure:
        raise Refused(503, f"the secret of {head.path} cannot be read here") from failure
    given = head.headers.get(params.header.lower(), "")
    expected = known
    if params.check == "hmac":
        expected = hmac.new(known, body, hashlib.sha256).hexdigest().encode()
        given = given.removeprefix("sha256=").lower()
    if not hmac.compare_digest(given.encode("latin-1", "replace"), expected):
        raise Refused(401, f"the header {params.header} does not fit")


def payload_of(params: WebhookParams, head: Head, body: bytes) -> dict[str, Json]:
    """Return a request as the input of a run."""
    private = _PRIVATE if params.check == "none" else {*_PRIVATE, params.header.lower()}
    return {
        "method": head.method,
        "path": head.path,
        "query": dict(head.query),
        "headers": {name: text for name, text in head.headers.items() if name not in private},
        "body": body_of(head.headers.get("content-type", ""), body),
    }


def body_of(content_type: str, body: bytes) -> Json:
    """Return a body as a value: what JSON says, a text, or ``{"base64", "type"}``.

    Raises:
        Refused: it says that it is JSON and is not.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if not body:
        return None
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return json.loads(body, parse_constant=_no_json)
        except (ValueError, RecursionError) as error:
            raise Refused(400, f"the body is not JSON: {error}") from error
    try:
        return body.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode(), "type": kind}


def _no_json(constant: str) -> Json:
    raise ValueError(f"{constant} is no JSON number")
