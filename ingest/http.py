"""The service's HTTP side: /metrics, /healthz, /readyz, for monitors and for `livinglab status`.

`/healthz` asks whether the process works at all (restart it if not), `/readyz` whether messages
flow from the broker to the store, and says in words why not.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from ingest.logs import logger
from livinglab.errors import ConfigError, Problem

_TEXT: Final = "text/plain; charset=utf-8"
_JSON: Final = "application/json"
_IDLE_S: Final = 10.0  # a client that says nothing is let go

#: What a page gives: status, content type, body.
Answer = tuple[int, str, bytes]


def text_answer(status: int, text: str) -> Answer:
    """A page of plain text."""
    return status, _TEXT, text.encode()


def json_answer(status: int, content: object) -> Answer:
    """A page of JSON, readable as it is."""
    return status, _JSON, json.dumps(content, ensure_ascii=False, indent=2).encode() + b"\n"


class HttpServer:
    """Serves pages from a thread of its own.

    Parameters
    ----------
    host : str
        Interface; loopback unless configured.
    port : int
        0 = any free port.
    pages : mapping of str to callable
        Path -> function that gives the page.

    Raises
    ------
    ConfigError
        If the address cannot be listened on.
    """

    def __init__(self, host: str, port: int, pages: Mapping[str, Callable[[], Answer]]) -> None:
        try:
            self._server = ThreadingHTTPServer((host, port), _handler_for(pages))
        except OSError as error:
            told = f"cannot listen on {host}:{port}: {error.strerror}"
            raise ConfigError(
                [Problem("livinglab.yaml", "", "http_port", told)],
                hint="set another http_port, or 0 for any free one",
            ) from error
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.2,), name="http", daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Where the pages are."""
        host, port = self._server.server_address[:2]
        return f"http://{host if isinstance(host, str) else host.decode()}:{port}"

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler_for(pages: Mapping[str, Callable[[], Answer]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _IDLE_S

        def do_GET(self) -> None:
            status, kind, body = _answer(pages, self.path.partition("?")[0])
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Monitors ask every few seconds: that is no news."""

    return Handler


def _answer(pages: Mapping[str, Callable[[], Answer]], path: str) -> Answer:
    page = pages.get(path)
    if page is None:
        return text_answer(404, f"no such page; there are {', '.join(pages)}\n")
    try:
        return page()
    except (
        Exception
    ) as error:  # a disk that refuses, say: the monitor is told, the log has it whole
        logger("http").exception("page_failed", page=path)
        return text_answer(500, f"{path} cannot be made now: {error}\n")
