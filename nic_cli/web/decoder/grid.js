/**
 * Activations of a whole tile, and the layers over them.
 *
 * A column of zeros follows each row and a row of them stands above and below, so that rows lie one after the
 * other as one long line of positions, of which the eight neighbours are the same line from another place on.
 */

import { padded } from "./kernels.js";

/** [height, width, channels] in the memory of the kernels. */
export class Grid {
  /**
   * @param {import("./kernels.js").Kernels} kernels
   * @param {number} height
   * @param {number} width
   * @param {number} channels
   */
  constructor(kernels, height, width, channels) {
    Object.assign(this, { kernels, height, width, channels: padded(channels) });
    /** Bytes from a position to the next, and from a row to the next. */
    this.step = 4 * this.channels;
    this.pitch = (width + 1) * this.step;
    /** Positions from the first to the zero after the last. */
    this.count = height * (width + 1);
    this.at = kernels.cleared((height + 2) * this.pitch + 2 * this.step) + this.step + this.pitch;
  }

  /** @param {number} i @returns {number} where row i begins */
  row(i) {
    return this.at + i * this.pitch;
  }

  /** Another of the same size. @param {number} channels */
  like(channels = this.channels) {
    return new Grid(this.kernels, this.height, this.width, channels);
  }

  /** Zeros after each row, once more. */
  frame() {
    const m = this.kernels.floats;
    for (let i = 1; i <= this.height; i++) m.fill(0, (this.row(i) - this.step) >> 2, this.row(i) >> 2);
    return this;
  }

  /**
   * Values [height, width, channels] in raster order, put in.
   * @param {ArrayLike<number>} values
   * @param {number} channels
   */
  fill(values, channels) {
    const m = this.kernels.floats;
    for (let i = 0, from = 0; i < this.height; i++) {
      for (let j = 0; j < this.width; j++) {
        const to = (this.row(i) + j * this.step) >> 2;
        for (let c = 0; c < channels; c++) m[to + c] = values[from++];
      }
    }
    return this;
  }

  /**
   * A product of all positions. xs: one for each group of inputs; added to what is in `into` where that is
   * given.
   * @param {import("./weights.js").Dense} layer
   * @param {Grid[]} xs
   * @param {Grid | null} into
   */
  static dense({ weights, bias, outputs }, xs, into = null) {
    const { kernels, count } = xs[0];
    const out = into ?? xs[0].like(outputs);
    weights.forEach(({ at, inputs }, i) => {
      const [start, add] = [i ? kernels.zeros : bias, i || into ? out.at : 0];
      kernels.call.product(
        xs[i].at, xs[i].step, count, inputs, at, outputs, start, out.at, out.step, 32, 0, add, out.step,
      );
    });
    return out.frame();
  }

  /**
   * A product to four groups of outputs, which become squares of 2x2 positions: a row of them is
   * the outputs of half the weights, one position after the other.
   * @param {import("./weights.js").Dense} layer
   * @param {(at: number, half: number, count: number, channels: number) => void} [done] with each row
   */
  spread({ weights: [{ at, inputs }], bias, outputs }, done) {
    const { kernels } = this;
    const half = outputs / 2;
    const out = new Grid(kernels, 2 * this.height, 2 * this.width, half / 2);
    for (let i = 0; i < out.height; i++) {
      const part = 4 * (i & 1) * half;
      const [weight, start] = [at + part * inputs, bias + part];
      kernels.call.product(
        this.row(i >> 1), this.step, this.width, inputs, weight, half, start, out.row(i), 4 * half, 32,
        0, 0, 0,
      );
      done?.(out.row(i), i & 1, this.width, half);
    }
    return out;
  }

  /** @param {import("./weights.js").Block} block */
  block({ channels, hidden, taps, tapBias, expand, expandBias, reduce, reduceBias }) {
    const { kernels } = this;
    const [out, room] = [this.like(), kernels.room(channels, hidden)];
    kernels.call.block(
      this.at, this.pitch, this.count, channels, hidden, taps, tapBias, expand, expandBias, reduce,
      reduceBias, room, out.at,
    );
    return out.frame();
  }

  /** Each channel by taps of its own, plus a bias, into another grid or added to that. */
  depthwise(taps, bias, out, added = false) {
    const { kernels } = this;
    kernels.call.depthwise(
      this.at, this.pitch, this.count, this.channels, taps, bias, out.at, added ? out.at : 0,
    );
    return out.frame();
  }

  /** Every second position of every second row, from (i, j) on. */
  quarter(i, j) {
    const { kernels, step } = this;
    const out = new Grid(kernels, this.height / 2, this.width / 2, this.channels);
    for (let row = 0; row < out.height; row++) {
      kernels.call.copy(this.row(2 * row + i) + j * step, 2 * step, out.row(row), step, out.width, step);
    }
    return out;
  }
}
