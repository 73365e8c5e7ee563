"""The site in a real browser: golden files, damaged ones, the dial, colours, and what is asked of whom."""

from __future__ import annotations

import base64
import threading
from functools import partial
from http.server import ThreadingHTTPServer

import numpy as np
import pytest

from nic_cli.web import site
from tests import reference
from tests.bench.browser import chromium, missing, until
from tests.golden import IMPORTED, REFUSED, SHOWN, V1, model_of, rows
from tests.web.element import Quiet

FILES = {row["file"]: row for row in rows("files.tsv")}
NATIVE = [name for name in FILES if name not in IMPORTED]
COLOURED = {"wide-colours", "back-to-its-space", "hdr"}
"""Files whose pixels the browser turns into its own colours."""
DAMAGED = ["header-checksum", "payload-checksum", "symbol-checksum", "version-2", "unknown-critical-chunk"]
DECODED = "return document.getElementById('status').textContent.startsWith('Decoded')"
NO_GPU = "No available adapters."
"""What Chromium notes where a page asks for a GPU and there is none."""
SHOW = """
const [data, b, done] = arguments;
const element = document.getElementById("picture");
const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
const failed = ({ detail }) => finish({ error: detail.message });
const drawn = ({ detail }) => {
  if (!detail.full) return;
  const canvas = element.shadowRoot.querySelector("canvas");
  const { width, height } = canvas;
  const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
  let text = "";
  for (let i = 0; i < pixels.length; i += 8192) text += String.fromCharCode(...pixels.subarray(i, i + 8192));
  finish({ width, height, pixels: btoa(text), header: element.header });
};
const finish = (said) => {
  element.removeEventListener("error", failed);
  element.removeEventListener("draw", drawn);
  done(said);
};
element.addEventListener("error", failed);
element.addEventListener("draw", drawn);
element.b = b === null ? undefined : b;
if (data) element.file = new Blob([bytes]);
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Of a site with the embedded model and the golden one."""
    folder = tmp_path_factory.mktemp("web") / "site"
    site.write(folder, ["iris", str(model_of("tiny"))], force=False)
    (folder / "own.html").write_text(
        '<!doctype html><html lang="en"><title>x</title>'
        '<script type="module" src="nic-image.js"></script>'
        '<nic-image src="preview.nic" alt="waves"></nic-image>'
        '<nic-image src="none.nic" alt="none"></nic-image>'
    )
    (folder / "preview.nic").write_bytes((V1 / "preview.nic").read_bytes())
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    if reason := missing():
        pytest.skip(f"{reason}: apt-get install chromium chromium-driver, pip install selenium")
    with chromium() as page:
        page.driver.set_script_timeout(120)
        yield page


@pytest.fixture
def page(browser, address):
    """The page of the site, which is opened once."""
    if not browser.driver.current_url.startswith(f"{address}index.html"):
        browser.driver.get(f"{address}index.html")
        browser.complaints(), browser.requests()
    return browser


def shown(page, data: bytes, b: float | None = None):
    """What the page draws of a file: its pixels as RGBA, or the error that it shows."""
    said = page.driver.execute_async_script(SHOW, base64.b64encode(data).decode(), b)
    if "error" in said:
        return said["error"]
    pixels = np.frombuffer(base64.b64decode(said["pixels"]), np.uint8)
    return pixels.reshape(said["height"], said["width"], 4)


def wanted(name: str, b: float | None) -> np.ndarray:
    """RGBA of 8 bits by the second decoder."""
    found = reference.decode((V1 / f"{name}.nic").read_bytes(), model_of(FILES[name]["model"]), b)[0]
    if found.dtype == np.uint16:
        top = 65535
        if "RANG" in (chunks := reference.parse((V1 / f"{name}.nic").read_bytes()).chunks):
            top = int.from_bytes(chunks["RANG"], "little")
        found = np.rint(found * (255 / top)).astype(np.uint8)
    colours = found[:, :, :-1] if found.shape[2] in (2, 4) else found
    alpha = found[:, :, -1:] if found.shape[2] in (2, 4) else np.full((*found.shape[:2], 1), 255, np.uint8)
    return np.concatenate([np.broadcast_to(colours, (*found.shape[:2], 3)), alpha], 2)


@pytest.mark.parametrize("name", NATIVE)
def test_golden_files_are_shown_as_the_second_decoder_has_them(page, name):
    """Within one level at 99.99 % of the samples, two at all; of clear pixels a canvas keeps no colour."""
    for b in (None, *SHOWN.get(name, ())):
        found = shown(page, (V1 / f"{name}.nic").read_bytes(), b)
        assert not isinstance(found, str), found
        right = wanted(name, b)
        assert found.shape == right.shape
        if name in COLOURED:
            continue
        assert np.abs(found[:, :, 3].astype(int) - right[:, :, 3]).max() <= 1
        full = right[:, :, 3] == 255
        apart = np.abs(found[full][:, :3].astype(int) - right[full][:, :3])
        assert apart.max() <= 2 and (apart > 1).mean() <= 0.0001


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_files_are_refused_with_the_reason(page, name):
    said = shown(page, (V1 / REFUSED / f"{name}.nic").read_bytes())
    assert isinstance(said, str) and len(said.splitlines()) == 1
    assert until(page, "return document.getElementById('error').textContent")


def test_imported_models_are_refused_with_the_reason(page):
    assert "model" in shown(page, (V1 / "imported.nic").read_bytes())


def test_the_dial_turns_realism_and_keeps_the_file(page):
    first = shown(page, (V1 / "tiles.nic").read_bytes())
    again = page.driver.execute_async_script(SHOW, "", 0.0)
    pixels = np.frombuffer(base64.b64decode(again["pixels"]), np.uint8).reshape(first.shape)
    assert (pixels != first).any() and np.abs(pixels.astype(int) - wanted("tiles", 0.0)).max() <= 2


def test_nothing_is_asked_of_others_and_nothing_complained_of(page, address):
    page.driver.get("about:blank")
    page.complaints(), page.requests()
    page.driver.get(f"{address}index.html?file=preview.nic")
    until(page, DECODED)
    asked = page.requests()
    assert asked and all(url.startswith((address, f"blob:{address}")) for url in asked)
    assert [said for said in page.complaints() if not said.endswith(NO_GPU)] == []


def test_the_weights_are_fetched_once(page, address):
    """Whatever the server says of keeping things: they are kept under their hash."""
    kept = "return caches.open('nic-models').then(c => c.keys()).then(all => all.map(r => r.url))"
    page.driver.get(f"{address}index.html?file=preview.nic")
    until(page, DECODED)
    assert any("model.safetensors?sha256=" in url for url in page.run(kept))
    page.requests()
    page.driver.get("about:blank")
    page.driver.get(f"{address}index.html?file=preview.nic")
    until(page, DECODED)
    assert not [url for url in page.requests() if "safetensors" in url]


def test_an_element_in_a_page_of_ones_own(page, address):
    page.driver.get(f"{address}own.html")
    until(page, "return Boolean(customElements.get('nic-image'))")
    said = until(
        page,
        "const one = document.querySelector('nic-image');"
        "const canvas = one.shadowRoot.querySelector('canvas');"
        "return !canvas.hidden && {width: canvas.width, role: one.getAttribute('role'), name: one.ariaLabel}",
    )
    assert said == {"width": 330, "role": "img", "name": "waves"}
    missing = (
        "const one = document.querySelectorAll('nic-image')[1];"
        "const slot = one.shadowRoot.querySelector('slot');"
    )
    assert until(page, f"{missing} return !slot.hidden && slot.textContent") == "none"
    assert page.run(f"{missing} return one.header === undefined")


def test_the_dial_answers_at_once_when_it_was_prepared(page, address):
    """A mix comes before the full picture; of elements that nobody turns there is none."""
    shown(page, (V1 / "preview.nic").read_bytes())
    script = """
        const [done, element] = [arguments[0], document.getElementById("picture")];
        const seen = [];
        element.addEventListener("draw", function heard({ detail }) {
          seen.push(detail.full);
          if (!detail.full) return;
          element.removeEventListener("draw", heard);
          if (seen.length > 1) return done(seen);
          element.addEventListener("draw", heard);
          turn();
        });
        let b = 0.1;
        const turn = () => setTimeout(() => (element.b = b += 0.05), 2500);
        turn();
    """
    assert page.driver.execute_async_script(script)[-2:] == [False, True]


def test_all_of_it_works_by_keys_and_has_a_name(page, address):
    from selenium.webdriver import ActionChains

    page.driver.get(f"{address}index.html?file=tiles.nic")
    assert until(page, "return document.getElementById('error').textContent").startswith("tiles.nic")
    page.driver.get(f"{address}index.html?file=preview.nic")
    until(page, DECODED)
    before = page.run("return document.getElementById('b').value")
    ActionChains(page.driver).send_keys(",").perform()
    assert float(page.run("return document.getElementById('b').value")) < float(before)
    ActionChains(page.driver).send_keys("r").send_keys("i").perform()
    assert page.run("return document.getElementById('b').value") == before
    assert page.run("return !document.getElementById('details').hidden")
    assert "330 x 240" in page.find("#rows").text
    nameless = page.run(
        "return [...document.querySelectorAll('button, input, select')].filter(e => e.checkVisibility() && "
        "!(e.textContent.trim() || e.ariaLabel || (e.labels && e.labels.length))).map(e => e.id)"
    )
    assert nameless == []
