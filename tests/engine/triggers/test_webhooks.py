"""Webhooks: real HTTP on loopback (U76)."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from engine.errors import InvalidCommand
from engine.nodes.trigger_webhook import WebhookParams
from engine.triggers import http_server, webhooks
from tests.engine.flows import flow
from tests.engine.triggers.triggering import SOURCE, TriggerBench, triggered

Json = Any


class Hooked(TriggerBench):
    """A bench that takes requests, and a client of it."""

    port: int
    client: httpx.AsyncClient

    async def ask(self, method: str = "POST", path: str = "/orders", **more: Any) -> httpx.Response:
        return await self.client.request(method, path, **more)


@asynccontextmanager
async def hooked(
    params: Mapping[str, Json] | None = None, then: str = "same", **options: Any
) -> AsyncGenerator[Hooked]:
    async with Hooked(**options) as bench:
        given = {"path": "/orders", **(params or {})}
        await bench.triggers.arm(triggered("webhook", given, then), SOURCE)
        bench.port = await bench.triggers.listen_http("127.0.0.1", 0)
        address = f"http://127.0.0.1:{bench.port}"
        async with httpx.AsyncClient(base_url=address, trust_env=False) as bench.client:
            yield bench


async def test_a_request_starts_a_run_and_is_told_its_id() -> None:
    async with hooked() as bench:
        answer = await bench.ask(json={"id": 7}, params={"a": "1"}, headers={"X-From": "shop"})
        await bench.engine.settled()
        (run,) = bench.engine.runs()
        assert (answer.status_code, answer.json()) == (202, {"run": run.run})
        (given,) = bench.inputs
        assert given | {"headers": {}} == {
            "method": "POST", "path": "/orders", "query": {"a": "1"}, "headers": {},
            "body": {"id": 7},
        }  # fmt: skip
        assert given["headers"]["x-from"] == "shop"


async def test_the_caller_may_wait_for_the_result() -> None:
    async with hooked({"answer": "result"}, "end") as bench:
        answer = await bench.ask(json=[1, 2])
        assert answer.status_code == 200
        assert answer.json()["result"]["body"] == [1, 2]
        assert answer.json()["status"] == "completed"


@pytest.mark.parametrize(
    ("then", "status", "said"), [("boom", 500, "failed"), ("ask", 202, "waiting")]
)
async def test_a_run_that_fails_or_asks_is_told(then: str, status: int, said: str) -> None:
    async with hooked({"answer": "result"}, then) as bench:
        answer = await bench.ask(json=1)
        assert (answer.status_code, answer.json()["status"]) == (status, said)


async def test_a_result_that_takes_too_long_is_not_waited_for() -> None:
    async with hooked({"answer": "result", "wait_s": 0.05}, "hang") as bench:
        answer = await bench.ask(json=1)
        assert (answer.status_code, answer.json()["status"]) == (202, "running")


async def test_only_who_knows_the_secret_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_SECRET_SHOP", "s3cret")
    async with hooked({"check": "header", "secret": "shop", "header": "X-Token"}) as bench:
        codes = [
            (await bench.ask(json=1, headers=headers)).status_code
            for headers in ({}, {"X-Token": "wrong"}, {"X-Token": "s3cret"})
        ]
        assert codes == [401, 401, 202]
        await bench.engine.settled()
        assert "x-token" not in bench.inputs[0]["headers"]
        assert "s3cret" not in str(bench.facts)


async def test_a_signed_body_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_SECRET_SHOP", "s3cret")
    async with hooked({"check": "hmac", "secret": "shop", "header": "X-Sign"}) as bench:
        body = b'{"id": 1}'
        sign = hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
        for text, content, code in (
            (f"sha256={sign}", body, 202),
            (sign.upper(), body, 202),
            (sign, b'{"id": 2}', 401),
            ("", body, 401),
        ):
            answer = await bench.ask(content=content, headers={"X-Sign": text})
            assert answer.status_code == code


async def test_a_secret_that_is_not_there_lets_nobody_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEADGATE_SECRET_NOWHERE_TO_BE_FOUND", raising=False)
    async with hooked({"check": "header", "secret": "nowhere-to-be-found"}) as bench:
        assert (await bench.ask(json=1, headers={"X-Headgate-Secret": ""})).status_code == 503
        assert bench.inputs == []


def test_secrets_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    params = WebhookParams.model_validate({"check": "header", "secret": "shop"})
    head = http_server.Head("POST", "/hook", {}, {"x-headgate-secret": "guess"})
    with pytest.raises(http_server.Refused):
        webhooks.check_caller(params, head, b"", lambda name: "known")
    assert compared == [(b"guess", b"known")]


async def test_what_is_not_for_a_webhook_is_refused_and_starts_nothing() -> None:
    async with hooked({"max_bytes": 10}) as bench:
        answers = [
            await bench.ask("GET"),
            await bench.ask(path="/elsewhere"),
            await bench.ask(content=b"x" * 11),
            await bench.ask(content=_chunks()),
            await bench.ask(content=b"{", headers={"content-type": "application/json"}),
            await bench.ask(json=1, headers={"Origin": "https://elsewhere.example"}),
            await bench.ask(json=1, headers={"Host": "elsewhere.example"}),
        ]
        assert [each.status_code for each in answers] == [405, 404, 413, 413, 400, 403, 403]
        assert answers[0].headers["allow"] == "POST"
        assert bench.inputs == []


async def _chunks() -> AsyncIterator[bytes]:
    for _ in range(5):
        yield b"x" * 5


async def test_a_request_that_is_sent_again_with_its_key_starts_one_run() -> None:
    async with hooked() as bench:
        keys = ["a", "a", "b"]
        answers = [await bench.ask(json=1, headers={"Idempotency-Key": key}) for key in keys]
        runs = [each.json()["run"] for each in answers]
        assert runs[0] == runs[1] != runs[2]
        await bench.engine.settled()
        assert len(bench.inputs) == 2


async def test_while_one_goes_on_the_next_may_be_refused_or_queued() -> None:
    codes: dict[str, list[int]] = {}
    for overlap in ("skip", "queue", "parallel"):
        async with hooked({"overlap": overlap}, "hang") as bench:
            codes[overlap] = [(await bench.ask(json=1)).status_code for _ in range(2)]
            assert len(bench.triggers.firings()) == 2
    assert codes == {"skip": [202, 409], "queue": [202, 202], "parallel": [202, 202]}


async def test_what_is_no_text_comes_as_base64_and_a_text_as_it_is() -> None:
    async with hooked() as bench:
        await bench.ask(content="grüß".encode())
        await bench.ask(content=b"\xff\x00", headers={"content-type": "image/png"})
        await bench.ask()
        await bench.engine.settled()
        assert [each["body"] for each in bench.inputs] == [
            "grüß",
            {"base64": "/wA=", "type": "image/png"},
            None,
        ]


async def test_many_requests_at_once_are_one_run_each() -> None:
    async with hooked({"answer": "result"}, "end") as bench:
        answers = await asyncio.gather(*[bench.ask(json=number) for number in range(40)])
        results = [each.json()["result"]["body"] for each in answers]
        assert results == list(range(40))
        assert len({each.json()["run"] for each in answers}) == 40


async def test_what_is_no_http_is_answered_and_closed() -> None:
    async with hooked() as bench:
        for sent, code in ((b"hello\r\n\r\n", b"400"), (b"GET /" + b"x" * 70_000, b"431")):
            reader, writer = await asyncio.open_connection("127.0.0.1", bench.port)
            writer.write(sent)
            answer = await asyncio.wait_for(reader.read(), 5)
            assert answer.split(b" ")[1] in (code, b"400")
            writer.close()
            await writer.wait_closed()


async def test_who_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "IDLE_S", 0.05)
    monkeypatch.setattr(http_server, "REQUEST_S", 0.05)
    monkeypatch.setattr(http_server, "LINGER_S", 0.05)
    async with hooked() as bench:
        for sent in (
            b"",
            b"POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{",
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", bench.port)
            writer.write(sent)
            assert b" 408 " in await asyncio.wait_for(reader.read(), 5)
            writer.close()
            await writer.wait_closed()


async def test_two_paths_of_one_address_lead_to_their_triggers() -> None:
    workflow = flow(
        {
            "made": ("trigger.webhook", {"path": "/orders", "method": "POST"}),
            "asked": ("trigger.webhook", {"path": "/orders", "method": "GET"}),
        },
        "",
    )
    async with hooked() as bench:
        await bench.triggers.arm(workflow, SOURCE)
        assert [(await bench.ask(method)).status_code for method in ("POST", "GET", "PUT")] == [
            202, 202, 405,
        ]  # fmt: skip
        await bench.engine.settled()
        assert sorted(run.trigger for run in bench.engine.runs()) == ["asked", "made"]


async def test_a_port_that_is_taken_is_told() -> None:
    async with hooked() as bench:
        with pytest.raises(InvalidCommand, match="choose another port"):
            await bench.triggers.listen_http("127.0.0.1", bench.port)
