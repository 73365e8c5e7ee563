/** The container of nic(5): header, chunks and payloads, with all their checks. */

import { crc32 } from "./crc.js";
import { check, NicError } from "./errors.js";

const SIGNATURE = [0x89, 0x4e, 0x49, 0x43, 13, 10, 26, 10];
/** Kinds that may not be skipped, and are known. */
const NEEDED = ["ALPH", "RANG"];
/** The fewest and the most bytes of chunks; of others 1 and 2^30. */
const LEAST = { RANG: 2, cicp: 4, reso: 9 };
const MIB = 2 ** 20;
const MOST = {
  RANG: 2, cicp: 4, reso: 17, orig: 4096, text: MIB, iptc: MIB, geot: MIB, iccp: 16 * MIB, exif: 16 * MIB,
  xmpp: 16 * MIB, prev: 16 * MIB, gmap: 16 * MIB + 4096,
};
const MOST_POSITIONS = 36864; // of r in a tile

/** Takes numbers from bytes; throws NicError past their end. */
class Reader {
  /** @param {Uint8Array} data */
  constructor(data) {
    this.data = data;
    this.at = 0;
  }

  /** @param {number} count @returns {Uint8Array} the next count bytes, a view */
  take(count) {
    check(count <= this.data.length - this.at, "the file is cut: it ends before its last part");
    this.at += count;
    return this.data.subarray(this.at - count, this.at);
  }

  /** @param {number} count @returns {number} an unsigned number of count bytes, the lowest first */
  number(count) {
    return this.take(count).reduceRight((value, byte) => value * 256 + byte, 0);
  }

  /** @returns {number} a LEB128 of at most five bytes and of no byte more than it needs */
  varint() {
    let value = 0;
    for (let i = 0; i < 5; i++) {
      const byte = this.number(1);
      value += (byte & 127) * 2 ** (7 * i);
      if (byte < 128) {
        check(!i || byte, "a number is longer than it must be");
        return value;
      }
    }
    throw new NicError("a number has over five bytes");
  }
}

/**
 * An entropy tile, in pixels of the extended picture.
 * @typedef {{top: number, left: number, height: number, width: number, length: number, payloadCRC: number,
 *   symbolsCRC: number}} Tile
 *
 * What the header says; q and b in 1/4096; rows, columns: where tiles begin, and where the last one ends.
 * @typedef {{width: number, height: number, flags: number, q: number, b: number, rgb: boolean,
 *   deep: boolean, originalSpace: boolean, model: string, modelId: string, chunkCount: number,
 *   rows: number[], columns: number[], tiles: Tile[]}} Header
 */

/**
 * A whole file -> what it says. Throws NicError for damage.
 * @param {Uint8Array} data
 * @returns {{header: Header, chunks: Map<string, Uint8Array>, payloads: Uint8Array[]}} views of data
 */
export function parse(data) {
  const file = new Reader(data);
  check(data.length, "the file is empty");
  const start = file.take(Math.min(8, data.length));
  check(SIGNATURE.every((byte, i) => start[i] === byte), "not a .nic file: another signature");
  const version = file.number(1);
  const said = `format ${version >> 4}.${version & 15}: this decoder reads format 1`;
  check(version === 0 || version >> 4 === 1, said);
  const fields = new Reader(file.take(file.varint()));
  const found = crc32(data.subarray(0, file.at));
  check(found === file.number(4), "the header is damaged: another checksum");
  const header = readHeader(fields);
  const chunks = new Map();
  for (let i = 0; i < header.chunkCount; i++) readChunk(file, chunks);
  check(!chunks.has("RANG") || header.deep, "a RANG chunk in a picture of 8 bits");
  const payloads = header.tiles.map((tile, i) => {
    const payload = file.take(tile.length);
    check(crc32(payload) === tile.payloadCRC, `tile ${i}: its payload is damaged`);
    return payload;
  });
  check(file.at === data.length, "the file goes on after its last payload");
  return { header, chunks, payloads };
}

/** @param {Reader} fields @returns {Header} */
function readHeader(fields) {
  const [width, height] = [fields.varint(), fields.varint()];
  const [flags, q, b, side] = [1, 2, 2, 1].map((count) => fields.number(count));
  const fits = (pixels) => pixels >= 1 && pixels <= 2 ** 20;
  check(fits(width) && fits(height), "a side is not of 1 to 2^20 pixels");
  check(flags < 16, `flags ${flags}: known are 1, 2, 4 and 8`);
  check(b <= 4096, `realism ${b}/4096 is over 1`);
  check(side > 0, "tiles of no pixels");
  const name = String.fromCharCode(...fields.take(fields.number(1)));
  check(/^[a-z0-9][a-z0-9._-]{0,63}$/.test(name), "no model is named so");
  const modelId = hexadecimal(fields.take(8));
  const chunkCount = flags & 8 ? fields.varint() : 0;
  check(!(flags & 8) || (chunkCount >= 1 && chunkCount <= 64), `${chunkCount} chunks: not 1 to 64`);
  const [rows, columns] = [edges(height, 64 * side), edges(width, 64 * side)];
  const count = (rows.length - 1) * (columns.length - 1);
  check(9 * count <= fields.data.length - fields.at, "the header ends before its table of tiles");
  const tiles = [];
  for (let i = 0; i + 1 < rows.length; i++) {
    for (let j = 0; j + 1 < columns.length; j++) {
      const [top, left] = [rows[i], columns[j]];
      const tile = { top, left, height: rows[i + 1] - top, width: columns[j + 1] - left };
      check(tile.height * tile.width <= MOST_POSITIONS * 256, "a tile of over 36864 residuals a channel");
      const [length, payloadCRC, symbolsCRC] = [fields.varint(), fields.number(4), fields.number(4)];
      tiles.push({ ...tile, length, payloadCRC, symbolsCRC });
    }
  }
  check(fields.at === fields.data.length, "the header goes on after its table of tiles");
  return {
    width, height, flags, q, b, rgb: !!(flags & 1), deep: !!(flags & 2), originalSpace: !!(flags & 4),
    model: name, modelId, chunkCount, rows, columns, tiles,
  };
}

/**
 * Where tiles begin along a side of so many pixels, and where the last one ends.
 * @param {number} side
 * @param {number} tile
 */
function edges(side, tile) {
  const extended = 64 * Math.ceil(side / 64);
  const count = Math.max(1, Math.floor((extended + tile / 2) / tile));
  return [...Array.from({ length: count }, (_, i) => tile * i), extended];
}

/** @param {Uint8Array} bytes */
export const hexadecimal = (bytes) =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/**
 * One chunk, into chunks by its kind; what may be skipped is kept all the same.
 * @param {Reader} file
 * @param {Map<string, Uint8Array>} chunks
 */
function readChunk(file, chunks) {
  const kind = file.take(4);
  const body = file.take(file.varint());
  check(crc32(body, crc32(kind)) === file.number(4), `a chunk before byte ${file.at}: another checksum`);
  const name = String.fromCharCode(...kind);
  check(/^[A-Za-z]{4}$/.test(name), `a chunk before byte ${file.at}: its kind is not four letters`);
  check(!chunks.has(name), `two chunks ${name}`);
  check(NEEDED.includes(name) || name[0] >= "a", `chunk ${name}: not known, and may not be skipped`);
  const size = body.length;
  const fits = size >= (LEAST[name] ?? 1) && size <= (MOST[name] ?? 2 ** 30);
  const one = name !== "reso" || size === 9 || size === 17;
  check(fits && one, `chunk ${name}: ${size} bytes, which cannot be`);
  const top = body[0] + 256 * body[1];
  check(name !== "RANG" || (top >= 255 && top <= 65534), "chunk RANG: not of 255 to 65534");
  chunks.set(name, body);
}

/**
 * Width, height and depth of an alpha plane, where its first bytes say them: a PNG or a lossless WebP.
 * @param {Uint8Array} data
 * @returns {{width: number, height: number, bits: number}}
 */
export function sizeOfAlpha(data) {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const text = (from, to) => String.fromCharCode(...data.subarray(from, to));
  if (text(0, 4) === "RIFF") {
    const simple = data.length >= 25 && text(8, 16) === "WEBPVP8L" && data[20] === 0x2f;
    check(simple, "alpha is in no simple lossless WebP");
    const bits = view.getUint32(21, true);
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1, bits: 8 };
  }
  const known = text(1, 4) === "PNG" && text(12, 16) === "IHDR" && data.length >= 33;
  check(known, "alpha is neither PNG nor WebP");
  check(data[25] === 0 && data[28] === 0, "alpha is not a grey PNG without interlacing");
  return { width: view.getUint32(16), height: view.getUint32(20), bits: data[24] };
}
