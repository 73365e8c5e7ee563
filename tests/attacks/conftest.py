"""The runner of the command's tests, for files that mean harm."""

from tests.cli.conftest import clean_place, load_once, nic  # noqa: F401
