/**
 * SHA-256 (FIPS 180-4), by the browser where it has one: pages that come by plain http from another
 * machine have none.
 */

const PRIMES = primes(64);
const START = Uint32Array.from(PRIMES.slice(0, 8), (p) => part(p ** (1 / 2)));
const ROUNDS = Uint32Array.from(PRIMES, (p) => part(p ** (1 / 3)));

/** @param {Uint8Array} data @returns {Promise<Uint8Array>} 32 bytes */
export async function sha256(data) {
  const subtle = globalThis.crypto?.subtle;
  return subtle ? new Uint8Array(await subtle.digest("SHA-256", data)) : plain(data);
}

/** The same in JavaScript. @param {Uint8Array} data @returns {Uint8Array} */
export function plain(data) {
  const state = START.slice();
  const whole = data.length - (data.length % 64);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  for (let at = 0; at < whole; at += 64) mix(state, view, at);
  const rest = new Uint8Array(data.length % 64 < 56 ? 64 : 128);
  rest.set(data.subarray(whole));
  rest[data.length % 64] = 128;
  const end = new DataView(rest.buffer);
  end.setUint32(rest.length - 8, Math.floor(data.length / 2 ** 29));
  end.setUint32(rest.length - 4, (data.length * 8) >>> 0);
  for (let at = 0; at < rest.length; at += 64) mix(state, end, at);
  const out = new DataView(new ArrayBuffer(32));
  state.forEach((word, i) => out.setUint32(4 * i, word));
  return new Uint8Array(out.buffer);
}

const words = new Uint32Array(64);
const turned = (x, n) => (x >>> n) | (x << (32 - n));

/** 64 bytes into the state. */
function mix(state, view, at) {
  for (let i = 0; i < 16; i++) words[i] = view.getUint32(at + 4 * i);
  for (let i = 16; i < 64; i++) {
    const [a, b] = [words[i - 15], words[i - 2]];
    const s0 = turned(a, 7) ^ turned(a, 18) ^ (a >>> 3);
    words[i] = words[i - 16] + s0 + words[i - 7] + (turned(b, 17) ^ turned(b, 19) ^ (b >>> 10));
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let i = 0; i < 64; i++) {
    const sum = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25);
    const one = h + sum + ((e & f) ^ (~e & g)) + ROUNDS[i] + words[i];
    const two = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((word, i) => (state[i] += word));
}

/** The first primes. */
function primes(count) {
  const found = [];
  for (let n = 2; found.length < count; n++) if (found.every((p) => n % p)) found.push(n);
  return found;
}

/** The first 32 bits behind the point. */
function part(x) {
  return Math.floor((x % 1) * 2 ** 32);
}
