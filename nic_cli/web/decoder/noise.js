/** What realisms over 0.5 add: noise of a hash, by octaves, as loud as the model says. */

const OCTAVES = [[4, 9], [2, 9], [1, 9]]; // side, bands
const VALUES = 189; // of a cell of 8x8 pixels
const LOUDEST = 0.05;
const DEVIATION = Math.sqrt(65535 / 12);

/** @param {number} x of 32 bits @returns {number} another, one to one */
function mixed(x) {
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return x ^ (x >>> 16);
}

/** @param {number} share 2 b - 1 @returns {number} what values of the hash are as loud as, times loudness */
export const loudestAt = (share) => (Math.sqrt(share) * LOUDEST) / DEVIATION;

/** Which of the 27 loudnesses a value has. */
const BANDS = OCTAVES.flatMap(([side, bands], octave) =>
  Array.from({ length: bands * side * side }, (_, i) => 9 * octave + Math.floor(i / (side * side))),
);

/** Rows before the fine blocks, and the noise that they ask for: a stage, as in `rows.js`. */
export class Noise {
  /**
   * @param {import("./kernels.js").Kernels} kernels
   * @param {object} source
   * @param {{layers: Object<string, object>, loudest: number}} noise as `Synthesis.layers` has it
   * @param {number} seed
   */
  constructor(kernels, source, { layers, loudest }, seed) {
    const { height, width, channels, step, pitch } = source;
    Object.assign(this, { kernels, source, layers, loudest, seed, height, width, channels, step, pitch });
    const outputs = ["seen", "deep", "loudness", "direct"].map((name) => layers[name].outputs);
    [this.a, this.b, this.t, this.out] = outputs.map((n) => kernels.take(4 * n * width));
    this.inputs = layers.direct.weights[0].inputs;
    this.grain = kernels.cleared(4 * this.inputs * width);
    /** Of rows that are under way what is added to the 192 channels. @type {Map<number, Float32Array>} */
    this.direct = new Map();
  }

  seek(row) {
    this.direct.clear();
    this.next = this.source.seek(row);
    return this.next;
  }

  pull(at, most) {
    const count = this.source.pull(at, most);
    for (let i = 0; i < count; i++) this.#row(at + i * this.pitch, this.next++);
    return count;
  }

  /** @param {number} h where the row is @param {number} row its number */
  #row(h, row) {
    const { kernels, layers, width, a, b, t, out, grain, inputs } = this;
    const product = (layer, x, step, to, rectify) => {
      const { weights: [weight], bias, outputs } = layer;
      const outStep = 4 * outputs;
      kernels.call.product(
        x, step, width, weight.inputs, weight.at, outputs, bias, to, outStep, 32, rectify, 0, outStep,
      );
    };
    product(layers.seen, h, this.step, a, 1);
    product(layers.deep, a, 4 * layers.seen.outputs, b, 1);
    product(layers.loudness, b, 4 * layers.deep.outputs, t, 0);
    this.#grains(row);
    product(layers.direct, grain, 4 * inputs, out, 0);
    this.direct.set(row, kernels.floats.slice(out >> 2, (out >> 2) + width * layers.direct.outputs));
    this.direct.delete(row - 64); // long shown
  }

  /** The noise of a row, as loud as `t` says. */
  #grains(row) {
    const { kernels: { floats: m }, layers, width, loudest } = this;
    const byRow = mixed((this.seed + row) | 0);
    const loud = new Float64Array(27);
    for (let j = 0; j < width; j++) {
      const from = (this.t >> 2) + j * layers.loudness.outputs;
      for (let i = 0; i < 27; i++) {
        const t = m[from + i];
        loud[i] = loudest * ((t + Math.sqrt(t * t + 1)) / 2) ** 2;
      }
      const cell = mixed((byRow + Math.imul(j, 0x9e3779b1)) | 0);
      const to = (this.grain >> 2) + j * this.inputs;
      for (let k = 0, word = 0; k < VALUES; k++) {
        if (!(k & 3)) word = mixed((cell + Math.imul(k >> 2, 0x85ebca77)) | 0);
        m[to + k] = (((word << (24 - 8 * (k & 3))) >> 24) + 0.5) * loud[BANDS[k]];
      }
    }
  }
}
