"""Everything that can go wrong on purpose, and the exit code of each.

    NicError                 1   a failure with no code of its own
    ├── UsageError           2   a value out of range, two inputs that map to one output
    │   ├── WrongType        2   from Python: also a TypeError
    │   └── WrongValue       2   from Python: also a ValueError
    ├── PictureError         3   the input is not a picture we can read
    ├── FormatError          3   not a .nic file, or one that cannot be trusted
    │   ├── DamagedFile      3   truncated, a checksum that differs, a field out of range
    │   └── UnknownVersion   3   sound, but from a format this program cannot read
    ├── ModelError           4   the model is missing, out of reach, or not the one it should be
    └── OutputExists         5   the output is there and neither -f nor --skip-existing was given

A message says what, where, and what to do next, in one line. It is raised where the fault is
seen; `terminal.failures` alone turns it into a line on standard error and an exit code.
"""

from __future__ import annotations


class NicError(Exception):
    """A failure that is reported in one line."""

    code = 1


class UsageError(NicError):
    """The command was asked for something it cannot mean."""

    code = 2


class WrongType(UsageError, TypeError):
    """Python code gave something of a kind that is not taken."""


class WrongValue(UsageError, ValueError):
    """Python code gave a value that is out of range, or that goes with no other."""


class PictureError(NicError):
    """The input is not a picture, or one that is refused (animated, too large)."""

    code = 3


class FormatError(NicError):
    """The input is not a `.nic` file that can be trusted."""

    code = 3


class DamagedFile(FormatError):
    """A `.nic` file that was cut, changed, or never right."""


class UnknownVersion(FormatError):
    """A `.nic` file of a format version that this program does not read."""


class ModelError(NicError):
    """The model is missing, cannot be fetched, or fails its checks."""

    code = 4


class OutputExists(NicError):
    """The output file exists already."""

    code = 5


class NicWarning(UserWarning):
    """What could not be kept of a picture, or was done in another way than asked, told to Python code."""
