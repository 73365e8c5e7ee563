/** The kernels, and the memory that they work in: an arena, of which the end is given back in one go. */

import { check, NicError } from "./errors.js";
import { fallback } from "./fallback.js";
import { shared } from "./threads.js";

const PAGE = 65536;
const MOST_PAGES = 32767; // under 2 GiB: pointers stay positive
const TOO_LARGE = "the picture takes more memory than there is";
/** Positions that a block of the network works on at a time. */
const BLOCK = 48;

/** @param {number} channels @returns {number} as many as a position takes in memory */
export const padded = (channels) => (channels + 7) & ~7;

/** Memory, and `call`: product, depthwise, block, rounded and copy of `kernels/index.ts`. */
export class Kernels {
  /**
   * @param {WebAssembly.Memory | null} memory null: in JavaScript
   * @param {object} call the functions of WebAssembly
   * @param {number} threads that share the work
   */
  constructor(memory, call, threads = 1) {
    this.end = 64; // 0 stands for nothing
    /** Whoever uses the memory past what a model keeps; another user takes it over. */
    this.owner = null;
    this.simd = memory !== null;
    this.threads = threads;
    this.memory = memory ?? { buffer: new ArrayBuffer(PAGE) };
    this.call = call ?? fallback(() => this.floats);
    this.#look();
    this.zeros = this.take(4 * 65536); // a bias of nothing, of as many outputs as a layer can have
    this.keep();
  }

  /** What was taken up to now stays. */
  keep() {
    this.kept = this.end;
  }

  /** All that does not stay is given back, for somebody else to take. */
  release() {
    this.end = this.kept;
    this.owner = null;
  }

  /**
   * With WebAssembly where it has vectors, else in JavaScript; by threads where they can share memory.
   * @param {object} [options]
   * @param {(name: string) => Promise<BufferSource>} [options.read] gives a file that lies beside this one
   * @param {boolean} [options.plain] in JavaScript anyhow
   * @param {number} [options.threads] at most
   * @param {() => Worker} [options.start] a thread, that runs helper.js
   */
  static async open({ read = beside, plain = false, threads = 1, start } = {}) {
    if (plain) return new Kernels(null);
    if (threads > 1 && globalThis.crossOriginIsolated) {
      try {
        const memory = new WebAssembly.Memory({ initial: 1, maximum: MOST_PAGES, shared: true });
        const module = await WebAssembly.compile(await read("kernels-shared.wasm"));
        return new Kernels(memory, await shared(module, memory, threads, start), threads);
      } catch {
        // a page that may not start workers, or has no room for so much memory: one thread does it all
      }
    }
    try {
      const memory = new WebAssembly.Memory({ initial: 1, maximum: MOST_PAGES });
      const module = await WebAssembly.compile(await read("kernels.wasm"));
      return new Kernels(memory, new WebAssembly.Instance(module, { env: { memory } }).exports);
    } catch {
      return new Kernels(null); // no vectors, or a page that may not compile
    }
  }

  #look() {
    /** @type {Float32Array} */
    this.floats = new Float32Array(this.memory.buffer);
  }

  /**
   * @param {number} bytes
   * @returns {number} where that many are free, a multiple of 64; views made before may be void now
   */
  take(bytes) {
    const at = this.end;
    this.end = (at + bytes + 63) & ~63;
    const [held, wanted] = [this.memory.buffer.byteLength / PAGE, Math.ceil((at + bytes + 64) / PAGE)];
    check(wanted <= MOST_PAGES, TOO_LARGE);
    if (wanted > held) this.#grow(held, Math.min(wanted + (held >> 3), MOST_PAGES));
    return at;
  }

  #grow(held, wanted) {
    const old = this.floats;
    try {
      if (this.simd) this.memory.grow(wanted - held);
      else this.memory.buffer = new ArrayBuffer(wanted * PAGE);
    } catch {
      throw new NicError(TOO_LARGE);
    }
    this.#look();
    if (!this.simd) this.floats.set(old);
  }

  /** @param {number} bytes @returns {number} as `take`, all zeros */
  cleared(bytes) {
    const at = this.take(bytes);
    this.floats.fill(0, at >> 2, this.end >> 2);
    return at;
  }

  /** @param {ArrayLike<number>} values @returns {number} where they are now, as floats */
  put(values) {
    const at = this.take(4 * values.length);
    this.floats.set(values, at >> 2);
    return at;
  }

  /** @param {number} channels @param {number} hidden @returns {number} room for `block`, of all threads */
  room(channels, hidden) {
    return this.take(4 * BLOCK * (channels + hidden) * this.threads);
  }
}

/** @param {string} name @returns {Promise<BufferSource>} a file beside this one */
async function beside(name) {
  const url = new URL(name, import.meta.url);
  if (url.protocol === "file:") return (await import("node:fs/promises")).readFile(url);
  return (await fetch(url)).arrayBuffer();
}
