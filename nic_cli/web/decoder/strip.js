/** Rows of a picture through the synthesis on a GPU: what lies there, and what is asked of it. */

import { padded } from "./kernels.js";

const PART = 16384; // positions that the inside of a block is kept of
const CALL = 256; // bytes from what one call is told to the next, the least that every GPU allows
const OUTPUTS = 48; // vectors of four that a position becomes: 8x8 pixels of three channels
const [WORDS, LOTS] = [64, 32768]; // threads of a group; groups of a row of them
/** GPUBufferUsage, which workers of some browsers have not. */
const [READ, FROM, TO, UNIFORM, STORAGE] = [1, 4, 8, 64, 128];
/** What a call is told, in the order of `Call` in the shaders. */
const ORDER = [
  "first", "count", "width", "inputs", "outputs", "weight", "bias", "rectify", "xAt", "xRow", "xStep",
  "added", "outAt", "outRow", "outStep", "seed", "row", "loudest",
];
const TOLD = 80; // bytes of it

/**
 * The layers of a model at a realism, on the GPU: pointers and widths count vectors of four floats.
 * @param {GPUDevice} device
 * @param {import("./model.js").Model} model
 * @param {object} as as for `Synthesis.layers`
 */
export function packed(device, model, as) {
  const { kernels, synthesis, config } = model;
  kernels.release();
  const { stem, coarse, up, noise, fine, tail, skip } = synthesis.layers(as);
  const parts = [];
  let end = 0;
  const moved = (pointer, floats) => {
    const at = end;
    parts.push([at, pointer >> 2, floats]);
    end += floats;
    return at >> 2;
  };
  const dense = ({ weights, bias, outputs }) => ({
    weights: weights.map(({ at, inputs }) => ({ at: moved(at, inputs * outputs), inputs: inputs >> 2 })),
    bias: moved(bias, outputs),
    outputs: outputs >> 2,
  });
  const block = ({ channels, hidden, ...at }) => ({
    channels: channels >> 2,
    hidden: hidden >> 2,
    taps: moved(at.taps, 9 * channels),
    tapBias: moved(at.tapBias, channels),
    expand: dense({ weights: [{ at: at.expand, inputs: channels }], bias: at.expandBias, outputs: hidden }),
    reduce: dense({ weights: [{ at: at.reduce, inputs: hidden }], bias: at.reduceBias, outputs: channels }),
  });
  const inputs = 3 * padded(config.synthesis_fine);
  const layers = {
    stem: dense(stem),
    coarse: coarse.map(block),
    up: dense(up),
    noise: noise && {
      loudest: noise.loudest,
      ...Object.fromEntries(Object.entries(noise.layers).map(([name, layer]) => [name, dense(layer)])),
    },
    fine: fine.map(block),
    tail: dense({ ...tail, weights: tail.weights.map((at) => ({ at, inputs })) }),
    skip: dense(skip),
    zeros: moved(kernels.zeros, 4 * OUTPUTS),
  };
  const weights = device.createBuffer({ size: 4 * end, usage: STORAGE, mappedAtCreation: true });
  const floats = new Float32Array(weights.getMappedRange());
  for (const [to, from, count] of parts) floats.set(kernels.floats.subarray(from, from + count), to);
  weights.unmap();
  kernels.release();
  return { layers, weights };
}

/** Activations of so many rows. */
export class Strip {
  /**
   * @param {import("./gpu.js").Gpu} gpu
   * @param {{height: number, width: number}} latents of a picture
   * @param {number} rows of them that it holds
   */
  constructor(gpu, latents, rows) {
    Object.assign(this, { gpu, latents, rows, buffers: new Map() });
  }

  /** Whether it does for these. */
  fits(latents, rows) {
    return this.latents === latents && this.rows === rows;
  }

  destroy() {
    for (const buffer of this.buffers.values()) buffer.destroy();
  }

  #buffer(name, vectors) {
    if (!(this.buffers.get(name)?.size >= 16 * vectors)) {
      this.buffers.get(name)?.destroy();
      const usage = STORAGE | FROM | TO;
      this.buffers.set(name, this.gpu.device.createBuffer({ size: 16 * vectors, usage }));
    }
    return this.buffers.get(name);
  }

  /** Rows with zeros around each, as in `grid.js`; they are cleared first. */
  #framed(name, rows, width, step) {
    const row = (width + 1) * step;
    const buffer = this.#buffer(name, (rows + 2) * row + 2 * step);
    this.encoder.clearBuffer(buffer);
    return { buffer, at: row + step, row, step };
  }

  /** Positions one after the other, of a call. */
  #flat(name, step, count = PART) {
    return { buffer: this.#buffer(name, count * step), at: 0, row: 0, step };
  }

  /**
   * @param {{layers: object, weights: GPUBuffer}} held as `packed` gives it
   * @param {number} seed
   * @param {number} top the first row of latents that it holds
   * @param {number} first the first row of the network that is wanted
   * @param {number} end the row after the last
   * @returns {Promise<Float32Array>} [end - first, width, 192]
   */
  async draw({ layers, weights }, seed, top, first, end) {
    const { gpu: { device }, latents: { width }, rows } = this;
    const wide = 2 * width;
    this.calls = [];
    this.weights = weights;
    this.encoder = device.createCommandEncoder();
    const y = this.#latents(layers.stem.weights[0].inputs, top);
    const coarse = ["a", "b"].map((name) => this.#framed(name, rows, width, layers.stem.outputs));
    const fine = ["c", "d"].map((name) => this.#framed(name, 2 * rows, wide, layers.up.outputs / 4));
    const all = { count: rows * width, width };
    this.#product(layers.stem, y, coarse[0], all);
    for (const block of layers.coarse) this.#block(block, coarse, all);
    for (const half of [0, 1]) {
      const [{ buffer, at, row, step }] = fine;
      const out = { buffer, at: at + half * row, row: 2 * row, step: 2 * step };
      this.#product(halfOf(layers.up, half), coarse[0], out, all);
    }
    const shown = { count: (end - first) * wide, width: wide };
    const out = { ...this.#flat("out", OUTPUTS, shown.count), row: wide * OUTPUTS };
    const grained = { count: 2 * rows * wide, width: wide };
    const from = first - 2 * top;
    if (layers.noise) {
      const x = { ...fine[0], at: fine[0].at + from * fine[0].row };
      this.#noise(layers.noise, x, out, shown, { seed, row: first });
    }
    for (const block of layers.fine) this.#block(block, fine, grained);
    layers.tail.weights.forEach((part, i) => {
      const [{ buffer, at, row, step }] = fine;
      const x = { buffer, at: at + (from + i - 1) * row - step, row, step };
      const layer = { weights: [part], bias: i ? layers.zeros : layers.tail.bias, outputs: OUTPUTS };
      this.#product(layer, x, out, { ...shown, added: i || layers.noise ? 2 : 0 });
    });
    for (const half of [0, 1]) {
      const start = (half - first) & 1; // the first of the wanted rows that is such a half
      const x = { ...y, at: (((first + start) >> 1) - top) * y.row };
      const into = { ...out, at: start * out.row, row: 2 * out.row, step: 2 * OUTPUTS };
      const count = Math.ceil((end - first - start) / 2) * width;
      if (count > 0) this.#product(halfOf(layers.skip, half), x, into, { count, width, added: 2 });
    }
    return this.#read(out.buffer, shown.count * OUTPUTS);
  }

  /** The latents from a row on, each position so many vectors. */
  #latents(step, top) {
    const { latents, rows, gpu: { device } } = this;
    const count = latents.width * rows;
    const values = new Float32Array(4 * step * count);
    latents.place(values, 0, 4 * step, top, rows);
    const found = { ...this.#flat("y", step, count), row: latents.width * step };
    device.queue.writeBuffer(found.buffer, 0, values);
    return found;
  }

  /** A block from the first of two grids to the second; they change places. */
  #block({ channels, hidden, taps, tapBias, expand, reduce }, grids, { count: all, width }) {
    const [x, out] = grids;
    const inner = this.#flat(`inner${channels}`, channels);
    const outer = this.#flat(`outer${hidden}`, hidden);
    for (let first = 0; first < all; first += PART) {
      const count = Math.min(PART, all - first);
      const told = { count, width, first };
      const words = count * channels;
      this.#call("depthwise", x, inner, { ...told, inputs: channels, weight: taps, bias: tapBias }, words);
      this.#product(expand, inner, outer, { ...told, rectify: 1 });
      this.#product(reduce, outer, out, { ...told, added: 1, add: x.buffer });
    }
    grids.reverse();
  }

  /** The noise that rows before the fine blocks ask for: 192 values of each position. */
  #noise({ loudest, seen, deep, loudness, direct }, x, out, { count: all, width }, told) {
    const { inputs } = direct.weights[0];
    const grain = this.#flat("grain", inputs, all);
    const [a, b, t] = [seen, deep, loudness].map(({ outputs }, i) => this.#flat(`noise${i}`, outputs));
    for (let first = 0; first < all; first += PART) {
      const count = Math.min(PART, all - first);
      const part = { count, width, first };
      this.#product(seen, x, a, { ...part, rectify: 1 });
      this.#product(deep, a, b, { ...part, rectify: 1 });
      this.#product(loudness, b, t, part);
      const room = { ...grain, at: first * inputs };
      this.#call("grain", t, room, { ...part, ...told, outputs: inputs, loudest }, count * inputs);
    }
    this.#product(direct, grain, out, { count: all, width });
  }

  #product({ weights: [{ at, inputs }], bias, outputs }, x, out, told) {
    this.#call("product", x, out, { ...told, weight: at, inputs, bias, outputs });
  }

  /** @param {number} [words] threads of the call; a product has its own count */
  #call(name, x, out, { add = x.buffer, ...told }, words) {
    const given = {
      ...told, xAt: x.at, xRow: x.row, xStep: x.step, outAt: out.at, outRow: out.row, outStep: out.step,
    };
    const groups = Math.ceil(words / WORDS);
    const size = words
      ? [Math.min(groups, LOTS), Math.ceil(groups / LOTS)]
      : [Math.ceil(told.count / 64), Math.ceil(told.outputs / 16)];
    this.calls.push({ name, given, size, buffers: [x.buffer, add, out.buffer] });
  }

  /** Does all that was called for, and brings the vectors of a buffer here. */
  async #read(from, vectors) {
    const { gpu: { device, layout, pipelines }, encoder, calls, weights } = this;
    const told = new Uint32Array((CALL / 4) * calls.length);
    const floats = new Float32Array(told.buffer);
    calls.forEach(({ given }, i) => {
      ORDER.forEach((name, k) => (told[(CALL / 4) * i + k] = given[name] ?? 0));
      floats[(CALL / 4) * i + ORDER.indexOf("loudest")] = given.loudest ?? 0;
    });
    const uniform = device.createBuffer({ size: told.byteLength, usage: UNIFORM | TO });
    device.queue.writeBuffer(uniform, 0, told);
    const pass = encoder.beginComputePass();
    calls.forEach(({ name, size, buffers }, i) => {
      const resources = [uniform, weights, ...buffers].map((buffer) => ({ buffer }));
      resources[0].size = TOLD;
      const entries = resources.map((resource, binding) => ({ binding, resource }));
      pass.setPipeline(pipelines[name]);
      pass.setBindGroup(0, device.createBindGroup({ layout, entries }), [CALL * i]);
      pass.dispatchWorkgroups(...size);
    });
    pass.end();
    const staging = device.createBuffer({ size: 16 * vectors, usage: READ | TO });
    encoder.copyBufferToBuffer(from, 0, staging, 0, 16 * vectors);
    device.queue.submit([encoder.finish()]);
    try {
      await staging.mapAsync(READ);
      return new Float32Array(staging.getMappedRange()).slice();
    } finally {
      staging.destroy();
      uniform.destroy();
    }
  }
}

/** One of the two rows that a row of positions becomes: half of a layer. */
function halfOf({ weights: [{ at, inputs }], bias, outputs }, half) {
  const wide = outputs / 2;
  const weights = [{ at: at + half * wide * 4 * inputs, inputs }];
  return { weights, bias: bias + half * wide, outputs: wide };
}
