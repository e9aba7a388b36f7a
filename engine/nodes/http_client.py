"""One HTTP request with httpx: sent, read up to a limit, and its errors in words.

Imported by the node when it runs, because httpx takes a tenth of a second to import.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, Literal
from urllib.parse import urlencode

import httpx
import msgspec

from engine.model.node_types import NodeFailure

Json = Any
Progress = Callable[[float | None, str], None]

#: Answers after which the same request may well succeed.
RETRYABLE = frozenset({408, 425, 429, 500, 502, 503, 504})
#: Answers that prove that the other side has not done it.
REFUSED = frozenset({429})
_EXCERPT = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What is to be sent and how the answer is read.

    Attributes:
        content: body and its media type, or None.
        expects: whether a status is one of those expected.
        most_bytes: a longer body is a failure.
    """

    method: str
    url: str
    query: Mapping[str, Json] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: tuple[bytes, str] | None = None
    basic: tuple[str, str] | None = None
    expects: Callable[[int], bool]
    read_as: Literal["auto", "json", "text"] = "auto"
    timeout_s: float = 30.0
    follow_redirects: bool = True
    verify_tls: bool = True
    most_bytes: int = 20_000_000


def encode_body(kind: str, body: Json) -> tuple[bytes, str] | None:
    """Return the bytes of a body and their media type.

    Raises:
        NodeFailure: the value cannot be sent that way.
    """
    match kind:
        case "json":
            return msgspec.json.encode(body), "application/json"
        case "form":
            if not isinstance(body, Mapping):
                raise _wrong("a form is an object with a value for each field")
            fields = [(name, _form_text(value)) for name, value in body.items()]
            return urlencode(fields, doseq=True).encode(), "application/x-www-form-urlencoded"
        case "text":
            text = body if isinstance(body, str) else msgspec.json.encode(body).decode()
            return text.encode(), "text/plain; charset=utf-8"
        case _:
            return None


def _form_text(value: Json) -> Json:
    if isinstance(value, (list, tuple)):
        return [_form_text(item) for item in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else value


@cache
def tls(verify: bool) -> ssl.SSLContext:  # noqa: FBT001 - the whole of the question
    """Return the TLS settings; making them reads all certificates and takes a while."""
    return httpx.create_ssl_context(verify=verify)


class _Phase:
    """Whether any part of the request may have reached the other side."""

    def __init__(self) -> None:
        self.sent = False

    async def trace(self, event: str, info: Mapping[str, Json]) -> None:
        """Take httpcore's news of a connection."""
        del info
        if event.endswith("send_request_headers.started"):
            self.sent = True


async def exchange(
    request: Exchange, context: ssl.SSLContext, now: float, progress: Progress
) -> dict[str, Json]:
    """Send a request; return ``{status, headers, body, elapsed_s, url}``.

    Args:
        request: what to send.
        context: from `tls`.
        now: seconds since the epoch, for dates in answers that carry none of their own.
        progress: told how much of a long answer has come.

    Raises:
        NodeFailure: no answer, an unexpected one, or one that cannot be read.
    """
    url = checked_url(request.url)
    phase, began = _Phase(), time.perf_counter()
    try:
        async with (
            asyncio.timeout(request.timeout_s),
            httpx.AsyncClient(
                verify=context,
                follow_redirects=request.follow_redirects,
                timeout=request.timeout_s,
            ) as client,
            client.stream(
                request.method,
                url,
                params=_query(request.query) or None,
                headers=_headers(request),
                content=request.content[0] if request.content else None,
                auth=request.basic,
                extensions={"trace": phase.trace},
            ) as response,
        ):
            body = await _body(response, request.most_bytes, progress)
    except (TimeoutError, httpx.TimeoutException) as error:
        raise NodeFailure(
            f"{where(url)} did not answer within {request.timeout_s:g} s",
            code="timeout",
            nothing_happened=not phase.sent,
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ssl.SSLError) as error:
        raise _lost(url, error, sent=phase.sent) from error
    answer = _Answer(response, body, now)
    if not request.expects(response.status_code):
        raise answer.unexpected(url, request.method)
    return {
        "status": response.status_code,
        "headers": {name.lower(): value for name, value in response.headers.items()},
        "body": answer.value(request.read_as, url),
        "elapsed_s": round(time.perf_counter() - began, 3),
        "url": str(response.url),
    }


def checked_url(text: str) -> httpx.URL:
    """Return the address.

    Raises:
        NodeFailure: it is none, not http or https, or holds a password.
    """
    try:
        url = httpx.URL(text.strip())
    except (httpx.InvalidURL, TypeError) as error:
        raise _wrong(f"{text!r} is no address ({error})") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise _wrong(f"{text!r} is no address; it begins with http:// or https:// and a host")
    if url.password:
        raise _wrong("the address holds a password; name a secret under Sign in instead")
    return url


def where(url: httpx.URL) -> str:
    """Return host and path of an address: no query, which may hold what nobody should see."""
    port = f":{url.port}" if url.port else ""
    return f"{url.host}{port}{url.path}"


def _wrong(text: str) -> NodeFailure:
    return NodeFailure(text, code="params", retryable=False, nothing_happened=True)


def _query(query: Mapping[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in query.items() if value is not None}


def _headers(request: Exchange) -> dict[str, str]:
    headers = {"user-agent": "Headgate"}
    if request.content is not None:
        headers["content-type"] = request.content[1]
    headers.update({name.lower(): value for name, value in request.headers.items()})
    return headers


async def _body(response: httpx.Response, most_bytes: int, progress: Progress) -> bytes:
    total = int(response.headers.get("content-length") or 0)
    parts: list[bytes] = []
    size = 0
    try:
        async for part in response.aiter_bytes():
            parts.append(part)
            size += len(part)
            if size > most_bytes:
                # Leaving the loop would leave the generators below it open. On a closed
                # connection the next step ends them all.
                await response.aclose()
            if total > 1_000_000:
                progress(min(1.0, size / total), f"{size / 1e6:.1f} MB")
    except (httpx.HTTPError, httpx.StreamError):
        if size <= most_bytes:
            raise
    if size > most_bytes:
        raise NodeFailure(
            f"the answer is larger than {most_bytes / 1e6:g} MB; ask for less, "
            "or raise the limit of this node",
            code="too_large",
            retryable=False,
        )
    return b"".join(parts)


def _lost(url: httpx.URL, error: Exception, *, sent: bool) -> NodeFailure:
    """Return what went wrong on the way, and whether the request can have had an effect."""
    place, nothing = where(url), not sent
    match error:
        case httpx.TooManyRedirects():
            text = f"{place} redirects in a circle; call the final address"
            return NodeFailure(text, code="redirects", retryable=False)
        case httpx.InvalidURL() | httpx.UnsupportedProtocol():
            return _wrong(f"{place} leads to an address that is not http or https ({error})")
        case httpx.ConnectError() if _is_tls(error):
            text = f"the certificate of {url.host} cannot be trusted ({_reason(error)})"
            return NodeFailure(text, code="tls", retryable=False, nothing_happened=True)
        case httpx.ConnectError():
            text = f"{url.host}:{url.port or _port(url)} cannot be reached ({_reason(error)})"
            return NodeFailure(text, code="connect", nothing_happened=True)
        case httpx.DecodingError():
            text = f"the answer of {place} is damaged ({error})"
            return NodeFailure(text, code="bad_response", nothing_happened=nothing)
        case httpx.ProxyError():
            text = f"the proxy refuses the way to {url.host} ({error}); check HTTPS_PROXY"
            return NodeFailure(text, code="connect", nothing_happened=nothing)
        case _:
            text = f"the connection to {place} was lost ({_reason(error)})"
            return NodeFailure(text, code="connection", nothing_happened=nothing)


def _port(url: httpx.URL) -> int:
    return 443 if url.scheme == "https" else 80


def _is_tls(error: Exception) -> bool:
    return "SSL" in str(error) or "CERTIFICATE" in str(error).upper()


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


class _Answer:
    """A whole response."""

    def __init__(self, response: httpx.Response, body: bytes, now: float) -> None:
        self._response = response
        self._body = body
        self._now = now

    @property
    def _type(self) -> str:
        header = str(self._response.headers.get("content-type", ""))
        return header.partition(";")[0].strip().lower()

    def _text(self) -> str:
        encoding = self._response.charset_encoding or "utf-8"
        try:
            return self._body.decode(encoding, "replace")
        except LookupError:
            return self._body.decode("utf-8", "replace")

    def value(self, read_as: str, url: httpx.URL) -> Json:
        """Return the body as it is to be read."""
        if read_as == "text":
            return self._text()
        is_json = self._type == "application/json" or self._type.endswith("+json")
        if read_as == "json" or is_json:
            if not self._body:
                return None
            try:
                return json.loads(self._body)
            except (ValueError, RecursionError) as error:
                if read_as == "json":
                    raise NodeFailure(
                        f"{where(url)} did not answer with JSON ({error}); read it as text",
                        code="bad_response",
                        retryable=False,
                        details={"status": self._response.status_code, "body": self._excerpt()},
                    ) from error
                return self._text()
        if not self._body:
            return None
        if self._is_text():
            return self._text()
        return {"base64": base64.b64encode(self._body).decode("ascii"), "type": self._type}

    def _is_text(self) -> bool:
        kind = self._type
        if kind.startswith("text/") or self._response.charset_encoding:
            return True
        if kind in {
            "application/xml",
            "application/javascript",
            "application/x-www-form-urlencoded",
        }:
            return True
        if kind.endswith("+xml"):
            return True
        if kind:
            return False
        try:
            self._body.decode("utf-8")
        except UnicodeDecodeError:
            return False
        return b"\0" not in self._body

    def _excerpt(self) -> str:
        return self._text()[:_EXCERPT]

    def unexpected(self, url: httpx.URL, method: str) -> NodeFailure:
        """Return the failure that an answer with another status is."""
        status = self._response.status_code
        phrase = self._response.reason_phrase
        name = f"{status} {phrase}" if phrase else str(status)
        return NodeFailure(
            f"{method} {where(url)} answered {name}",
            code="http_status",
            retryable=status in RETRYABLE,
            nothing_happened=status in REFUSED,
            retry_after_s=self._retry_after() if status in RETRYABLE else None,
            details={"status": status, "body": self._excerpt()},
        )

    def _retry_after(self) -> float | None:
        """Seconds that the other side asks for; a date counts from its own clock."""
        text = self._response.headers.get("retry-after", "").strip()
        if not text:
            return None
        if text.isascii() and text.isdigit():
            return float(text)
        try:
            then = parsedate_to_datetime(text).timestamp()
            date = self._response.headers.get("date", "")
            start = parsedate_to_datetime(date).timestamp() if date else self._now
        except (TypeError, ValueError):
            return None
        return max(0.0, then - start)
