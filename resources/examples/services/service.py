#!/usr/bin/env python3
"""A small web service that can be ill. The example service-health starts some of these.

    python3 service.py NAME PORT [--ill slow|broken] [--idle SECONDS]

It answers GET /health and ends when POST /stop asks it to, or when nobody has asked for
anything for a while. If a service is running on its port already, it takes that one's place:
this is how a service is restarted.

    slow      the first answer takes longer than anybody waits
    broken    /health says 503 until the service is restarted without --ill
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SLOW_S = 3.0
TAKE_OVER_S = 10.0


class Service(ThreadingHTTPServer):
    """The service, and what it knows of itself."""

    daemon_threads = True
    # Several programs on one port would answer by turns.
    allow_reuse_port = False

    def __init__(self, name: str, port: int, ill: str) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.name = name
        self.ill = ill
        self.answered = 0
        self.asked_at = time.monotonic()

    def end(self) -> None:
        """Stop serving, from any thread."""
        threading.Thread(target=self.shutdown, daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    """GET /health and POST /stop."""

    timeout = 5

    @property
    def service(self) -> Service:
        """The service that was asked."""
        assert isinstance(self.server, Service)
        return self.server

    def do_GET(self) -> None:
        """Say how the service is."""
        service = self.service
        service.answered += 1
        service.asked_at = time.monotonic()
        if self.path != "/health":
            self.answer(404, {"error": "there is only /health"})
        elif service.ill == "broken":
            self.answer(503, {"service": service.name, "error": "the connection pool is full"})
        else:
            if service.ill == "slow" and service.answered == 1:
                threading.Event().wait(SLOW_S)
            self.answer(200, {"service": service.name, "status": "well"})

    def do_POST(self) -> None:
        """Stop."""
        if self.path != "/stop":
            self.answer(404, {"error": "there is only /stop"})
            return
        self.answer(200, {"service": self.service.name, "status": "stopping"})
        self.service.end()

    def answer(self, status: int, content: dict[str, Any]) -> None:
        """Send JSON."""
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Print one line for a request; it shows up in the run while the service serves."""
        print(f"{self.service.name}: {format % args}", flush=True)


def take_over(name: str, port: int, ill: str) -> Service:
    """Return the service on its port, after asking the one that has it to stop."""
    until = time.monotonic() + TAKE_OVER_S
    while True:
        try:
            return Service(name, port, ill)
        except OSError:
            if time.monotonic() > until:
                raise
        with contextlib.suppress(OSError, http.client.HTTPException):  # it may be gone by now
            old = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
            old.request("POST", "/stop")
            old.getresponse().read()
            old.close()
        threading.Event().wait(0.05)


def end_when_idle(service: Service, idle_s: float) -> None:
    """End a service that nobody uses, so that no process outlives the example."""
    while time.monotonic() - service.asked_at < idle_s:
        threading.Event().wait(0.1)
    service.end()


def main() -> None:
    """Serve until asked to stop, then print what was served as JSON."""
    parser = argparse.ArgumentParser(description="A small web service that can be ill.")
    parser.add_argument("name")
    parser.add_argument("port", type=int)
    parser.add_argument("--ill", default="", choices=("", "slow", "broken"))
    parser.add_argument("--idle", type=float, default=5.0)
    given = parser.parse_args()
    with take_over(given.name, given.port, given.ill) as service:
        watch = threading.Thread(target=end_when_idle, args=(service, given.idle), daemon=True)
        watch.start()
        service.serve_forever(poll_interval=0.05)
    print(json.dumps({"service": given.name, "requests": service.answered}))


if __name__ == "__main__":
    main()
