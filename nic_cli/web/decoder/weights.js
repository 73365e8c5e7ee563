/** Weights as the kernels want them: in panels of 8 outputs, channels padded to multiples of 8. */

import { check } from "./errors.js";
import { padded } from "./kernels.js";

/**
 * A product. weight: a pointer for each group of inputs; outputs: padded, all groups together.
 * @typedef {{weights: {at: number, inputs: number}[], bias: number, outputs: number}} Dense
 *
 * A residual block: pointers, and padded widths.
 * @typedef {{channels: number, hidden: number, taps: number, tapBias: number, expand: number,
 *   expandBias: number, reduce: number, reduceBias: number}} Block
 */

/** Anchors [n, size] interpolated linearly at a place 0..n-1 -> [size]. */
export function between({ shape, values }, at) {
  const low = Math.min(Math.floor(at), shape[0] - 2);
  const [size, share] = [values.length / shape[0], at - low];
  return Float64Array.from({ length: size }, (_, i) => {
    return values[low * size + i] * (1 - share) + values[(low + 1) * size + i] * share;
  });
}

/** @param {number} size of all @param {number} count of groups @returns {number[]} the size of each */
const groups = (size, count) => Array(count).fill(size / count);

/** Packs tensors into the memory of the kernels, for good or until that is given back. */
export class Weights {
  /**
   * @param {import("./kernels.js").Kernels} kernels
   * @param {import("./model.js").Model} model
   */
  constructor(kernels, model) {
    this.kernels = kernels;
    this.model = model;
  }

  /**
   * @param {string} name
   * @param {number[]} shape that it must have
   */
  tensor(name, shape) {
    const found = this.model.get(name);
    const fits = found.shape.length === shape.length && shape.every((n, i) => n === found.shape[i]);
    check(fits, `the model's tensor ${name} is [${found.shape}], not [${shape}]`);
    return found.values;
  }

  /**
   * Values [outputs, all] -> panels of the inputs from one on. outs: sizes of groups, each padded.
   * @returns {number} where
   */
  panels(values, outs, all, from = 0, inputs = all) {
    const { kernels } = this;
    const wide = padded(inputs);
    const at = kernels.cleared(4 * wide * outs.reduce((sum, n) => sum + padded(n), 0));
    const m = kernels.floats;
    let [row, place] = [0, 0];
    for (const size of outs) {
      for (let i = 0; i < size; i++, row++) {
        const n = place + i;
        let to = (at >> 2) + (n >> 3) * 8 * wide + (n & 7);
        for (let k = row * all + from; k < row * all + from + inputs; k++, to += 8) m[to] = values[k];
      }
      place += padded(size);
    }
    return at;
  }

  /** Values, one an output -> with each group padded by zeros. @returns {number} where */
  row(values, outs = [values.length]) {
    const wide = outs.reduce((sum, n) => sum + padded(n), 0);
    const found = new Float32Array(wide);
    let [from, to] = [0, 0];
    for (const size of outs) {
      for (let i = 0; i < size; i++) found[to + i] = values[from + i];
      from += size;
      to += padded(size);
    }
    return this.kernels.put(found);
  }

  /**
   * @param {string} name of the layer
   * @param {number} outputs
   * @param {number[]} ins the sizes of groups of inputs that lie apart
   * @param {number} parts into how many groups the outputs are padded
   * @returns {Dense}
   */
  dense(name, outputs, ins, parts = 1) {
    const all = ins.reduce((a, b) => a + b, 0);
    const [values, outs] = [this.tensor(`${name}.weight`, [outputs, all]), groups(outputs, parts)];
    let from = 0;
    const weights = ins.map((inputs) => {
      from += inputs;
      return { at: this.panels(values, outs, all, from - inputs, inputs), inputs: padded(inputs) };
    });
    const biased = this.model.has(`${name}.bias`);
    const bias = biased ? this.row(this.tensor(`${name}.bias`, [outputs]), outs) : this.kernels.zeros;
    return { weights, bias, outputs: parts * padded(outputs / parts) };
  }

  /** Values [all, 1, 3, 3] -> taps [9][channels] of those from one on, scaled. @returns {number} where */
  taps(values, channels, from = 0, scale = null) {
    const wide = padded(channels);
    const found = new Float32Array(9 * wide);
    for (let t = 0; t < 9; t++) {
      for (let c = 0; c < channels; c++) {
        found[t * wide + c] = values[9 * (from + c) + t] * (scale ? scale[c] : 1);
      }
    }
    return this.kernels.put(found);
  }

  /** @param {string} name @param {number} channels @returns {Block} */
  block(name, channels) {
    const hidden = this.model.get(`${name}.expand`).shape[0];
    const get = (part, ...shape) => this.tensor(`${name}.${part}`, shape);
    return {
      channels: padded(channels),
      hidden: padded(hidden),
      taps: this.taps(get("depthwise", channels, 1, 3, 3), channels),
      tapBias: this.row(get("depthwise_bias", channels)),
      expand: this.panels(get("expand", hidden, channels), [hidden], channels),
      expandBias: this.row(get("expand_bias", hidden)),
      reduce: this.panels(get("reduce", channels, hidden), [channels], hidden),
      reduceBias: this.row(get("reduce_bias", channels)),
    };
  }
}
