"""The decoder in a real browser: workers, fetching of the kernels, the same pixels as in node."""

from __future__ import annotations

import json
import shutil
import subprocess
from base64 import b64decode

import numpy as np
import pytest

from tests import reference
from tests.golden import ROOT, V1, model_of
from tests.web.element import Quiet, hosted

NAME = "several-sizes-of-tiles"
SCRIPT = """
const [file, options, b, finished] = arguments;
(async () => {
  const { Team } = await import("/nic_cli/web/decoder/client.js");
  const config = await (await fetch("/models/iris/config.json")).text();
  const weights = await (await fetch("/models/iris/model.safetensors")).arrayBuffer();
  const team = await Team.open(config, weights, options);
  const started = performance.now();
  const picture = await team.picture(await (await fetch(file)).arrayBuffer());
  const { width, height } = picture;
  const data = new Uint8Array(4 * width * height);
  await picture.show({ b }, (band) => data.set(band.data, 4 * width * band.top));
  const seconds = (performance.now() - started) / 1000;
  team.close();
  let text = "";
  for (const value of data) text += String.fromCharCode(value);
  return { width, height, seconds, model: team.model, data: btoa(text) };
})().then(finished, (error) => finished({ failed: String(error) }));
"""


ISOLATED = "return crossOriginIsolated"


class Isolating(Quiet):
    """A server whose pages may share memory among threads."""

    def end_headers(self) -> None:
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()


@pytest.fixture(scope="module", params=[Quiet, Isolating])
def place(request, browser):
    """A page of a server, without special headers and with them."""
    with hosted(ROOT, request.param) as address:
        browser.driver.get(f"{address}nic_cli/web/decoder/errors.js")
        assert browser.run(ISOLATED) is (request.param is Isolating)
        yield browser


def decoded(browser, b: float, **options: object) -> np.ndarray:
    """RGBA of the file, as `Team` shows it."""
    path = f"/{(V1 / NAME).relative_to(ROOT).as_posix()}.nic"
    found = browser.driver.execute_async_script(SCRIPT, path, options, b)
    assert "failed" not in found, found
    assert found["model"]["threads"] == (options.get("threads", 1) if browser.run(ISOLATED) else 1)
    pixels = np.frombuffer(b64decode(found["data"]), np.uint8)
    return pixels.reshape(found["height"], found["width"], 4).astype(int)


def test_a_browser_shows_what_the_second_decoder_does(place):
    """With one worker, with two, with three threads, and without WebAssembly."""
    right, _ = reference.decode((V1 / f"{NAME}.nic").read_bytes(), model_of("iris"), 0.8)
    one = decoded(place, 0.8)
    assert np.abs(one[..., :3] - right).max() <= 1 and (one[..., 3] == 255).all()
    assert (decoded(place, 0.8, count=2) == one).all()
    assert (decoded(place, 0.8, threads=3) == one).all()
    assert np.abs(decoded(place, 0.8, plain=True) - one).max() <= 1


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_browser_and_node_agree_to_the_bit(place, tmp_path):
    """WebAssembly's numbers are the same everywhere."""
    asks = {"file": f"{V1 / NAME}.nic", "out": str(tmp_path / "a"), "draws": [{"b": 0.8}]}
    question = json.dumps({"model": str(model_of("iris")), "files": [asks]})
    subprocess.run(["node", ROOT / "tests/web/run.mjs", question], check=True, capture_output=True)
    right = np.frombuffer((tmp_path / "a").read_bytes(), np.uint8)
    assert (decoded(place, 0.8).ravel() == right).all()
