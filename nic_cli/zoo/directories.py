"""Where models lie on this machine. Names from outside are checked here before they meet a path."""

from __future__ import annotations

import re
from pathlib import Path

from nic_cli.errors import UsageError

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def embedded(name: str) -> Path:
    """The folder of a model that comes with the program."""
    inside = Path(__file__).parents[1] / "models" / name  # as installed
    return inside if inside.is_dir() else Path(__file__).parents[2] / "models" / name  # as checked out


def user_data() -> Path:
    """The folder of what the program keeps for this user (on Linux ~/.local/share/nic)."""
    import platformdirs

    return platformdirs.user_data_path("nic", appauthor=False)


def user_models() -> Path:
    """The folder of the models that this user imported or added, one folder each."""
    return user_data() / "models"


def own(name: str) -> Path:
    """The folder, there or not, of the user's model of this name. Raises UsageError for a wrong name."""
    return user_models() / checked_name(name)


def checked_name(name: str) -> str:
    """The name, if it can be that of a folder everywhere and of nothing but a folder. Raises UsageError."""
    if not is_name(name):
        raise UsageError(
            f"{name!r} cannot be the name of a model: use up to 64 of a-z 0-9 . _ -, a letter or digit first"
        )
    return name


def is_name(name: str) -> bool:
    """Whether a name may be joined to a path: lower-case letters, digits and . _ -, and no `..`."""
    return bool(NAME.fullmatch(name)) and ".." not in name and not name.endswith(".")
