"""The version of the program, where everyone may have it from."""

__version__ = "0.1.0"
