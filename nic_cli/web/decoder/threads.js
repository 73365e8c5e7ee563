/**
 * Threads that share the memory of the kernels: each does a part of the positions of a call.
 *
 * Browsers let pages share memory only where they are cut off from all others ("cross-origin isolated", by
 * two headers of the server). Each position is added up alone, so the number of threads changes no sum.
 */

/** What lies in the memory that all look at, as i32: rounds so far, threads at work, call, arguments. */
const [ROUND, BUSY, CALL, GIVEN] = [0, 1, 2, 3];
const WORDS = 16;
const CALLS = ["product", "block"];
const PART = 48; // positions that go together through a block
const SPINS = 4000; // looks at whether the others are done before the thread sleeps; some 20 microseconds

/** What a part of a call is given in place of the whole. Both have x, a step or row, and a count. */
const PARTS = {
  product(from, count, thread, [x, step, , inputs, weight, outputs, bias, out, outStep, ...rest]) {
    const [panelStep, rectify, add, addStep] = rest;
    const place = [x + from * step, step, count, inputs, weight, outputs, bias, out + from * outStep];
    return [...place, outStep, panelStep, rectify, add && add + from * addStep, addStep];
  },
  block(from, count, thread, [x, pitch, , channels, hidden, ...rest]) {
    const [room, out] = rest.splice(-2);
    const own = room + thread * 4 * PART * (channels + hidden);
    const at = 4 * channels * from;
    return [x + at, pitch, count, channels, hidden, ...rest, own, out + at];
  },
};

/** The part of one thread of `all`: whole lots of positions, which differ by one lot at most. */
function work(kernels, call, given, thread, all) {
  const count = given[2];
  const lots = Math.ceil(count / PART);
  const [from, end] = [thread, thread + 1].map((i) => Math.min(PART * Math.floor((lots * i) / all), count));
  if (end > from) kernels[call](...PARTS[call](from, end - from, thread, given));
}

/**
 * Kernels of which `product` and `block` are done by this thread and others.
 * @param {WebAssembly.Module} module whose memory is shared
 * @param {WebAssembly.Memory} memory
 * @param {number} count of threads, this one too
 * @param {() => Worker} [start] one that runs helper.js
 * @returns {Promise<object>} the functions; `close()` ends the threads
 */
export async function shared(module, memory, count, start = helper) {
  const own = new WebAssembly.Instance(module, { env: { memory } }).exports;
  const control = new Int32Array(new SharedArrayBuffer(4 * WORDS));
  const others = Array.from({ length: count - 1 }, start);
  const ready = (worker, i) =>
    new Promise((resolve, reject) => {
      worker.onmessage = resolve;
      worker.onerror = reject;
      worker.postMessage({ module, memory, control, thread: i + 1, all: count });
    });
  const close = () => others.forEach((worker) => worker.terminate());
  try {
    await Promise.all(others.map(ready));
  } catch (error) {
    close();
    throw error;
  }
  const divided = (name) => (...given) => {
    if (given[2] <= PART) return own[name](...given);
    control[CALL] = CALLS.indexOf(name);
    control.set(given, GIVEN);
    Atomics.store(control, BUSY, others.length);
    Atomics.add(control, ROUND, 1);
    Atomics.notify(control, ROUND);
    work(own, name, given, 0, count);
    for (let i = 0; i < SPINS && Atomics.load(control, BUSY); i++);
    for (let left; (left = Atomics.load(control, BUSY)); ) Atomics.wait(control, BUSY, left);
  };
  return { ...own, product: divided("product"), block: divided("block"), close };
}

/** What the other threads do for ever, once they were told of what. */
export function help({ module, memory, control, thread, all }) {
  const kernels = new WebAssembly.Instance(module, { env: { memory } }).exports;
  self.postMessage(null);
  for (let round = 0; ; ) {
    Atomics.wait(control, ROUND, round);
    const now = Atomics.load(control, ROUND);
    if (now === round) continue; // woken late, for what it has done already
    round = now;
    const call = CALLS[control[CALL]];
    work(kernels, call, [...control.subarray(GIVEN)], thread, all);
    Atomics.sub(control, BUSY, 1);
    Atomics.notify(control, BUSY);
  }
}

/** @returns {Worker} */
const helper = () => new Worker(new URL("helper.js", import.meta.url), { type: "module" });
