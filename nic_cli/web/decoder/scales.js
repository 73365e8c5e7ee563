/** The scale network: which table each residual has. Integers, which floats of 32 bits hold exactly. */

import { Grid } from "./grid.js";
import { padded } from "./kernels.js";

/** The scale network of a model. */
export class Scales {
  /** @param {import("./model.js").Model} model */
  constructor(model) {
    const { scale, hyper, latent } = model.config;
    this.model = model;
    this.entry = this.#dense("entry", 4 * scale, hyper, -7, 4);
    this.coarse = this.#block("coarse", scale);
    this.up = this.#dense("up", 4 * scale, scale, -3, 4);
    this.fine = this.#block("fine", scale);
    this.head = this.#dense("head", latent, scale, 1);
    this.eighth = model.kernels.put(new Float32Array(this.coarse[0].layer.outputs).fill(1 / 8));
    this.ones = model.kernels.put(new Float32Array(this.entry.layer.outputs).fill(1));
  }

  /** A layer, and what R multiplies by after it: 2^-(shift + more). */
  #dense(name, outputs, inputs, more, parts = 1) {
    const { weights } = this.model;
    const layer = weights.dense(`scales.${name}`, outputs, [inputs], parts);
    return { layer, factors: this.#factors(name, outputs, more, parts) };
  }

  #factors(name, outputs, more, parts = 1) {
    const { weights } = this.model;
    const shifts = Array.from(weights.tensor(`scales.${name}.shift`, [outputs]));
    return weights.row(shifts.map((s) => 2 ** -(s + more)), Array(parts).fill(outputs / parts));
  }

  /** Depthwise, expand and reduce. */
  #block(name, channels) {
    const { weights } = this.model;
    const hidden = this.model.get(`scales.${name}.1.weight`).shape[0];
    const taps = weights.taps(weights.tensor(`scales.${name}.0.weight`, [channels, 1, 3, 3]), channels);
    const bias = weights.row(weights.tensor(`scales.${name}.0.bias`, [channels]));
    const layer = { taps, bias, outputs: padded(channels) };
    const near = { layer, factors: this.#factors(`${name}.0`, channels, 0) };
    const expand = this.#dense(`${name}.1`, hidden, channels, 0);
    return [near, expand, this.#dense(`${name}.2`, channels, hidden, -3)];
  }

  /**
   * @param {Int32Array} z [height, width, H]
   * @param {number} height of z
   * @param {number} width
   * @param {number} q in 1/4096
   * @returns {Uint8Array} tables [4 height, 4 width, L]
   */
  tables(z, height, width, q) {
    const { kernels, config } = this.model;
    const mark = kernels.end;
    const bias = this.#bias(q);
    let h = new Grid(kernels, height, width, config.hyper).fill(z, config.hyper);
    h = h.spread(this.entry.layer, (at, half, count, channels) => {
      const skip = 4 * half * channels;
      kernels.call.rounded(at, count, channels, this.entry.factors + skip, 0, 0, -32768, 32767);
      kernels.call.rounded(at, count, channels, this.ones, bias + skip, 0, -32768, 32767);
    });
    h = this.#eighth(this.#apply(this.coarse, h));
    h = h.spread(this.up.layer, (at, half, count, channels) => {
      kernels.call.rounded(at, count, channels, this.up.factors + 4 * half * channels, 0, 0, -32768, 32767);
    });
    h = Grid.dense(this.head.layer, [this.#eighth(this.#apply(this.fine, h))]);
    round(h, this.head.factors, 0, 63);
    const out = new Uint8Array(16 * height * width * config.latent);
    const m = kernels.floats;
    for (let i = 0, to = 0; i < h.height; i++) {
      for (let j = 0; j < h.width; j++) {
        const from = (h.row(i) + j * h.step) >> 2;
        for (let c = 0; c < config.latent; c++) out[to++] = m[from + c];
      }
    }
    kernels.end = mark;
    return out;
  }

  /** R(h, 3, -128, 127), of a copy. */
  #eighth(h) {
    const { kernels } = this.model;
    const out = h.like();
    kernels.call.copy(h.at, h.step, out.at, h.step, h.count, h.step);
    return round(out, this.eighth, -128, 127);
  }

  /** block(h) of the page. */
  #apply([near, expand, reduce], h) {
    const x = this.#eighth(h);
    let a = round(x.depthwise(near.layer.taps, near.layer.bias, x.like()), near.factors, -128, 127);
    a = round(Grid.dense(expand.layer, [a]), expand.factors, 0, 127);
    return round(Grid.dense(reduce.layer, [a]), reduce.factors, -32768, 32767, h);
  }

  /** bias(q) of the page. @returns {number} where */
  #bias(q) {
    const { model } = this;
    const { shape: [anchors, size], values } = model.get("scales.q_bias");
    const step = model.anchorStep;
    const low = Math.min(Math.floor(q / step), anchors - 2);
    const share = q - low * step;
    const found = Array.from({ length: size }, (_, i) => {
      const [here, next] = [values[low * size + i], values[(low + 1) * size + i]];
      return Math.floor((here * (step - share) + next * share) / step);
    });
    return model.weights.row(found, Array(4).fill(size / 4));
  }
}

/** R of the page on all positions, in place; add: a grid, added before it is clamped. */
function round(x, factors, low, high, add = null) {
  x.kernels.call.rounded(x.at, x.count, x.channels, factors, add ? add.at : 0, x.step, low, high);
  return x.frame();
}
