/**
 * Pixels as a PNG, for the browser to show them in their colours, and for people to save them.
 *
 * A canvas takes sRGB (or Display P3) alone. What is in the space of an ICC profile, or of a cICP code, goes
 * through the reader that every browser has for PNG, which knows both.
 */

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
  return n;
});

/**
 * @param {{width: number, height: number, data: Uint8ClampedArray}} image RGBA, rows without gaps; alpha is
 *   left out where all of it is opaque.
 * @param {{icc?: Uint8Array, cicp?: Uint8Array, grey?: boolean}} [colours] what the values mean; sRGB
 *   without. grey: R, G and B are equal, and a profile describes them as one.
 * @returns {Promise<Blob>}
 */
export async function png({ width, height, data }, { icc, cicp, grey = false } = {}) {
  const head = new Uint8Array(13);
  const fields = new DataView(head.buffer);
  fields.setUint32(0, width);
  fields.setUint32(4, height);
  const opaque = data.every((value, at) => at % 4 < 3 || value === 255);
  head.set([8, (grey ? 0 : 2) + (opaque ? 0 : 4), 0, 0, 0], 8); // 8 bits
  const parts = [SIGNATURE, ...chunk("IHDR", head)];
  if (cicp) parts.push(...chunk("cICP", cicp));
  else if (icc) parts.push(...chunk("iCCP", joined([ascii("ICC\0\0"), await deflated([icc])])));
  else parts.push(...chunk("sRGB", Uint8Array.of(0)));
  const rows = [];
  const filter = Uint8Array.of(0);
  const kept = [true, !grey, !grey, !opaque];
  const values = kept.every(Boolean) ? data : data.filter((_, at) => kept[at % 4]);
  const length = kept.filter(Boolean).length * width;
  for (let y = 0; y < height; y++) rows.push(filter, values.subarray(length * y, length * (y + 1)));
  parts.push(...chunk("IDAT", await deflated(rows)), ...chunk("IEND", new Uint8Array(0)));
  return new Blob(parts, { type: "image/png" });
}

/** The parts of a chunk: length and kind, data, checksum. */
function chunk(kind, data) {
  const head = new Uint8Array(8);
  new DataView(head.buffer).setUint32(0, data.length);
  head.set(ascii(kind), 4);
  const tail = new Uint8Array(4);
  new DataView(tail.buffer).setUint32(0, crc32(data, crc32(head.subarray(4))));
  return [head, data, tail];
}

/** CRC-32 as of zlib, going on from another. */
function crc32(data, before = 0) {
  let crc = ~before;
  for (let i = 0; i < data.length; i++) crc = TABLE[(crc ^ data[i]) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** Pieces through zlib, by the browser's own. */
async function deflated(pieces) {
  const stream = new Blob(pieces).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function joined(pieces) {
  const out = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}

function ascii(text) {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}
