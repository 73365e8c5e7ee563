"""The synthesis by WebGPU, which Chromium can do without a GPU: what the kernels draw, or not used at all."""

from __future__ import annotations

import pytest

from tests.bench.browser import chromium, missing
from tests.golden import ROOT, model_of
from tests.web.element import hosted

FLAGS = ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader")
ADAPTER = """
const [done] = arguments;
(async () => Boolean(await navigator.gpu?.requestAdapter()))().then(done);
"""
START = """
const given = [...arguments];
const finished = given.pop();
const levels = (a, b) => {
  const apart = a.map((value, i) => Math.abs(value - b[i]));
  return { most: Math.max(...apart), share: apart.filter((one) => one > 0).length / apart.length };
};
(async () => {
  const { Model, Picture } = await import("/nic_cli/web/decoder/decoder.js");
  const { Gpu } = await import("/nic_cli/web/decoder/gpu.js");
  const model = async (folder) => {
    const [config, weights] = await Promise.all(
      ["config.json", "model.safetensors"].map((name) => fetch(`${folder}/${name}`)),
    );
    return Model.open(await config.text(), await weights.arrayBuffer());
  };
  const bytes = async (file) => (await fetch(`/tests/golden/v1/${file}.nic`)).arrayBuffer();
"""
END = """
})().then(finished, (error) => finished(String(error.stack)));
"""


@pytest.fixture(scope="module")
def page():
    if reason := missing():
        pytest.skip(reason)
    with hosted(ROOT) as address, chromium(*FLAGS) as page:
        page.driver.set_script_timeout(120)
        page.driver.get(f"{address}nic_cli/web/decoder/errors.js")
        if not page.driver.execute_async_script(ADAPTER):
            pytest.skip("this Chromium has no WebGPU made of software")
        yield page


def said(page, script: str, *given: object):
    found = page.driver.execute_async_script(START + script + END, *given)
    assert not isinstance(found, str), found
    return found


def address(model: str) -> str:
    """Where the server has it."""
    return f"/{model_of(model).relative_to(ROOT).as_posix()}"


DRAW = """
  const made = await model(given[0]);
  const files = given[1];
  made.gpu = await Gpu.open(made, true);
  const found = [];
  for (const file of files) {
    const picture = await Picture.open(await bytes(file), made);
    for (const wanted of [{ top: 8, rows: 8 }, {}, { b: 1 }, { b: 0.2, top: 9, rows: 21, scale: 2 }]) {
      const right = picture.draw(wanted);
      const drawn = await picture.drawn(wanted);
      const same = drawn.width === right.width && !made.gpu.lost;
      found.push({ same, ...levels(drawn.data, right.data) });
    }
    picture.close();
  }
  return found;
"""


@pytest.mark.parametrize(
    ("name", "files"),
    [("iris", ["half-realism"]), ("tiny", ["another-model"])],
)
def test_it_draws_what_the_kernels_draw(page, name, files):
    """All rows and some, at every kind of realism, reduced, and by a model of other widths."""
    found = said(page, DRAW, address(name), files)
    assert len(found) == 4 * len(files)
    assert all(one["same"] and one["most"] <= 1 and one["share"] < 0.001 for one in found), found


def test_a_gpu_that_sums_otherwise_is_not_used(page):
    script = """
      const given_back = GPUBuffer.prototype.getMappedRange;
      GPUBuffer.prototype.getMappedRange = function (...range) {
        const buffer = given_back.apply(this, range);
        if (this.usage & GPUBufferUsage.MAP_READ) new Float32Array(buffer)[1000] += 0.01;
        return buffer;
      };
      const found = await Gpu.open(await model(given[0]), true);
      GPUBuffer.prototype.getMappedRange = given_back;
      return [found === null];
    """
    assert said(page, script, address("tiny")) == [True]


def test_software_is_not_taken_for_a_gpu(page):
    script = "return [await Gpu.open(await model(given[0])) === null];"
    assert said(page, script, address("tiny")) == [True]


def test_a_gpu_that_goes_away_is_done_without(page):
    script = """
      const made = await model(given[0]);
      made.gpu = await Gpu.open(made, true);
      const picture = await Picture.open(await bytes("another-model"), made);
      const before = made.gpu.lost;
      made.gpu.device.destroy();
      const drawn = await picture.drawn({ b: 0.9 });
      return [before, levels(drawn.data, picture.draw({ b: 0.9 }).data).most, made.gpu.lost];
    """
    assert said(page, script, address("tiny")) == [False, 0, True]
