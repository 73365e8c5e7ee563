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
import { Painter } from "./pixels.js";

export { Model, NicError };

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
    const [made, held] = [`${header.model} ${header.modelId}`, `${model.config.name} ${model.id}`];
    check(made === held, `made by model ${made}, this one is ${held}: another, or an imported one`);
    check(header.q <= 4096 * top, `q ${header.q / 4096} is over the model's ${top}`);
    if (chunks.has("ALPH")) {
      const { width, height, bits } = sizeOfAlpha(chunks.get("ALPH"));
      const fits = width === header.width && height === header.height && bits === (header.deep ? 16 : 8);
      check(fits, "alpha of another size or depth than the picture");
    }
    Object.assign(this, { model, header, chunks });
    model.kernels.release();
    this.#paid(payloads);
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
    const { latents } = this;
    /** The latents as `Synthesis.stages` takes them. */
    this.source = {
      height: rows,
      width: columns,
      /** Rows of them to floats, from the pointer `at` on, each position padded to so many channels. */
      place(floats, at, wide, row, count) {
        let from = row * columns * latent;
        for (let to = at >> 2, i = 0; i < count * columns; i++, to += wide, from += latent) {
          for (let c = 0; c < latent; c++) floats[to + c] = latents[from + c];
        }
      },
    };
  }

  /** What a realism asks of the synthesis. @param {number} b */
  as(b) {
    const { header, symbolsCRC: seed } = this;
    return { q: header.q / 4096, made: header.b / 4096, shown: b, seed };
  }

  /** Gives back what drawing takes; it can be drawn again. */
  close() {
    const { kernels, gpu } = this.model;
    if (kernels.owner?.picture === this) kernels.release();
    gpu?.release(this.source);
    this.closed = true;
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

  /** The table of the first channel of z. */
  #tablesOfZ() {
    const { config, anchorStep: step } = this.model;
    const anchor = Math.floor((this.header.q + Math.floor(step / 2)) / step);
    return config.scales + config.hyper * Math.min(anchor, config.q_anchors - 1);
  }

  /** Nothing is made for a tile before the bytes that pay for it are there. */
  #paid(payloads) {
    const first = this.#tablesOfZ();
    const tables = this.model.cumulated.slice(first, first + this.model.config.hyper);
    const bits = tables.reduce((sum, table) => sum + cheapest(table), 0);
    this.header.tiles.forEach(({ height, width }, i) => {
      const enough = 8 * payloads[i].length + 64 >= (0.99 * bits * height * width) / 4096;
      check(enough, `tile ${i}: its payload is shorter than its cheapest symbols`);
    });
  }

  /** The symbols z and r of a tile. */
  #symbols(tile, payload) {
    const { config, scaleNetwork } = this.model;
    const { q } = this.header;
    const first = this.#tablesOfZ();
    const [height, width] = [tile.height / 64, tile.width / 64];
    const coder = new Decoder(payload);
    const tables = new Uint16Array(height * width * config.hyper).map((_, i) => first + (i % config.hyper));
    const z = coder.part(tables, 0, this.model);
    check(z.every((value) => Math.abs(value) <= 127), "a hyper-latent beyond 127");
    const r = coder.part(scaleNetwork.tables(z, height, width, q), config.skip, this.model);
    coder.end();
    return { z, r };
  }

  /** @param {number} scale 1, 2, 4 or 8 @returns {{width: number, height: number}} of what `draw` gives */
  sizeAt(scale) {
    const { width, height } = this.#painter(scale, false);
    return { width, height };
  }

  /** How rows become pixels. */
  #painter(scale, deep) {
    check([1, 2, 4, 8].includes(scale), `scale ${scale}: it is 1, 2, 4 or 8`);
    return new Painter(this.header, this.chunks.get("RANG"), scale, deep);
  }

  /**
   * Rows of pixels. Those that follow the ones before, at the same b, go on where these ended.
   * @param {{b?: number, scale?: number, top?: number, rows?: number, deep?: boolean}} [wanted] b: realism
   *   0..1, that of the header without; scale: 1, 2, 4 or 8, each pixel is the mean of a square of so many;
   *   top, rows: of the picture so reduced; deep: in 16 bits, as the page says, in place of 8
   * @returns {{width: number, height: number, data: Uint8ClampedArray | Uint16Array}} RGBA, opaque
   */
  draw(wanted = {}) {
    const { b, painter, top, end } = this.#wanted(wanted);
    return this.#painted(painter, top, end, (number) => this.#row(b, number));
  }

  /** As `draw`, by a GPU where the model has one. @returns {Promise<object>} */
  async drawn(wanted = {}) {
    const { gpu } = this.model;
    const most = gpu && !gpu.lost ? gpu.rows(this.size.columns) : 0;
    if (!most) return this.draw(wanted);
    const { b, painter, top, end } = this.#wanted(wanted);
    const [first, last] = [Math.floor(top / painter.lines), Math.ceil(end / painter.lines)];
    const wide = 2 * this.size.columns * 192;
    try {
      const strips = [];
      for (let row = first; row < last; row += most) {
        strips.push(await gpu.draw(this.source, this.as(b), row, Math.min(last, row + most)));
      }
      if (this.closed) gpu.release(this.source); // meanwhile
      return this.#painted(painter, top, end, (number) => {
        const [strip, row] = [Math.floor((number - first) / most), (number - first) % most];
        return { values: strips[strip], at: row * wide };
      });
    } catch {
      gpu.close(); // it went away, or has no room: the kernels do it from here on
      return this.draw(wanted);
    }
  }

  /** What `draw` is asked for, checked. */
  #wanted({ b = this.header.b / 4096, scale = 1, top = 0, rows = null, deep = false }) {
    check(b >= 0 && b <= 1, `realism ${b} is not in 0..1`);
    const painter = this.#painter(scale, deep);
    const end = top + (rows ?? painter.height - top);
    const whole = Number.isInteger(top) && Number.isInteger(end);
    check(whole && top >= 0 && end > top && end <= painter.height, "rows that the picture does not have");
    return { b, painter, top, end };
  }

  /** Lines of pixels, of rows of the network by their numbers. */
  #painted(painter, top, end, rowOf) {
    const { width, lines } = painter;
    const data = painter.room(end - top);
    for (let y = top; y < end; ) {
      const number = Math.floor(y / lines);
      const row = rowOf(number);
      for (; y < Math.min(lines * (number + 1), end); y++) {
        painter.line(row, y % lines, data, 4 * width * (y - top));
      }
    }
    return { width, height: end - top, data };
  }

  /** A row of the network: 192 values of each position, from `at` on. */
  #row(b, row) {
    const { kernels } = this.model;
    let stages = kernels.owner;
    if (!(stages instanceof Stages) || stages.picture !== this || stages.b !== b) {
      stages = new Stages(this, b);
    }
    return stages.row(row);
  }
}

/** The synthesis of a picture at a realism, which stands at some row. */
class Stages {
  constructor(picture, b) {
    Object.assign(this, { picture, b });
    const { model: { kernels, synthesis }, source } = picture;
    kernels.release();
    Object.assign(this, synthesis.stages(source, picture.as(b)));
    this.at = kernels.take(this.most * this.tail.pitch);
    this.first = this.next = 0;
    kernels.owner = this;
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
