"""The decoder in a real browser: workers, fetching of the kernels, the same pixels as in node."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from base64 import b64decode
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from tests import reference
from tests.bench.browser import chromium, missing
from tests.golden import ROOT, V1, model_of

NAME = "several-sizes-of-tiles"
SCRIPT = """
const [file, count, plain, b, finished] = arguments;
(async () => {
  const { Team } = await import("/nic_cli/web/decoder/client.js");
  const config = await (await fetch("/models/iris/config.json")).text();
  const weights = await (await fetch("/models/iris/model.safetensors")).arrayBuffer();
  const team = await Team.open(config, weights, { count, plain });
  const started = performance.now();
  const picture = await team.picture(await (await fetch(file)).arrayBuffer());
  const { width, height } = picture;
  const data = new Uint8Array(4 * width * height);
  await picture.show({ b }, (band) => data.set(band.data, 4 * width * band.top));
  const seconds = (performance.now() - started) / 1000;
  team.close();
  let text = "";
  for (const value of data) text += String.fromCharCode(value);
  return { width, height, seconds, data: btoa(text) };
})().then(finished, (error) => finished({ failed: String(error) }));
"""


class Quiet(SimpleHTTPRequestHandler):
    """Files of the repository."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".js": "text/javascript"}

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def browser():
    if reason := missing():
        pytest.skip(f"{reason}: apt-get install chromium chromium-driver, pip install selenium")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(ROOT)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with chromium() as page:
        page.driver.get(f"http://127.0.0.1:{server.server_port}/nic_cli/web/decoder/errors.js")
        page.driver.set_script_timeout(60)
        yield page
    server.shutdown()
    server.server_close()


def decoded(browser, count: int, plain: bool, b: float) -> np.ndarray:
    path = f"/{(V1 / NAME).relative_to(ROOT).as_posix()}.nic"
    found = browser.driver.execute_async_script(SCRIPT, path, count, plain, b)
    assert "failed" not in found, found
    pixels = np.frombuffer(b64decode(found["data"]), np.uint8)
    return pixels.reshape(found["height"], found["width"], 4).astype(int)


def test_a_browser_shows_what_the_second_decoder_does(browser):
    """With one worker, with two, and without WebAssembly."""
    right, _ = reference.decode((V1 / f"{NAME}.nic").read_bytes(), model_of("iris"), 0.8)
    one, two, plain = (decoded(browser, *case, 0.8) for case in ((1, False), (2, False), (1, True)))
    assert np.abs(one[..., :3] - right).max() <= 1 and (one[..., 3] == 255).all()
    assert (two == one).all() and np.abs(plain - one).max() <= 1


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_browser_and_node_agree_to_the_bit(browser, tmp_path):
    """WebAssembly's numbers are the same everywhere."""
    asks = {"file": f"{V1 / NAME}.nic", "out": str(tmp_path / "a"), "draws": [{"b": 0.8}]}
    question = json.dumps({"model": str(model_of("iris")), "files": [asks]})
    subprocess.run(["node", ROOT / "tests/web/run.mjs", question], check=True, capture_output=True)
    right = np.frombuffer((tmp_path / "a").read_bytes(), np.uint8)
    assert (decoded(browser, 1, False, 0.8).ravel() == right).all()
