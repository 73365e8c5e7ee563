"""The server: on this machine's own address, for whoever knows its token, and for reading alone.

    GET /TOKEN/                    the page, and its style, scripts and icon
    GET /TOKEN/alive               an event stream without events: the tab is there
    GET /TOKEN/files               names of the files, JSON
    GET /TOKEN/N/about             what file N says of itself, JSON
    GET /TOKEN/N/picture?b=&crop=X,Y,W,H&scale=1/2       PNG
    GET /TOKEN/N/original?crop=&scale=                   PNG

Refused: another method (405); a Host that is not this machine, as of a page elsewhere whose name leads here,
and what does not begin with the token (403). Any port is accepted in Host: a tunnel may end at another.
"""

from __future__ import annotations

import json
import re
import secrets
import socket
import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any
from urllib.parse import parse_qs, urlsplit

from nic_cli.errors import NicError, UsageError
from nic_cli.jobs import option_values, settings
from nic_cli.jobs.outcome import Stop
from nic_cli.storage.printable import printable
from nic_cli.terminal import failures
from nic_cli.terminal.console import complain, one_line
from nic_cli.view.shelf import Gone, Shelf
from nic_cli.view.tabs import Tabs

ADDRESS = "127.0.0.1"
HOSTS = (ADDRESS, "localhost")
KINDS = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
PARTS = (
    *(f"page/{name}" for name in ("page.css", "icon.svg", "page.js", "stage.js", "dial.js", "panel.js")),
    *(f"view/{name}" for name in ("source.js", "compare.js")),
)
ASSETS = {"": "page/index.html", **{path.partition("/")[2]: path for path in PARTS}}
"""Files of the package, by their names below the token: nothing else of it is served."""
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
BEAT = 10.0
"""Seconds after which something is sent to a tab, so that one behind a tunnel that broke is noticed."""
IDLE = 60.0


class Server(ThreadingHTTPServer):
    """Serves what is on a shelf. Raises NicError if the port cannot be had; port 0 is any that is free."""

    daemon_threads = True
    allow_reuse_address = sys.platform != "win32"  # where it would share the port with another program

    def __init__(self, shelf: Shelf, port: int = 0) -> None:
        self.shelf, self.tabs = shelf, Tabs()
        self.token = secrets.token_urlsafe(24)
        self.told: set[str] = set()  # lines that stand on standard error
        self._settled = threading.Condition()
        self._at_work = 0
        try:
            super().__init__((ADDRESS, port), Handler)
        except OSError as error:
            raise NicError(
                f"--port {port}: {error.strerror}; give another, or leave it out for a free one"
            ) from error

    def server_bind(self) -> None:
        """Take the port, without asking for the name of this machine, which can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = ADDRESS, self.server_address[1]

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{ADDRESS}:{self.server_port}/{self.token}/"

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """What `settle` waits for."""
        with self._settled:
            self._at_work += 1
        try:
            yield
        finally:
            with self._settled:
                self._at_work -= 1
                self._settled.notify_all()

    def settle(self, seconds: float) -> None:
        """Have all decoding end at its next strip, and wait until it has, so many seconds at most.

        A thread that comes back from torch when the interpreter is gone would take the process with it.
        """
        self.shelf.close()
        with self._settled:
            self._settled.wait_for(lambda: not self._at_work, seconds)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say in one line what no answer could be made of; a tab that is gone needs none."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, ConnectionError | TimeoutError):
            self.complain(failures.explain(error)[0])

    def complain(self, line: str) -> None:
        """Say what went wrong on standard error, once, however often the page asks again."""
        if line not in self.told:
            self.told.add(line)
            complain(line)


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    timeout = IDLE

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._refuse_method
        raise AttributeError(name)

    def _refuse_method(self) -> None:
        self.close_connection = True  # what came with it is not read
        self._send(405, b"read only: GET\n", headers={"Allow": "GET"})

    def do_GET(self) -> None:
        """Answer, whatever happens."""
        try:
            where = urlsplit(self.path)
        except ValueError:  # an address that is none
            self._send(400, b"no address\n")
            return
        token, slash, path = where.path[1:].partition("/")
        if not self._is_known(token):
            self._send(403, b"open the address that nic view printed\n")
            return
        if not slash:
            self._send(308, b"", headers={"Location": f"/{token}/"})
        elif path == "alive":
            self._stay()
        else:
            with self.server.at_work():
                try:
                    self._answer(path, parse_qs(where.query))
                except (Gone, ConnectionError, TimeoutError):
                    self.close_connection = True

    def _is_known(self, token: str) -> bool:
        if len(self.headers.get_all("Host", [])) > 1:
            return False
        try:
            host = urlsplit(f"//{self.headers.get('Host', '')}").hostname
        except ValueError:
            return False
        return host in HOSTS and secrets.compare_digest(token.encode(), self.server.token.encode())

    def _answer(self, path: str, query: dict[str, list[str]]) -> None:
        shelf = self.server.shelf
        if path in ASSETS:
            asset = resources.files("nic_cli") / ASSETS[path]
            self._send(200, asset.read_bytes(), KINDS[asset.name.rpartition(".")[2]])
        elif path == "files":
            self._send_json([printable(exhibit.path) for exhibit in shelf.exhibits])
        elif (found := re.fullmatch(r"(\d{1,9})/(about|picture|original)", path, re.ASCII)) and int(
            found[1]
        ) < len(shelf.exhibits):
            self._show(int(found[1]), found[2], query)
        else:
            self._send(404, b"nothing is here\n")

    def _show(self, number: int, what: str, query: dict[str, list[str]]) -> None:
        shelf, exhibit = self.server.shelf, self.server.shelf.exhibits[number]
        try:
            if what == "about":
                self._send_json(shelf.about(number))
                return
            view = option_values.view(_one(query, "crop"), _one(query, "scale"))
            if what == "original":
                data = shelf.original(number, view.region, view.scale)
            else:
                data = shelf.picture(number, _realism(query), view.region, view.scale, self._is_gone)
        except (Gone, ConnectionError, TimeoutError):
            raise
        except BaseException as error:  # also the panics of native libraries, which are no Exception
            reason = error.reason if isinstance(error, Stop) else error
            failures.trace(reason)
            line, _ = failures.explain(reason)
            name = printable(exhibit.path)
            known = [name, *([printable(exhibit.original)] if exhibit.original else [])]
            line = one_line(line if any(part in line for part in known) else f"{name}: {line}")
            if not isinstance(reason, UsageError) or what == "original":  # others are faults of the page
                self.server.complain(line)
            self._send(422 if isinstance(reason, NicError | OSError) else 500, line.encode())
            return
        self._send(200, data, "image/png")

    def _is_gone(self) -> bool:
        """Whether the connection was closed, by a page that asks for something else by now."""
        self.connection.setblocking(False)
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            self.connection.settimeout(IDLE)

    def _stay(self) -> None:
        """Hold the connection until the tab closes it."""
        self.close_connection = True
        self._head(200, {"Content-Type": "text/event-stream", "Connection": "close"})
        self.connection.settimeout(BEAT)
        with self.server.tabs.one():
            while True:
                try:
                    self.wfile.write(b": there\n\n")
                    if not self.connection.recv(1 << 10):
                        return
                except TimeoutError:
                    continue
                except ConnectionError:
                    return

    def _send_json(self, said: object) -> None:
        self._send(200, json.dumps(said).encode("ascii"), "application/json")

    def _send(
        self,
        status: int,
        body: bytes,
        kind: str = "text/plain; charset=utf-8",
        headers: dict[str, str] | None = None,
    ) -> None:
        closing = {"Connection": "close"} if self.close_connection else {}
        length = {"Content-Type": kind, "Content-Length": str(len(body))}
        self._head(status, length | closing | (headers or {}))
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in (HEADERS | headers).items():
            self.send_header(name, value)
        self.end_headers()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is no HTTP, in plain text."""
        self.close_connection = True
        self.command = self.command or ""
        self._send(code, f"{one_line(message or 'refused')}\n".encode())

    def version_string(self) -> str:
        """What stands in the header Server."""
        return "nic"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of requests."""


def _one(query: dict[str, list[str]], name: str) -> str | None:
    return query[name][-1] if name in query else None


def _realism(query: dict[str, list[str]]) -> float | None:
    """Read b. Raises UsageError."""
    text = _one(query, "b")
    if text is None:
        return None
    try:
        return float(settings.checked("realism", float(text), "b"))
    except ValueError as error:
        raise UsageError(f"b: {text!r} cannot be used: give a number from 0 to 1") from error
