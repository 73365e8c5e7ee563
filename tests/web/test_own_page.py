"""<nic-image> in a page of one's own: what an <img> does, it does too."""

from __future__ import annotations

import base64
import subprocess
import sys

import pytest
from PIL import Image

from tests.bench.browser import until
from tests.golden import model_of
from tests.web.element import golden, served

PAGE = """<!doctype html><html lang="en"><title>x</title><meta name="viewport" content="width=device-width">
<script>
  const early = document.createElement("nic-image");
  early.src = "another-model.nic";
  early.alt = "early";
  early.live = true;
  early.id = "early";
  addEventListener("DOMContentLoaded", () => document.body.append(early));
</script>
<script type="module" src="nic-image.js"></script>
<body style="margin: 0">
<nic-image id="plain" src="another-model.nic" alt="150 x 90"></nic-image><br>
<nic-image id="sized" src="another-model.nic" width="100" height="60" alt=""></nic-image>
<nic-image id="cover" src="another-model.nic" alt=""
  style="width: 80px; height: 80px; object-fit: cover"></nic-image>
<nic-image id="wide" src="another-model.nic" style="width: 100%" alt=""></nic-image>
<nic-image id="none" src="none.nic" width="40" height="30" alt=""></nic-image>
<div style="height: 6000px"></div>
<nic-image id="lazy" src="another-model.nic" loading="lazy" alt=""></nic-image>
"""
BOX = (
    "const {width, height} = document.getElementById(arguments[0]).getBoundingClientRect();"
    "return [width, height]"
)
INNER = (
    "const inner = document.getElementById(arguments[0]).shadowRoot.querySelector('canvas');"
    "const {width, height} = inner.getBoundingClientRect();"
    "return [width, height, getComputedStyle(inner).objectFit]"
)
DRAWN = "return document.getElementById(arguments[0]).header !== undefined"


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    folder = tmp_path_factory.mktemp("own") / "site"
    with served(folder) as address:
        (folder / "own.html").write_text(PAGE)
        for name in ("another-model", "least-rate"):
            (folder / f"{name}.nic").write_bytes(golden(name))
        browser.size(600, 500)
        browser.driver.get(f"{address}own.html")
        for name in ("plain", "sized", "cover", "wide", "early"):
            until(browser, DRAWN, name)
        yield browser


def test_it_has_the_size_of_its_picture_of_its_attributes_or_of_styles(page):
    assert page.run(BOX, "plain") == [150, 90]
    assert page.run(BOX, "sized") == [100, 60]
    assert page.run(BOX, "cover") == [80, 80] and page.run(INNER, "cover") == [80, 80, "cover"]
    assert page.run(BOX, "wide") == [600, 360]
    assert page.run(BOX, "none") == [40, 30]


def test_properties_are_attributes_those_too_that_were_set_before_the_script_came(page):
    one = "const one = document.getElementById('early');"
    said = page.run(f"{one} return [one.src, one.alt, one.live, one.getAttribute('src'), one.ariaLabel]")
    assert said == ["another-model.nic", "early", True, "another-model.nic", "early"]
    page.run(f"{one} one.width = 75; one.height = 45")
    assert page.run(BOX, "early") == [75, 45]


def test_room_is_there_before_the_pixels(page):
    """A page does not jump once a picture is decoded."""
    script = """
        const [done] = arguments;
        const one = document.createElement("nic-image");
        const boxes = [];
        const look = () => boxes.push(one.getBoundingClientRect().height);
        document.body.prepend(one);
        one.addEventListener("load", look);
        one.addEventListener("draw", () => (look(), one.remove(), done(boxes)));
        one.src = "another-model.nic";
    """
    assert page.driver.execute_async_script(script) == [90, 90]


def test_lazy_ones_wait_until_they_come_near(page):
    assert page.run("return document.getElementById('lazy').header === undefined")
    page.run("scrollTo(0, document.body.scrollHeight)")
    until(page, DRAWN, "lazy")
    page.run("scrollTo(0, 0)")


TURNS = """
const [done] = arguments;
const one = document.createElement("nic-image");
document.body.prepend(one);
one.live = true;
one.src = "another-model.nic";
const seen = [];
const wanted = [0.1, 0.4, 0.7];
one.addEventListener("draw", ({ detail }) => {
  seen.push(detail.full);
  if (!detail.full) return;
  if (wanted.length) return void (one.b = wanted.shift());
  one.addEventListener("draw", ({ detail }) => detail.full || (one.remove(), done(seen)));
  setTimeout(function turn() {
    one.b = (one.b + 0.01) % 1;
    if (one.isConnected) setTimeout(turn, 300);
  });
});
"""


def test_turning_it_before_the_mixes_are_there_draws_all_the_same(page):
    """Full pictures come one after the other, with the mixes made in between, not anew each time."""
    seen = page.driver.execute_async_script(TURNS)
    assert seen[:4] == [True] * 4 and seen[-1] is False


def test_what_is_saved_is_at_the_realism_that_was_asked_for(page):
    script = """
        const [done] = arguments;
        const one = document.getElementById("plain");
        const pixels = async (blob) => {
          const bitmap = await createImageBitmap(blob);
          const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
          canvas.getContext("2d").drawImage(bitmap, 0, 0);
          return canvas.getContext("2d").getImageData(0, 0, bitmap.width, bitmap.height).data;
        };
        (async () => {
          const loaded = new Promise((load) => one.addEventListener("load", load));
          one.src = "least-rate.nic";
          await loaded;
          const full = ({ detail }, drawn) => detail.full && drawn();
          const drawn = new Promise((drawn) => one.addEventListener("draw", (event) => full(event, drawn)));
          one.b = 0;
          const early = await pixels(await one.toBlob());
          await drawn;
          const late = await pixels(await one.toBlob());
          one.b = 1;
          const other = await pixels(await one.toBlob());
          const same = (a, b) => a.every((value, i) => value === b[i]);
          done([same(early, late), same(late, other)]);
        })().catch((error) => done(String(error.stack)));
    """
    assert page.driver.execute_async_script(script) == [True, False]


def test_src_can_be_taken_away_be_wrong_and_come_back(page):
    """No address is asked for where there is none, and what went away with its place comes back with it."""
    script = """
        const [done] = arguments;
        const one = document.createElement("nic-image");
        const once = (name) => new Promise((heard) => one.addEventListener(name, heard, { once: true }));
        (async () => {
          document.body.prepend(one);
          one.src = "another-model.nic";
          await once("draw");
          const errors = [];
          one.addEventListener("error", ({ detail }) => errors.push(detail.message));
          one.removeAttribute("src");
          const gone = one.header === undefined && one.getBoundingClientRect().height === 0;
          const failed = once("error");
          one.src = "http://[";
          await failed;
          const blob = await (await fetch("another-model.nic")).blob();
          one.file = blob;
          await once("draw");
          one.remove();
          await new Promise((resume) => setTimeout(resume, 50));
          document.body.prepend(one);
          await once("draw");
          one.remove();
          done([gone, errors.length]);
        })().catch((error) => done(String(error.stack)));
    """
    assert page.driver.execute_async_script(script) == [True, 1]


def test_what_a_canvas_has_no_room_for_is_refused(page, tmp_path):
    """Browsers draw nothing on canvases that are too large, and say nothing of it."""
    picture, file = tmp_path / "long.png", tmp_path / "long.nic"
    Image.new("RGB", (70000, 8), (200, 100, 50)).save(picture)
    command = ["encode", "-Q", "-m", str(model_of("tiny")), str(picture), "-o", str(file)]
    subprocess.run([sys.executable, "-m", "nic_cli", *command], check=True)
    script = """
        const [data, done] = arguments;
        const one = document.createElement("nic-image");
        document.body.prepend(one);
        for (const name of ["draw", "error"])
          one.addEventListener(name, ({ detail }) => (one.remove(), done([name, detail.message])));
        one.file = new Blob([Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0))]);
    """
    name, said = page.driver.execute_async_script(script, base64.b64encode(file.read_bytes()).decode())
    assert name == "error" and "70000 x 8" in said
