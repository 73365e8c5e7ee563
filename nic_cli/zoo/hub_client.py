"""The only door to the model hub, through its client library.

What is read comes in one request, within limits of size and time, into memory; whoever asked checks
it before it is kept. The client would retry for 23 seconds and longer, so it is only lent its
session, its addresses and its token here. Everything that goes wrong is a ModelError of one line.
Nothing is asked while HF_HUB_OFFLINE is set.
"""

from __future__ import annotations

import io
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from nic_cli.errors import ModelError, NicError
from nic_cli.extras import NAME

SILENCE = 8.0  # seconds that the hub may say nothing
SLOWEST, GRACE = 4096, 10.0  # bytes a second on average, asked for after so many seconds
TRIES, PAUSE = 2, 1.0  # of what may pass by itself; seconds in between
LISTING = 2**20  # bytes of the list of a repository's files
ON = ("1", "ON", "YES", "TRUE")

ProgressCallback = Callable[[int, int], None]


class Passing(ModelError):
    """A fault that may be gone at the next try."""


@dataclass(frozen=True, slots=True)
class Announced:
    """What the hub says of a file. size: bytes. git: SHA-1 of it as a git blob; sha256 of large files."""

    size: int
    git: str | None
    sha256: str | None


def endpoint() -> str:
    """The address of the hub: HF_ENDPOINT, or the client's own."""
    from huggingface_hub import constants

    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def host() -> str:
    """The name of the hub, for people."""
    return urlsplit(endpoint()).netloc or endpoint()


def cache() -> Path:
    """The folder of the hub's cache: NIC_CACHE, or where the client has it (HF_HOME, HF_HUB_CACHE)."""
    if given := os.environ.get("NIC_CACHE"):
        return Path(given).expanduser()
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def listing(repository: str, commit: str) -> dict[str, Announced]:
    """The files at the top of a repository at a commit."""
    path = f"/api/models/{repository}/tree/{commit}"
    data = _with_retries(lambda: _get(endpoint() + path, f"{repository}@{commit[:12]}", LISTING, None))
    try:
        found = {}
        for item in json.loads(data):
            if item["type"] == "file":
                large = item.get("lfs") or {}
                found[str(item["path"])] = Announced(int(item["size"]), item.get("oid"), large.get("oid"))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ModelError(f"{host()} {NO_HUB}") from None
    return found


def read(
    repository: str, commit: str, name: str, size: int, progress: ProgressCallback | None = None
) -> bytes:
    """The `size` bytes of a file at a commit; more or fewer are refused."""
    from huggingface_hub import hf_hub_url

    url = hf_hub_url(repository, name, revision=commit, endpoint=endpoint())
    what = f"{repository}/{name}"
    data = _with_retries(lambda: _get(url, what, size, progress))
    if len(data) != size:
        raise ModelError(
            f"{what}: {len(data):,} bytes came from {host()} in place of {size:,}: try again later"
        )
    return data


def push(repository: str, files: Mapping[str, bytes], message: str, *, private: bool = False) -> str:
    """Upload files in one commit, making the repository if there is none; give the commit."""
    _go_online()
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined,unused-ignore]

    disable_progress_bars()
    # Streams rather than bytes: those go through plain HTTP, whose waiting can be limited.
    parts = [CommitOperationAdd(name, io.BytesIO(data)) for name, data in files.items()]
    api = HfApi(endpoint=endpoint(), library_name="nic")
    try:
        with _impatient(repository):
            api.create_repo(repository, private=private, exist_ok=True)
            done = api.create_commit(repository, parts, commit_message=message)
    except Exception as error:
        raise _fault(error, repository) from error
    return str(done.oid)


def remove(repository: str, commit: str) -> int:
    """Take a commit of a repository out of the cache, with all that no other commit shares; bytes freed."""
    from huggingface_hub import scan_cache_dir

    plan = scan_cache_dir(cache()).delete_revisions(commit)
    plan.execute()
    return plan.expected_freed_size


# -- one request -----------------------------------------------------------------------------------


def _with_retries(ask: Callable[[], bytes]) -> bytes:
    for _ in range(TRIES - 1):
        try:
            return ask()
        except Passing:
            time.sleep(PAUSE)
    return ask()


def _get(url: str, what: str, most: int, progress: ProgressCallback | None) -> bytes:
    """The body at `url`, up to `most` bytes."""
    _go_online()
    from huggingface_hub.utils import get_session  # type: ignore[attr-defined,unused-ignore]

    try:
        with get_session().stream("GET", url, headers=_headers(), timeout=SILENCE) as response:
            if response.status_code != 200:
                raise _refusal(response.status_code, response.headers, what)
            return _body(response, what, most, progress)
    except NicError:
        raise
    except Exception as error:
        raise _fault(error, what) from error


def _body(response: Any, what: str, most: int, progress: ProgressCallback | None) -> bytes:
    started, parts, got = time.monotonic(), [], 0
    too_long = ModelError(f"{what}: more than {most:,} bytes come from {host()}: not the file it should be")
    announced = response.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > most:
        raise too_long
    for part in response.iter_raw():  # as it comes: to wait for more would hide a hub that drips
        parts.append(part)
        got += len(part)
        if got > most:
            raise too_long
        seconds = time.monotonic() - started
        if seconds > GRACE and got < SLOWEST * seconds:
            raise ModelError(f"{what}: {host()} sends under {SLOWEST} bytes a second: try again later")
        if progress is not None:
            progress(got, most)
    return b"".join(parts)


def _go_online() -> None:
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        if os.environ.get(name, "").upper() in ON:
            raise ModelError(
                "offline, so the hub is not asked: leave out --offline, and HF_HUB_OFFLINE and offline if set"
            )
    # The client tells its retries on standard error, past the handlers of the program.
    logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)


def _headers() -> dict[str, str]:
    from huggingface_hub import constants, get_token

    try:
        version = metadata.version(NAME)
    except metadata.PackageNotFoundError:  # run from a checkout that is not installed
        version = "unknown"
    headers = {"user-agent": f"nic/{version}", "accept-encoding": "identity"}
    token = None if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN else get_token()
    return headers | ({"authorization": f"Bearer {token}"} if token else {})


@contextmanager
def _impatient(what: str) -> Iterator[None]:
    """Have the client's own calls give up soon: no endless waiting, no retries of what was refused."""
    from huggingface_hub.utils import get_session  # type: ignore[attr-defined,unused-ignore]

    session = get_session()
    hooks, timeout = session.event_hooks, session.timeout

    def refuse(response: Any) -> None:
        if response.status_code in (408, 429) or response.status_code >= 500:
            raise _refusal(response.status_code, response.headers, what)

    session.event_hooks = {**hooks, "response": [*hooks.get("response", ()), refuse]}
    session.timeout = 2 * SILENCE
    try:
        yield
    finally:
        session.event_hooks, session.timeout = hooks, timeout


# -- what went wrong -------------------------------------------------------------------------------


def _refusal(status: int, headers: Mapping[str, str], what: str) -> ModelError:
    """What an answer other than 200 means. The hub's own words are left out: they are a stranger's."""
    code = headers.get("x-error-code", "")
    repository = "/".join(what.split("@")[0].split("/")[:2])
    page = f"{endpoint()}/{quote(repository)}"
    if code == "GatedRepo":
        return ModelError(
            f"{what}: only for those who accepted its terms: do so at {page}, then set HF_TOKEN"
        )
    if code == "RepoNotFound":
        return ModelError(
            f"{what}: {host()} has no such repository, or it is private: check the name or HF_TOKEN"
        )
    if code == "RevisionNotFound":
        return ModelError(f"{what}: {host()} has no such commit: check it at {page}")
    if status == 401:
        return ModelError(f"{what}: {host()} does not accept your token, or wants one: set HF_TOKEN")
    if status == 403:
        return ModelError(f"{what}: {host()} gives no access: check the rights of HF_TOKEN")
    if status == 404:
        return ModelError(f"{what}: {host()} has no such file: check what it has at {page}")
    if status == 429:
        wait = headers.get("retry-after", "")
        when = f"in {wait} seconds" if wait.isdecimal() else "later"
        return ModelError(f"{what}: {host()} is asked too often: try again {when}, or set HF_TOKEN")
    if status >= 500:
        return Passing(f"{what}: {host()} is out of order (HTTP {status}): try again later")
    return ModelError(f"{what}: {host()} answers with HTTP {status}: try again later, or check HF_ENDPOINT")


# By name, since the client's versions stand on different HTTP libraries; the first that fits counts.
NO_HUB = "does not answer as a model hub: check HF_ENDPOINT, and for a login page in between"
FAULTS = {
    "OfflineModeIsEnabled": "is not asked, since HF_HUB_OFFLINE is set: unset it",
    "ConnectTimeout": "cannot be reached: check the connection, or use --offline",
    "TimeoutException": "stopped answering: try again later",
    "ConnectError": "cannot be reached: check the connection and HF_ENDPOINT, or use --offline",
    "ProxyError": "cannot be reached through the proxy: check HTTPS_PROXY",
    "TooManyRedirects": "sends from address to address without end: check HF_ENDPOINT",
    "RemoteProtocolError": "broke off: try again",
    "NetworkError": "broke off: try again",
    "UnsupportedProtocol": "is no address: check HF_ENDPOINT",
    "InvalidURL": "is no address: check HF_ENDPOINT",
    "JSONDecodeError": NO_HUB,
    "KeyError": NO_HUB,
}
PASSING = ("RemoteProtocolError", "NetworkError")


def _fault(error: BaseException, what: str) -> NicError:
    """The one line for whatever the client raised."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, NicError):
            return cause
        response = getattr(cause, "response", None)
        if response is not None and hasattr(response, "status_code"):
            return _refusal(response.status_code, response.headers, what)
        for kind in type(cause).__mro__:
            if kind.__name__ in FAULTS:
                made = Passing if kind.__name__ in PASSING else ModelError
                return made(f"{what}: {host()} {FAULTS[kind.__name__]}")
        cause = cause.__cause__
    said = str(error).strip().partition("\n")[0]
    return ModelError(f"{what}: {host()}: {type(error).__name__}: {said}")
