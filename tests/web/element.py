"""What `<nic-image>` shows in a page of its own, read back from its canvas, whichever the browser."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from nic_cli.web import site
from tests import reference
from tests.golden import IMPORTED, REFUSED, SHOWN, V1, model_of, rows

FILES = {row["file"]: row for row in rows("files.tsv")}
NATIVE = [name for name in FILES if name not in IMPORTED]
COLOURED = ("wide-colours", "hdr")
"""Files whose values are not those of sRGB."""
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>One element</title>
<script type="module" src="nic-image.js"></script><nic-image id="picture" alt="waves"></nic-image></html>
"""
SHOW = """
const [data, b, space, done] = arguments;
const element = document.querySelector("nic-image");
const ended = new AbortController();
const heard = (name, act) => element.addEventListener(name, ({ detail }) => {
  const said = act(detail);
  if (said) ended.abort(), done(said);
}, { signal: ended.signal });
heard("error", ({ message }) => ({ message }));
heard("draw", ({ full }) => {
  if (!full) return;
  const canvas = element.shadowRoot.querySelector("canvas");
  const { width, height } = canvas;
  const context = canvas.getContext("2d");
  const pixels = context.getImageData(0, 0, width, height, { colorSpace: space }).data;
  let text = "";
  for (let i = 0; i < pixels.length; i += 8192) text += String.fromCharCode(...pixels.subarray(i, i + 8192));
  return { width, height, pixels: btoa(text), space: context.getContextAttributes().colorSpace };
});
element.b = b;
if (data) element.file = new Blob([Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0))]);
"""


class Refusal(Exception):
    """Of a file, in the words of the element."""


class Quiet(SimpleHTTPRequestHandler):
    """A plain static server: what `python -m http.server` runs, whatever the machine knows of types."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".js": "text/javascript"}

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def hosted(folder: Path, kind: type[Quiet] = Quiet) -> Iterator[str]:
    """The address of a static server of a folder."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(kind, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a site in a folder, with the embedded model, the golden one, and one.html."""
    site.write(folder, ["iris", str(model_of("tiny"))], force=False)
    (folder / "one.html").write_text(PAGE)
    with hosted(folder) as address:
        yield address


def shown(page, data: bytes, b: float | None = None, space: str = "srgb") -> np.ndarray:
    """RGBA that is drawn of a file, or anew of the one before, in sRGB or display-p3. Raises Refusal."""
    said = page.driver.execute_async_script(SHOW, base64.b64encode(data).decode(), b, space)
    if "message" in said:
        raise Refusal(said["message"])
    pixels = np.frombuffer(base64.b64decode(said["pixels"]), np.uint8)
    return pixels.reshape(said["height"], said["width"], 4)


def golden(name: str) -> bytes:
    """A golden file."""
    return (V1 / f"{name}.nic").read_bytes()


def refused(name: str) -> bytes:
    """A golden file that is damaged, or asks for what there is not yet."""
    return (V1 / REFUSED / f"{name}.nic").read_bytes()


def decoded(name: str, b: float | None = None) -> np.ndarray:
    """RGBA of 8 bits by the second decoder: the values of a golden file as they stand there."""
    found = reference.decode(golden(name), model_of(FILES[name]["model"]), b)[0]
    if found.dtype == np.uint16:
        range_of = reference.parse(golden(name)).chunks.get("RANG")
        top = int.from_bytes(range_of, "little") if range_of else 65535
        found = np.rint(found * (255 / top)).astype(np.uint8)
    height, width, planes = found.shape
    alpha = found[..., -1:] if planes in (2, 4) else np.full((height, width, 1), 255, np.uint8)
    colours = found[..., :-1] if planes in (2, 4) else found
    return np.concatenate([np.broadcast_to(colours, (height, width, 3)), alpha], 2)


def apart(found: np.ndarray, right: np.ndarray) -> np.ndarray:
    """By how many levels two pictures differ where they are opaque: a canvas keeps little else."""
    assert found.shape == right.shape
    assert np.abs(found[..., 3].astype(int) - right[..., 3]).max() <= 1
    opaque = right[..., 3] == 255
    return np.abs(found[opaque][:, :3].astype(int) - right[opaque][:, :3])


def check(page, name: str) -> None:
    """A golden file is shown within one level at 99.99 % of the samples, two at all."""
    for b in (None, *SHOWN.get(name, ())):
        found, right = shown(page, golden(name), b), decoded(name, b)
        if name not in COLOURED:
            levels = apart(found, right)
            assert levels.max() <= 2 and (levels > 1).mean() <= 0.0001
