"""python -m tests.reference FILE.nic MODEL_FOLDER -o OUT.png [-b REALISM]."""

import sys
from argparse import ArgumentParser
from pathlib import Path

from tests.reference import decode, png
from tests.reference.container import parse


def main() -> int:
    """Decode one file; 1 and a line on standard error where that cannot be."""
    parser = ArgumentParser(prog="python -m tests.reference", description="Decode a .nic file.")
    for name in ("file", "folder"):
        parser.add_argument(name, type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("-b", type=float, help="realism, 0..1; default: that of the file")
    given = parser.parse_args()
    try:
        data = given.file.read_bytes()
        pixels, _ = decode(data, given.folder, given.b)
        if left := sorted(parse(data).chunks.keys() - {"ALPH", "RANG", "orig"}):
            print(f"{given.file}: only its pixels; left out: {', '.join(left)}", file=sys.stderr)
        given.output.write_bytes(png.written(pixels))
    except (OSError, ValueError) as error:
        print(f"{given.file}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
