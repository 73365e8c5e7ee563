/**
 * A decoder of `.nic` files, written from nic(5).
 *
 *     const model = await Model.open(configText, weightsArrayBuffer);
 *     const picture = await Picture.open(fileBytes, model);
 *     const { width, height, data } = picture.draw({ b: 0.5, top: 0, rows: 256 });
 *
 * Alpha, ICC profiles and previews are left to whoever shows the picture: `picture.chunks` has them.
 */

import { Decoder } from "./ans.js";
import { parse, sizeOfAlpha } from "./container.js";
import { bytesOf, crc32 } from "./crc.js";
import { check, NicError } from "./errors.js";
import { Model } from "./model.js";
import { Synthesis } from "./synthesis.js";

export { Model, NicError };

const ROWS = 8; // of pixels that a row of the network becomes

/** A file whose tiles are all decoded to latents. */
export class Picture {
  /**
   * Decodes all but the pixels. Throws NicError for whatever is damaged, or not for this model.
   * @param {Uint8Array | ArrayBuffer} data the file
   * @param {Model} model
   * @param {(done: number, all: number) => void} [progress] after each tile
   */
  static async open(data, model, progress) {
    try {
      const bytes = new Uint8Array(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength);
      return new Picture(bytes, model, progress);
    } catch (error) {
      if (error instanceof RangeError) throw new NicError("the picture takes more memory than there is");
      throw error;
    }
  }

  /** What `open` does. */
  constructor(data, model, progress) {
    const { header, chunks, payloads } = parse(data);
    const { latent, q_top: top } = model.config;
    const made = `made by model ${header.model} ${header.modelId}`;
    check(header.modelId === model.id, `${made}, this one is ${model.id}: another, or an imported one`);
    check(header.q <= 4096 * top, `q ${header.q / 4096} is over the model's ${top}`);
    if (chunks.has("ALPH")) {
      const { width, height, bits } = sizeOfAlpha(chunks.get("ALPH"));
      const fits = width === header.width && height === header.height && bits === (header.deep ? 16 : 8);
      check(fits, "alpha of another size or depth than the picture");
    }
    Object.assign(this, { model, header, chunks });
    const [rows, columns] = [header.rows.at(-1) / 16, header.columns.at(-1) / 16];
    /** [rows, columns, L] */
    this.latents = new Float32Array(rows * columns * latent);
    this.size = { rows, columns };
    header.tiles.forEach((tile, i) => {
      const symbols = this.#symbols(tile, payloads[i]);
      const found = crc32(bytesOf(symbols.r), crc32(bytesOf(symbols.z)));
      check(found === tile.symbolsCRC, `tile ${i}: its symbols have another checksum`);
      const [height, width, y, x] = [tile.height, tile.width, tile.top, tile.left].map((n) => n / 16);
      model.network.tile(symbols, height, width, header.q, header.b / 4096, this.latents, columns, y, x);
      progress?.(i + 1, header.tiles.length);
    });
    /** CRC-32 over those of all tiles: it stands for the picture, and seeds its noise. */
    this.symbolsCRC = crc32(bytesOf(Uint32Array.from(header.tiles, (tile) => tile.symbolsCRC)));
  }

  get width() {
    return this.header.width;
  }

  get height() {
    return this.header.height;
  }

  /** 1 or 3; alpha does not count. */
  get channels() {
    return this.header.rgb ? 3 : 1;
  }

  /** 8 or 16 */
  get bitDepth() {
    return this.header.deep ? 16 : 8;
  }

  /** The symbols z and r of a tile. */
  #symbols(tile, payload) {
    const { config, anchorStep: step, cumulated, scaleNetwork } = this.model;
    const { q } = this.header;
    const anchor = Math.min(Math.floor((q + Math.floor(step / 2)) / step), config.q_anchors - 1);
    const first = config.scales + config.hyper * anchor;
    const [height, width] = [tile.height / 64, tile.width / 64];
    let bits = 0;
    for (let c = 0; c < config.hyper; c++) bits += cheapest(cumulated[first + c]);
    const enough = 8 * payload.length + 64 >= 0.99 * bits * height * width;
    check(enough, "a payload is shorter than its tile's cheapest symbols");
    const coder = new Decoder(payload);
    const tables = new Uint16Array(height * width * config.hyper).map((_, i) => first + (i % config.hyper));
    const z = coder.part(tables, 0, this.model);
    check(z.every((value) => Math.abs(value) <= 127), "a hyper-latent beyond 127");
    const r = coder.part(scaleNetwork.tables(z, height, width, q), config.skip, this.model);
    coder.end();
    return { z, r };
  }

  /**
   * Rows of pixels. Those that follow the ones before, at the same b, go on where these ended.
   * @param {{b?: number, top?: number, rows?: number, deep?: boolean}} [wanted] b: realism 0..1, that of the
   *   header without; deep: in 16 bits, as the page says, in place of 8
   * @returns {{width: number, height: number, data: Uint8ClampedArray | Uint16Array}} RGBA, opaque
   */
  draw({ b = this.header.b / 4096, top = 0, rows = this.height - top, deep = false } = {}) {
    check(b >= 0 && b <= 1, `realism ${b} is not in 0..1`);
    const whole = Number.isInteger(top) && Number.isInteger(rows);
    const inside = whole && top >= 0 && rows > 0 && top + rows <= this.height;
    check(inside, "rows that the picture does not have");
    const { width } = this;
    const data = deep ? new Uint16Array(4 * width * rows) : new Uint8ClampedArray(4 * width * rows);
    data.fill(deep ? 65535 : 255);
    const put = this.#shade(data, deep);
    for (let y = top; y < top + rows; ) {
      const end = Math.min(ROWS * (Math.floor(y / ROWS) + 1), top + rows);
      const row = this.#row(b, Math.floor(y / ROWS));
      for (; y < end; y++) this.#line(row, y % ROWS, (y - top) * width, put);
    }
    return { width, height: rows, data };
  }

  /**
   * How a value around 0 becomes a level: written to data.
   * @returns {(at: number, value: number) => void}
   */
  #shade(data, deep) {
    const range = this.chunks.get("RANG");
    const top = range ? range[0] + 256 * range[1] : 65535;
    if (!this.header.deep) {
      const scale = deep ? 257 : 1;
      return (at, value) => (data[at] = scale * rounded(255 * Math.min(Math.max(value + 0.5, 0), 1)));
    }
    return (at, value) => {
      const level = rounded(65535 * Math.min(Math.max(value + 0.5, 0), 1));
      const meant = range ? rounded((level * top) / 65535) : level;
      data[at] = deep ? meant : (meant * 255) / top;
    };
  }

  /** One line of pixels of a row of the network. */
  #line({ values, at, direct }, line, from, put) {
    const grey = !this.header.rgb;
    for (let x = 0; x < this.width; x++) {
      const source = 192 * (x >> 3) + 24 * line + 3 * (x & 7);
      let [red, green, blue] = [values[at + source], values[at + source + 1], values[at + source + 2]];
      if (direct) {
        red += direct[source];
        green += direct[source + 1];
        blue += direct[source + 2];
      }
      if (grey) red = green = blue = (red + green + blue) / 3;
      const to = 4 * (from + x);
      put(to, red);
      put(to + 1, green);
      put(to + 2, blue);
    }
  }

  /** A row of the network: 192 values of each position, from `at` on. */
  #row(b, row) {
    const { kernels } = this.model;
    let stages = kernels.owner;
    if (!(stages instanceof Stages) || stages.picture !== this || stages.b !== b) {
      kernels.owner = null;
      stages = new Stages(this, b);
      kernels.owner = stages;
    }
    return stages.row(row);
  }
}

/** The synthesis of a picture at a realism, which stands at some row. */
class Stages {
  constructor(picture, b) {
    Object.assign(this, { picture, b });
    const { model, header, latents, size: { rows, columns }, symbolsCRC: seed } = picture;
    const { kernels } = model;
    model.synthesis ??= new Synthesis(model);
    kernels.end = model.kept ??= kernels.end;
    const channels = model.config.latent;
    const source = {
      height: rows,
      width: columns,
      /** Rows of latents to floats, from the pointer `at` on, each position padded to so many channels. */
      place(floats, at, wide, row, count) {
        let from = row * columns * channels;
        for (let to = at >> 2, i = 0; i < count * columns; i++, to += wide, from += channels) {
          for (let c = 0; c < channels; c++) floats[to + c] = latents[from + c];
        }
      },
    };
    const as = { q: header.q / 4096, made: header.b / 4096, shown: b, seed };
    Object.assign(this, model.synthesis.stages(source, as));
    this.at = kernels.take(this.most * this.tail.pitch);
    this.first = this.next = 0;
  }

  row(row) {
    const { tail, noise, most, at, picture: { model: { kernels } } } = this;
    if (row < this.first || row > this.next) this.next = tail.seek(row);
    if (row === this.next) {
      this.first = row;
      this.next += tail.pull(at, most);
      this.direct = Array.from({ length: this.next - row }, (_, i) => noise?.direct.get(row + i));
    }
    const i = row - this.first;
    return { values: kernels.floats, at: (at + i * tail.pitch) >> 2, direct: this.direct[i] };
  }
}

/** @param {Uint32Array} cumulated @returns {number} bits of the likeliest entry */
function cheapest(cumulated) {
  let most = 0;
  for (let i = 1; i < cumulated.length; i++) most = Math.max(most, cumulated[i] - cumulated[i - 1]);
  return 24 - Math.log2(most);
}

/** @param {number} value not under 0 @returns {number} the nearest integer, halves to even */
function rounded(value) {
  const low = Math.floor(value);
  const rest = value - low;
  return rest > 0.5 || (rest === 0.5 && low % 2) ? low + 1 : low;
}
