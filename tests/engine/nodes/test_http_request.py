from __future__ import annotations

import asyncio
import gzip
import json
import socket
import threading
import time
from datetime import UTC, timedelta
from email.utils import format_datetime, localtime
from typing import Any

import pytest
from pydantic import ValidationError

from engine.model.node_types import NodeFailure
from engine.nodes.http_request import HTTP_REQUEST
from tests.engine.nodes.contexts import FakeContext, run_later
from tests.engine.nodes.http_server import Reply, Seen, serving

JSON = {"content-type": "application/json; charset=utf-8"}
TEXT = {"content-type": "text/plain; charset=latin-1"}


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def send(url: str, fake: FakeContext | None = None, **params: Any) -> Any:
    return await run_later(HTTP_REQUEST, {"url": url, **params}, fake)


async def failed(url: str, fake: FakeContext | None = None, **params: Any) -> NodeFailure:
    with pytest.raises(NodeFailure) as caught:
        await send(url, fake, **params)
    return caught.value


async def test_an_answer_has_status_headers_body_and_time() -> None:
    with serving(lambda _: Reply(200, b'{"a": [1]}', {**JSON, "X-Thing": "yes"})) as server:
        answer = await send(server.url + "/x", query={"q": "a b", "n": [1, 2], "no": None})
    assert (answer["status"], answer["body"]) == (200, {"a": [1]})
    assert answer["headers"]["x-thing"] == "yes"
    assert answer["elapsed_s"] >= 0
    assert (server.last.method, server.last.path) == ("GET", "/x?q=a+b&n=1&n=2")


@pytest.mark.parametrize(
    ("kind", "body", "sent", "media"),
    [
        ("json", {"a": "é"}, '{"a":"é"}'.encode(), "application/json"),
        ("text", "häh", "häh".encode(), "text/plain; charset=utf-8"),
        (
            "form",
            {"a": [1, True], "b": None},
            b"a=1&a=true&b=",
            "application/x-www-form-urlencoded",
        ),
        ("none", {"a": 1}, b"", None),
    ],
)
async def test_bodies_are_sent_as_asked(kind: str, body: Any, sent: bytes, media: str) -> None:
    with serving(lambda _: Reply(201)) as server:
        await send(server.url, method="POST", body_type=kind, body=body)
    assert server.last.body == sent
    assert server.last.headers.get("content-type") == media


async def test_the_input_is_the_body_when_none_is_given() -> None:
    with serving(lambda _: Reply(204)) as server:
        answer = await send(server.url, FakeContext(input=[1]), method="PUT", body_type="json")
    assert server.last.body == b"[1]"
    assert answer["body"] is None


@pytest.mark.parametrize(
    ("read_as", "headers", "body", "value"),
    [
        ("auto", JSON, b"[1]", [1]),
        ("auto", {"content-type": "application/problem+json"}, b"[1]", [1]),
        ("auto", JSON, b"not json", "not json"),
        ("auto", TEXT, "é".encode("latin-1"), "é"),
        ("auto", {}, b"plain", "plain"),
        ("auto", {"content-type": "image/png"}, b"\x89P", {"base64": "iVA=", "type": "image/png"}),
        ("text", JSON, b"[1]", "[1]"),
        ("json", TEXT, b"[1]", [1]),
    ],
)
async def test_the_body_is_read_by_its_type_or_as_asked(
    read_as: str, headers: dict[str, str], body: bytes, value: Any
) -> None:
    with serving(lambda _: Reply(200, body, headers)) as server:
        assert (await send(server.url, response=read_as))["body"] == value


async def test_an_answer_that_must_be_json_and_is_not_is_a_failure() -> None:
    with serving(lambda _: Reply(200, b"<html>", TEXT)) as server:
        failure = await failed(server.url, response="json")
    assert (failure.code, failure.retryable) == ("bad_response", False)
    assert failure.details["body"] == "<html>"


# --- signing in ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "header", "value"),
    [
        ({"auth": "bearer"}, "authorization", "Bearer hush"),
        ({"auth": "basic", "user": "ada"}, "authorization", "Basic YWRhOmh1c2g="),
        ({"auth": "header", "auth_header": "X-Key"}, "x-key", "hush"),
    ],
)
async def test_signing_in_uses_a_secret_by_its_name(
    params: dict[str, Any], header: str, value: str
) -> None:
    with serving(lambda _: Reply()) as server:
        await send(server.url, FakeContext(secrets={"api": "hush"}), secret="api", **params)
    assert server.last.headers[header] == value


async def test_a_secret_is_not_sent_on_to_another_host() -> None:
    with serving(lambda _: Reply()) as other:
        target = other.url.replace("127.0.0.1", "localhost")
        with serving(lambda _: Reply(302, headers={"location": target})) as server:
            fake = FakeContext(secrets={"api": "hush"})
            await send(server.url, fake, auth="bearer", secret="api")
    assert "authorization" in server.last.headers
    assert "authorization" not in other.last.headers


async def test_a_missing_secret_is_told_before_anything_is_sent() -> None:
    with serving(lambda _: Reply()) as server:
        failure = await failed(server.url, auth="bearer", secret="api")
    assert failure.code == "secret"
    assert not server.seen


@pytest.mark.parametrize(("method", "sent"), [("POST", "key-1"), ("PATCH", "key-1"), ("PUT", None)])
async def test_what_must_not_happen_twice_carries_its_key(method: str, sent: str | None) -> None:
    with serving(lambda _: Reply()) as server:
        await send(server.url, method=method)
        assert server.last.headers.get("idempotency-key") == sent
        await send(server.url, method=method, send_idempotency_key=False)
        assert "idempotency-key" not in server.last.headers


# --- failures -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "retryable", "nothing_happened"),
    [(404, False, False), (400, False, False), (429, True, True), (500, True, False),
     (503, True, False)],
)  # fmt: skip
async def test_an_unexpected_status_is_a_failure(
    status: int, retryable: bool, nothing_happened: bool
) -> None:
    with serving(lambda _: Reply(status, b"because", TEXT)) as server:
        failure = await failed(server.url + "/x?token=1", method="POST")
    assert (failure.code, failure.retryable) == ("http_status", retryable)
    assert failure.nothing_happened is nothing_happened
    assert failure.details == {"status": status, "body": "because"}
    assert str(status) in str(failure)
    assert "token" not in str(failure)


async def test_other_statuses_can_be_expected() -> None:
    with serving(lambda _: Reply(404)) as server:
        assert (await send(server.url, expected_status=["2xx", "404"]))["status"] == 404
        assert (await send(server.url, expected_status=["400-410"]))["status"] == 404
        assert (await failed(server.url, expected_status=["401"])).code == "http_status"


@pytest.mark.parametrize(
    ("text", "seconds"), [("7", 7.0), ("soon", None), ("-3", None), ("", None)]
)
async def test_the_delay_that_a_server_asks_for_is_kept(text: str, seconds: float | None) -> None:
    headers = {"retry-after": text} if text else {}
    with serving(lambda _: Reply(503, headers=headers)) as server:
        assert (await failed(server.url)).retry_after_s == seconds


@pytest.mark.parametrize(("ahead_s", "low", "high"), [(120, 118, 121), (-120, 0, 0)])
async def test_a_delay_may_be_a_date_of_the_server(ahead_s: int, low: float, high: float) -> None:
    def reply(_: Seen) -> Reply:
        then = localtime() + timedelta(seconds=ahead_s)
        return Reply(
            429, headers={"retry-after": format_datetime(then.astimezone(UTC), usegmt=True)}
        )

    with serving(reply) as server:
        delay = (await failed(server.url)).retry_after_s
    assert delay is not None
    assert low <= delay <= high


async def test_a_refused_connection_proves_that_nothing_happened() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    failure = await failed(f"http://127.0.0.1:{port}/", method="POST")
    assert (failure.code, failure.retryable, failure.nothing_happened) == ("connect", True, True)
    assert f"127.0.0.1:{port}" in str(failure)


async def test_no_answer_in_time_leaves_open_what_happened() -> None:
    hang = threading.Event()
    with serving(lambda _: Reply(hang=hang)) as server:
        failure = await failed(server.url, method="POST", timeout_s=0.2)
        hang.set()
    assert (failure.code, failure.retryable, failure.nothing_happened) == ("timeout", True, False)


async def test_a_connection_that_nobody_accepts_proves_that_nothing_happened() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        address = silent.getsockname()
        with socket.create_connection(address), socket.socket() as filler:
            filler.setblocking(False)
            filler.connect_ex(address)
            url = f"http://127.0.0.1:{address[1]}/"
            failure = await failed(url, method="POST", timeout_s=0.3)
    assert failure.code == "timeout"
    assert failure.nothing_happened


async def test_an_answer_that_breaks_off_is_a_failure() -> None:
    with serving(lambda _: Reply(200, b"half", cut=True)) as server:
        failure = await failed(server.url)
    assert (failure.code, failure.nothing_happened) == ("connection", False)


@pytest.mark.parametrize("packed", [False, True])
async def test_an_answer_that_is_too_large_is_not_read_on(packed: bool) -> None:
    body = b"x" * 3_000_000
    reply = Reply(200, body, TEXT)
    if packed:
        reply = Reply(200, gzip.compress(body), {**TEXT, "content-encoding": "gzip"})
    with serving(lambda _: reply) as server:
        failure = await failed(server.url, max_mb=1)
    assert (failure.code, failure.retryable) == ("too_large", False)


async def test_a_large_answer_tells_how_far_it_is() -> None:
    fake = FakeContext()
    with serving(lambda _: Reply(200, b"x" * 3_000_000, TEXT)) as server:
        await send(server.url, fake)
    assert fake.told[-1] == 1.0
    assert fake.told == sorted(fake.told, key=lambda each: each or 0)


@pytest.mark.parametrize(
    "url", ["ftp://example.com", "file:///etc/passwd", "example.com", "http://", "http://a:b@host/"]
)
async def test_only_web_addresses_without_passwords_are_called(url: str) -> None:
    failure = await failed(url)
    assert (failure.code, failure.nothing_happened) == ("params", True)


async def test_a_redirect_to_a_file_is_not_followed() -> None:
    with serving(lambda _: Reply(302, headers={"location": "file:///etc/passwd"})) as server:
        assert (await failed(server.url)).code in {"params", "connection"}


async def test_a_circle_of_redirects_ends() -> None:
    with serving(lambda _: Reply(302, headers={"location": "/"})) as server:
        assert (await failed(server.url)).code == "redirects"
        answer = await send(server.url, follow_redirects=False, expected_status=["302"])
    assert answer["status"] == 302


async def test_cancelling_a_request_returns_at_once() -> None:
    hang = threading.Event()
    with serving(lambda _: Reply(hang=hang)) as server:
        task = asyncio.get_running_loop().create_task(send(server.url))
        while not server.seen:
            await asyncio.sleep(0.005)
        start = time.perf_counter()
        task.cancel()
        await asyncio.wait([task])
        hang.set()
    assert task.cancelled()
    assert time.perf_counter() - start < 0.5


async def test_it_works_beside_qt(qloop: asyncio.AbstractEventLoop) -> None:
    del qloop
    with serving(lambda _: Reply(200, b"[1]", JSON)) as server:
        assert (await send(server.url))["body"] == [1]


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"url": "http://x", "headers": {"A B": "c"}},
        {"url": "http://x", "headers": {"A": "b\r\nInjected: yes"}},
        {"url": "http://x", "expected_status": ["ok"]},
        {"url": "http://x", "auth": "bearer"},
        {"url": "http://x", "timeout_s": 0},
        {"url": "http://x", "method": "BREW"},
    ],
)
def test_parameters_that_cannot_work_are_refused(params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HTTP_REQUEST.params.model_validate(params)


async def test_header_values_may_be_numbers() -> None:
    with serving(lambda _: Reply(200, json.dumps({}).encode(), JSON)) as server:
        await send(server.url, headers={"X-Count": 3})
    assert server.last.headers["x-count"] == "3"
