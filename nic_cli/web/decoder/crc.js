/** CRC-32 as in zlib. */

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1;
  return byte;
});

/**
 * @param {Uint8Array} data
 * @param {number} before the CRC-32 of what comes before these bytes
 * @returns {number} unsigned
 */
export function crc32(data, before = 0) {
  let state = ~before;
  for (let i = 0; i < data.length; i++) state = TABLE[(state ^ data[i]) & 255] ^ (state >>> 8);
  return ~state >>> 0;
}

/**
 * @param {Int32Array | Uint32Array} words
 * @returns {Uint8Array} their bytes, the lowest of each word first
 */
export function bytesOf(words) {
  if (new Uint8Array(new Uint16Array([1]).buffer)[0]) {
    return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
  }
  const out = new DataView(new ArrayBuffer(words.byteLength));
  words.forEach((word, i) => out.setInt32(4 * i, word, true));
  return new Uint8Array(out.buffer);
}
