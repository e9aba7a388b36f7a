"""A small HTTP/1.1 server for webhooks: limits on everything, JSON answers, nothing else.

It decodes with h11. What a path means is not known here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

import h11

Json = Any
#: Connections at once; one more is answered 503.
MOST_CONNECTIONS = 200
#: Bytes of a request line with its headers.
MOST_HEAD = 32 * 1024
#: Seconds for a whole request, and between two requests of a connection.
REQUEST_S = 30.0
IDLE_S = 15.0
_CHUNK = 64 * 1024
#: How much, and for how many seconds, is read of what was refused.
_LINGER_BYTES = 4 * 1024 * 1024
LINGER_S = 1.0


@dataclass(frozen=True, slots=True)
class Head:
    """A request without its body. Names of headers are in small letters."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; `body` is sent as JSON."""

    status: int
    body: Json
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):  # noqa: N818 - an answer, raised
    """A request is answered at once."""

    def __init__(self, status: int, why: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(why)
        self.answer = Answer(status, {"error": why}, headers or {})


class Site(Protocol):
    """What the paths of a server mean."""

    def admit(self, head: Head) -> int:
        """Return how many bytes the body may have. Raises `Refused`."""
        ...

    async def answer(self, head: Head, body: bytes) -> Answer:
        """Answer a request that was admitted. Raises `Refused`."""
        ...


class HttpServer:
    """Listens on one address."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._local = True

    async def start(self, host: str, port: int) -> int:
        """Listen and return the port (of a free one for 0). Raises `OSError`."""
        self._local = is_loopback(host)
        self._server = await asyncio.start_server(self._serve, host, port, limit=_CHUNK)
        found: int = self._server.sockets[0].getsockname()[1]
        return found

    async def stop(self) -> None:
        """Close all connections and listen no more."""
        if self._server is not None:
            self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            wire = _Wire(reader, writer)
            if len(self._connections) > MOST_CONNECTIONS:
                await wire.send(Answer(503, {"error": "too many connections"}))
            else:
                while await self._one(wire):
                    pass
        except (OSError, h11.LocalProtocolError, asyncio.CancelledError):
            pass  # the other side is gone, or we stop
        finally:
            self._connections.discard(task)
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _one(self, wire: _Wire) -> bool:
        """Answer one request; return whether another may follow on the connection."""
        try:
            async with asyncio.timeout(IDLE_S):
                request = await wire.request()
            if request is None:
                return False
            head = _head(request)
            if self._local:
                _check_host(head)
            most = self._site.admit(head)
            async with asyncio.timeout(REQUEST_S):
                body = await wire.body(most)
            answer = await self._site.answer(head, body)
        except Refused as refused:
            answer = refused.answer
        except h11.RemoteProtocolError as error:
            answer = Answer(error.error_status_hint, {"error": str(error)})
        except TimeoutError:
            answer = Answer(408, {"error": "the request took too long"})
        return await wire.send(answer)


class _Wire:
    """One connection, as requests and answers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._state = h11.Connection(h11.SERVER, max_incomplete_event_size=MOST_HEAD)

    async def request(self) -> h11.Request | None:
        """Return the next request, or None when the other side has closed."""
        event = await self._next()
        return event if isinstance(event, h11.Request) else None

    async def body(self, most: int) -> bytes:
        """Return the body. Raises `Refused`: it has more than `most` bytes."""
        parts: list[bytes] = []
        size = 0
        while True:
            event = await self._next()
            if isinstance(event, h11.Data):
                parts.append(bytes(event.data))
                size += len(event.data)
                if size > most:
                    raise Refused(413, f"the body has more than {most} bytes")
            elif isinstance(event, h11.EndOfMessage):
                return b"".join(parts)
            else:
                raise ConnectionResetError("the connection was closed")

    async def send(self, answer: Answer) -> bool:
        """Send an answer; return whether another request may follow."""
        body = json.dumps(answer.body, ensure_ascii=False, allow_nan=False).encode()
        headers = [
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
            *answer.headers.items(),
        ]
        state = self._state
        if state.our_state is h11.MUST_CLOSE or state.our_state is h11.ERROR:
            return False
        for event in (
            h11.Response(status_code=answer.status, headers=headers),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self._writer.write(state.send(event) or b"")
        await self._writer.drain()
        if state.our_state is not h11.DONE or state.their_state is not h11.DONE:
            await self._linger()
            return False
        state.start_next_cycle()
        return True

    async def _linger(self) -> None:
        """Read on for a moment: who still sends would else lose the answer to a reset."""
        if self._writer.can_write_eof():
            self._writer.write_eof()
        left = _LINGER_BYTES
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while left > 0 and (data := await self._reader.read(_CHUNK)):
                    left -= len(data)

    async def _next(self) -> Any:
        while True:
            if self._state.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                self._writer.write(self._state.send(go_on) or b"")
                await self._writer.drain()
            event = self._state.next_event()
            if event is not h11.NEED_DATA:
                return event
            self._state.receive_data(await self._reader.read(_CHUNK))


def is_loopback(host: str) -> bool:
    """Return whether an address can be reached from this machine only."""
    name = host.strip("[]").lower()
    return name in ("localhost", "::1") or name.startswith("127.")


def _head(request: h11.Request) -> Head:
    url = urlsplit(request.target.decode("ascii"))
    headers: dict[str, str] = {}
    for name, value in request.headers:
        key, text = name.decode("ascii"), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return Head(
        method=request.method.decode("ascii"),
        path=unquote(url.path),
        query=dict(parse_qsl(url.query, keep_blank_values=True, max_num_fields=1000)),
        headers=headers,
    )


def _check_host(head: Head) -> None:
    """Refuse what a web page of elsewhere may have sent here under a name of its own."""
    host = head.headers.get("host", "")
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
    if not is_loopback(name):
        raise Refused(403, f"this machine is not {host}")
