"""Codecs by their own commands, where these are installed: what they are asked for, run, and read back.

table.py     what is known of each: its dial, its settings, its lines, its decoder
running.py   one command in a private folder: time limit, last words, nothing left
pictures.py  what the programs read and write: PNG, PPM, YUV
jpegli.py    the one that is a library of Python
calls.py     encode and decode, what is missing, versions, lines for reports
"""

from nic_cli.bench.programs.calls import command, decode, encode, knows, missing, version
from nic_cli.bench.programs.table import PROGRAMS, Program

__all__ = ["PROGRAMS", "Program", "command", "decode", "encode", "knows", "missing", "version"]
