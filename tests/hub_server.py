"""A model hub in this process: what the real client asks of the real one, and the faults of a bad day.

    with Hub() as hub:
        commit = hub.commit("org/name", {"config.json": b"...", "model.safetensors": b"..."})
        ... HF_ENDPOINT=hub.url ...
        hub.fault = "flipped bit"

Large files (`LARGE`) are kept as the hub keeps them: announced by SHA-256, served from another path
after a redirect, and uploaded through the batch protocol of git LFS. xet is not offered. A fault
hits the requests whose path holds `fault_at`; FAULTS says what each does.
"""

from __future__ import annotations

import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from .hub_routes import ROUTES, Repository, Routes, is_large, sha256

REFUSALS = {  # fault: status, X-Error-Code, further headers
    "401": (401, "", {}),
    "403": (403, "", {}),
    "gated": (403, "GatedRepo", {}),
    "no repository": (404, "RepoNotFound", {}),
    "no repository, told as 401": (401, "RepoNotFound", {}),
    "no revision": (404, "RevisionNotFound", {}),
    "no file": (404, "EntryNotFound", {}),
    "bare 404": (404, "", {}),
    "429": (429, "", {"Retry-After": "3600"}),
    "500": (500, "", {}),
    "503": (503, "", {}),
    "teapot": (418, "", {}),
}
FAULTS = {
    **dict.fromkeys(REFUSALS, "answers with this status"),
    "redirect loop": "sends to itself",
    "silent": "takes the request and says nothing",
    "slow body": "sends one byte in a while, for ever",
    "stalled body": "sends half of the body and says nothing more",
    "cut body": "announces all, sends half, hangs up",
    "no body": "hangs up at once",
    "endless body": "announces nothing and never stops",
    "flipped bit": "one bit of the body is another",
    "short body": "announces and sends less than there is",
    "long body": "announces and sends more than there is",
    "wrong size": "says in its headers and lists that the file is a byte longer",
    "huge size": "says that the file has a terabyte",
    "lying etag": "sends other bytes, with an ETag and lists that fit those",
    "login page": "answers all with a page of HTML",
    "other json": "answers lists with JSON that is none",
}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_) -> None:
        """Say nothing of clients that hang up."""


class Hub:
    """The server, running between `with` and its end. requests: (method, path) of all that came.

    large_at: where large files are served; a host of another name, as the real hub has it.
    """

    def __init__(self, token: str | None = None) -> None:
        self.repositories: dict[str, Repository] = {}
        self.objects: dict[str, bytes] = {}  # large files by SHA-256
        self.token = token  # wanted of whoever writes
        self.fault: str | None = None
        self.fault_at = ""
        self.fault_times: int | None = None  # how often it strikes; None: always
        self.patience = 0.05  # seconds between the bytes of a slow body
        self.requests: list[tuple[str, str]] = []
        self.tokens: list[str] = []
        self.closing = threading.Event()
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.large_at = f"http://localhost:{self._server.server_port}"

    def __enter__(self) -> Hub:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def commit(self, name: str, files: dict[str, bytes | None]) -> str:
        """Publish without the client: a new commit of a repository, made if need be."""
        for path, data in files.items():
            if data is not None and is_large(path):
                self.objects[sha256(data)] = data
        return self.repositories.setdefault(name, Repository()).add(files)

    def struck(self, path: str) -> str | None:
        """The fault that hits a request."""
        if self.fault is None or self.fault_at not in path or self.fault_times == 0:
            return None
        if self.fault_times is not None:
            self.fault_times -= 1
        return self.fault


class _Handler(Routes, BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"
    timeout = 60
    disable_nagle_algorithm = True  # else each body waits 40 ms for the acknowledgement of its head

    def log_message(self, *_) -> None:
        pass

    def do_HEAD(self) -> None:
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def _serve(self) -> None:
        self.body = self._read()
        self.route = unquote(urlsplit(self.path).path)
        self.hub.requests.append((self.command, self.route))
        if token := self.headers.get("Authorization"):
            self.hub.tokens.append(token)
        self.fault = self.hub.struck(self.route)
        if self.fault is None or not self._misbehave():
            self._answer()

    def _answer(self) -> None:
        for method, pattern, handle in ROUTES:
            found = re.fullmatch(pattern, self.route)
            if found and (self.command == method or (method, self.command) == ("GET", "HEAD")):
                if method == "POST" and "paths-info" not in pattern and not self._may_write():
                    return self._refuse(401, "")
                return handle(self, **found.groupdict())
        return self._refuse(404, "")

    # -- bytes --------------------------------------------------------------------------------------

    def _misbehave(self) -> bool:
        """Whether the fault was the whole answer."""
        fault = self.fault
        if fault in REFUSALS:
            status, code, headers = REFUSALS[fault]
            self._refuse(status, code, headers)
        elif fault == "redirect loop":
            self._send(b"", {"Location": self.hub.url + self.path}, 307)
        elif fault == "login page":
            self._send(b"<html>Please log in</html>", {"Content-Type": "text/html"})
        elif fault == "other json" and "/api/" in self.route:
            self._json([{"type": "file", "path": 3}])
        elif fault == "silent":
            self.hub.closing.wait(30)
            self.close_connection = True
        elif fault == "no body":
            self.close_connection = True
        else:
            return False
        return True

    def _altered(self, data: bytes) -> bytes:
        half = len(data) // 2
        if self.fault in ("flipped bit", "lying etag") and data:
            # Lists stay true when only the body is damaged.
            if self.fault == "flipped bit" and "/api/" in self.route:
                return data
            return data[:half] + bytes([data[half] ^ 1]) + data[half + 1 :]
        if "/api/" in self.route:
            return data
        return {"short body": data[:half], "long body": data + b"x"}.get(self.fault or "", data)

    def _read(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while n_bytes := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(n_bytes))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _json(self, value: object) -> None:
        self._send(json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _refuse(self, status: int, code: str, headers: dict[str, str] | None = None) -> None:
        named = {"X-Error-Code": code, "X-Error-Message": f"{code} \x1b[31mred"} if code else {}
        self._send(json.dumps({"error": code or "no"}).encode(), {**named, **(headers or {})}, status)

    def _send(self, data: bytes, headers: dict[str, str], status: int = 200) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked and status == 200:
            first, last = int(asked[1]), int(asked[2] or len(data) - 1)
            headers = {**headers, "Content-Range": f"bytes {first}-{last}/{len(data)}"}
            data, status = data[first : last + 1], 206
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if self.fault == "endless body":
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "HEAD":
            return
        try:
            self._body(data)
        except OSError:  # the client has heard enough
            self.close_connection = True

    def _body(self, data: bytes) -> None:
        half = data[: len(data) // 2]
        if self.fault == "cut body":
            self.wfile.write(half)
            self.close_connection = True
        elif self.fault == "stalled body":
            self.wfile.write(half)
            self.wfile.flush()
            self.hub.closing.wait(30)
            self.close_connection = True
        elif self.fault == "slow body":
            for number in range(len(data)):
                self.wfile.write(data[number : number + 1])
                if self.hub.closing.wait(self.hub.patience):
                    break
            self.close_connection = True
        elif self.fault == "endless body":
            ends = time.monotonic() + 30
            while not self.hub.closing.is_set() and time.monotonic() < ends:
                self.wfile.write(data or b"x" * 4096)
        else:
            self.wfile.write(data)
