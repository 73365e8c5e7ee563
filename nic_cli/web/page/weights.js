/**
 * The models beside the page: found by name and id, fetched once, kept by the browser under their SHA-256.
 *
 * What comes is checked against the list before it is used or kept. Of pages that come by plain http from another
 * machine browsers keep nothing: these fetch the weights anew.
 */

import { hexadecimal } from "./decoder/container.js";
import { sha256 as hash } from "./decoder/sha256.js";

const KEPT = "nic-models";
const sum = async (data) => hexadecimal(await hash(new Uint8Array(data)));
const lists = new Map();

/**
 * @param {URL} base where models.json lies.
 * @param {{model: string, modelId: string}} file what a file says of its model.
 * @param {(share: number) => void} told how much of the weights is there, 0 to 1.
 * @returns {Promise<{config: string, weights: ArrayBuffer}>}
 */
export async function modelOf(base, file, told = () => {}) {
  const address = new URL("models.json", base);
  if (!lists.has(address.href)) lists.set(address.href, list(address));
  let listed;
  try {
    listed = await lists.get(address.href);
  } catch (error) {
    lists.delete(address.href); // the next one tries again
    throw error;
  }
  const found = listed.find((model) => model.id === file.modelId);
  if (!found) {
    const there = listed.map((model) => `${model.name} (${model.id})`).join(", ");
    throw new Error(`made with model ${file.model} (${file.modelId}), and here is ${there || "none"}`);
  }
  const place = new URL(`models/${encodeURIComponent(found.name)}/`, base);
  const config = await file_of(place, "config.json", found.files["config.json"]);
  const weights = await file_of(place, "model.safetensors", found.files["model.safetensors"], told);
  return { config: new TextDecoder().decode(config), weights };
}

/** What the site has, as it is now: servers that say nothing of it would have old lists kept for days. */
async function list(address) {
  const answer = await fetched(address, "no-cache");
  return answer.json().catch(() => {
    throw new Error(`${address.pathname}: not what nic web has written`);
  });
}

/** The bytes of one file of a model. */
async function file_of(place, name, { bytes, sha256 }, told = () => {}) {
  const key = new URL(`?sha256=${sha256}`, new URL(name, place)).href;
  const cache = await kept();
  const before = await cache?.match(key).catch(() => undefined);
  if (before) {
    const data = await before.arrayBuffer();
    if ((await sum(data)) === sha256) return data;
    await cache.delete(key); // cut by whatever
  }
  const data = await read(await fetched(new URL(key)), bytes, told).catch(() => {
    throw new Error(`${name}: the connection ended before all of it was there`);
  });
  if (data.byteLength !== bytes || (await sum(data)) !== sha256) {
    throw new Error(`${name}: not the file that the site was written with; write the site anew`);
  }
  await cache?.put(key, new Response(data)).catch(() => {}); // no room: fetched again next time
  return data;
}

async function kept() {
  try {
    return await globalThis.caches?.open(KEPT);
  } catch {
    return undefined; // as in private windows of some browsers
  }
}

async function fetched(address, cache = "default") {
  let answer;
  try {
    answer = await fetch(address, { cache, credentials: "same-origin", referrerPolicy: "no-referrer" });
  } catch {
    throw new Error(`${address.pathname}: cannot be fetched; is the server still there?`);
  }
  if (!answer.ok) throw new Error(`${address.pathname}: the server says ${answer.status}`);
  return answer;
}

/** The body of an answer, told of as it comes; never more than it is to have. */
async function read(answer, bytes, told) {
  const out = new Uint8Array(bytes);
  const reader = answer.body.getReader();
  let at = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return out.buffer.slice(0, at);
    if (at + value.length > bytes) {
      await reader.cancel();
      return new ArrayBuffer(bytes + 1); // refused by its length
    }
    out.set(value, at);
    at += value.length;
    told(at / bytes);
  }
}

