/** Rows of the network -> pixels, RGBA and opaque. */

export const LINES = 8; // of pixels that a row of the network becomes, and pixels of a position
const CHANNELS = 3 * LINES * LINES;

/** What pixels are made of rows, and how. */
export class Painter {
  /**
   * @param {import("./container.js").Header} header
   * @param {Uint8Array | undefined} range the chunk RANG
   * @param {number} scale 1, 2, 4 or 8: a pixel is the mean of a square of so many
   * @param {boolean} deep in 16 bits, as the page says, in place of 8
   */
  constructor(header, range, scale, deep) {
    Object.assign(this, { header, scale, deep });
    /** What 65535 stands for. */
    this.top = range ? range[0] + 256 * range[1] : 65535;
    this.width = Math.ceil(header.width / scale);
    this.height = Math.ceil(header.height / scale);
    this.lines = LINES / scale;
  }

  /** @param {number} rows of pixels @returns {Uint8ClampedArray | Uint16Array} opaque ones */
  room(rows) {
    const size = 4 * this.width * rows;
    return this.deep ? new Uint16Array(size).fill(65535) : new Uint8ClampedArray(size).fill(255);
  }

  /**
   * One line of a row of the network, written to data.
   * @param {{values: Float32Array, at: number, direct?: Float32Array}} row 192 values of each position, from
   *   `at` on; direct: what is added to them
   * @param {number} line of `lines`
   * @param {Uint8ClampedArray | Uint16Array} data
   * @param {number} to where in it
   */
  line(row, line, data, to) {
    const plain = this.scale === 1 && this.header.rgb && !this.header.deep && !this.deep;
    if (plain) this.#plain(row, line, data, to);
    else this.#any(row, line, data, to);
  }

  /** Colour of 8 bits; the array rounds halves to even, and clamps. */
  #plain({ values, at, direct }, line, data, to) {
    for (let x = 0; x < this.width; x++, to += 4) {
      const from = CHANNELS * (x >> 3) + 24 * line + 3 * (x & 7);
      const added = direct ? direct.subarray(from, from + 3) : NOTHING;
      data[to] = 255 * (values[at + from] + added[0] + 0.5);
      data[to + 1] = 255 * (values[at + from + 1] + added[1] + 0.5);
      data[to + 2] = 255 * (values[at + from + 2] + added[2] + 0.5);
    }
  }

  #any({ values, at, direct }, line, data, to) {
    const { scale, width, header } = this;
    const sums = new Float64Array(3);
    for (let x = 0; x < width; x++, to += 4) {
      sums.fill(0);
      for (let i = 0; i < scale; i++) {
        for (let j = 0; j < scale; j++) {
          const column = x * scale + j;
          const from = CHANNELS * (column >> 3) + 24 * (line * scale + i) + 3 * (column & 7);
          this.#add(sums, values, at + from, direct, from);
        }
      }
      for (let c = 0; c < 3; c++) data[to + c] = this.#level(sums[header.rgb ? c : 0] / (scale * scale));
    }
  }

  /** A pixel, 0..1, to sums. */
  #add(sums, values, at, direct, from) {
    let total = 0;
    for (let c = 0; c < 3; c++) {
      const value = clamped(values[at + c] + (direct ? direct[from + c] : 0) + 0.5);
      total += value;
      if (this.header.rgb) sums[c] += value;
    }
    if (!this.header.rgb) sums[0] += total / 3;
  }

  /** A value 0..1 as a level of the data. */
  #level(value) {
    if (!this.header.deep) return (this.deep ? 257 : 1) * rounded(255 * value);
    const meant = rounded((rounded(65535 * value) * this.top) / 65535);
    return this.deep ? meant : (meant * 255) / this.top;
  }
}

const NOTHING = [0, 0, 0];

/** @param {number} value */
const clamped = (value) => Math.min(Math.max(value, 0), 1);

/** @param {number} value not under 0 @returns {number} the nearest integer, halves to even */
function rounded(value) {
  const low = Math.floor(value);
  const rest = value - low;
  return rest > 0.5 || (rest === 0.5 && low % 2) ? low + 1 : low;
}
