/**
 * Entropy coding: a stack ANS with a state of 64 bits and words of 32.
 * The state is two halves: 14 ns a symbol, where a BigInt takes 25.
 */

import { check } from "./errors.js";

const BITS = 24;
const LOW = 2 ** BITS - 1;
const MOST_BITS = 16; // of an escape

/** Takes symbols from a payload. */
export class Decoder {
  /** @param {Uint8Array} payload */
  constructor(payload) {
    check(!payload.length || payload[payload.length - 1], "a payload ends in a zero byte");
    this.left = Math.ceil(payload.length / 4);
    this.words = new Uint32Array(this.left);
    payload.forEach((byte, i) => (this.words[i >> 2] |= byte << (8 * (i & 3))));
    this.high = 0;
    this.low = this.left ? this.words[--this.left] : 2 ** BITS;
    if (this.left) [this.high, this.low] = [this.low, this.words[--this.left]];
  }

  /**
   * Go past an entry: state = frequency * floor(state / 2^24) + below, and a word where that is under 2^32.
   * In pieces of 20 bits, whose products a double holds exactly.
   * @param {number} frequency
   * @param {number} below
   */
  advance(frequency, below) {
    const rest = (this.high & 0xfff) * 256 + (this.low >>> BITS);
    const first = frequency * (this.high >>> 12);
    const second = frequency * rest + below + (first & 0xfff) * 2 ** 20;
    const carried = Math.floor(second / 2 ** 32);
    this.low = second - carried * 2 ** 32;
    this.high = Math.floor(first / 4096) + carried;
    if (!this.high && this.left) {
      this.high = this.low;
      this.low = this.words[--this.left];
    }
  }

  /**
   * The next entries of a table.
   * @param {Uint32Array} cumulated frequencies, from 0 to 2^24
   * @param {Int32Array} out where entries go
   * @param {number} from
   * @param {number} to
   */
  entries(cumulated, out, from, to) {
    for (let at = from; at < to; at++) {
      const s = this.low & LOW;
      let [low, high] = [0, cumulated.length - 1];
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (cumulated[middle] <= s) low = middle;
        else high = middle;
      }
      this.advance(cumulated[low + 1] - cumulated[low], s - cumulated[low]);
      out[at] = low;
    }
  }

  /** @param {number} bits @returns {number} so many equally likely bits */
  uniform(bits) {
    const s = this.low & LOW;
    const frequency = 2 ** (BITS - bits);
    this.advance(frequency, s % frequency);
    return Math.floor(s / frequency);
  }

  /**
   * The symbols of a part; those of tables under `skip`, or of one entry, are 0.
   * @param {ArrayLike<number>} tables
   * @param {number} skip
   * @param {import("./model.js").Model} model
   * @returns {Int32Array} as long as tables
   */
  part(tables, skip, { lows, sizes, cumulated }) {
    const count = new Uint32Array(sizes.length + 1);
    for (let i = 0; i < tables.length; i++) count[tables[i] + 1]++;
    count.fill(0, 0, skip + 1);
    for (let t = skip; t < sizes.length; t++) if (sizes[t] < 2) count[t + 1] = 0;
    for (let t = 0; t < sizes.length; t++) count[t + 1] += count[t]; // where the group of table t begins
    const next = count.slice();
    const order = new Uint32Array(count[sizes.length]);
    for (let i = 0; i < tables.length; i++) {
      const t = tables[i];
      if (t >= skip && sizes[t] > 1) order[next[t]++] = i;
    }
    const entries = new Int32Array(order.length);
    const out = new Int32Array(tables.length);
    const escaped = [];
    for (let t = skip; t < sizes.length; t++) {
      if (count[t] === count[t + 1]) continue;
      this.entries(cumulated[t], entries, count[t], count[t + 1]);
      for (let i = count[t]; i < count[t + 1]; i++) {
        out[order[i]] = lows[t] + entries[i];
        if (entries[i] === sizes[t] - 1) escaped.push(i);
      }
    }
    const lengths = escaped.map(() => this.uniform(5));
    check(lengths.every((n) => n <= MOST_BITS), "a symbol is longer than 16 bits");
    escaped.forEach((at, i) => {
      const u = 2 ** lengths[i] + (lengths[i] ? this.uniform(lengths[i]) : 0);
      const t = tables[order[at]];
      const half = Math.floor(u / 2);
      out[order[at]] = u % 2 ? lows[t] - 1 - half : lows[t] + sizes[t] - 2 + half;
    });
    return out;
  }

  /** Throws NicError where anything is left, or lacking. */
  end() {
    const done = !this.high && this.low === 2 ** BITS && !this.left;
    check(done, "a payload does not end with its last symbol");
  }
}
