"""What adds an optional part of nic to this very installation: a clone, or one by pip, pipx or uv."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit

NAME = "nic-codec"
"""The distribution. nic-cli on the index is another program, and so is nic."""


def adding(extra: str) -> str:
    """Give the command that installs an extra (`formats`, `bench`, ...) beside what is running.

    `pip install 'nic-codec[formats]'` where nic came from an index, or the folder or address that it came
    from (PEP 610) in place of the name; of pipx and uv their own command, since they keep nic apart.
    """
    origin, editable, installer = _record()
    what = f"{origin}[{extra}]" if origin.startswith(os.sep) or ":" not in origin else ""
    what = what or f"{NAME}[{extra}] @ {origin}"
    place = Path(sys.prefix)
    if (place / "pipx_metadata.json").exists():
        command = "pipx install --force"
    elif (place / "uv-receipt.toml").exists():
        command = "uv tool install"
    elif installer == "uv":
        command = "uv pip install"
    else:
        command = f"{_pip()} install"
    quoted = f"'{what}'" if "'" not in what else shlex.quote(what)  # the brackets mean files to some shells
    return f"{command} {'-e ' if editable else ''}{quoted}"


def _record() -> tuple[str, bool, str]:
    """Where this package came from (its name, if from an index), whether by -e, and what installed it."""
    try:
        own = metadata.distribution(NAME)
    except metadata.PackageNotFoundError:  # a clone that is run as it stands
        return str(Path(__file__).parents[1]), True, ""
    installer = (own.read_text("INSTALLER") or "").strip()
    url = json.loads(own.read_text("direct_url.json") or "{}")
    editable = bool(url.get("dir_info", {}).get("editable"))
    if "vcs_info" in url:
        return f"{url['vcs_info']['vcs']}+{url['url']}", False, installer
    address = urlsplit(str(url.get("url", "")))
    folder = Path(unquote(address.path))
    if address.scheme != "file":
        return str(url.get("url") or NAME), False, installer
    if os.name == "nt":
        folder = Path(unquote(address.path).lstrip("/"))
    return (str(folder), editable, installer) if folder.is_dir() else (NAME, False, installer)


def _pip() -> str:
    """`pip`, if that is the one of this Python; else this Python with it."""
    found = shutil.which("pip")
    if found is not None and Path(found).parent == Path(sys.executable).parent:
        return "pip"
    return f"{shlex.quote(sys.executable)} -m pip"
