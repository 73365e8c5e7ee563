// node race.mjs ROUNDS THREADS: products that add to themselves, by threads that are woken late now and then.
import { Kernels } from "../../nic_cli/web/decoder/kernels.js";
import { started } from "./thread.mjs";

globalThis.crossOriginIsolated = true;
const [rounds, threads] = process.argv.slice(2).map(Number);
const notify = Atomics.notify;
Atomics.notify = (words, at) => {
  // Whoever looks at the word meanwhile begins without having slept.
  for (const end = performance.now() + 0.3 * Math.random(); performance.now() < end; );
  return notify(words, at);
};
const kernels = await Kernels.open({ threads, start: () => started("helper.js") });
if (kernels.threads !== threads) throw new Error("no threads");
const [count, channels] = [48 * threads, 8];
const [x, weight, out] = [count * channels, channels * channels, count * channels].map((size) => {
  return kernels.put(new Float32Array(size).fill(1));
});
for (let round = 1; round <= rounds; round++) {
  kernels.call.product(
    x, 32, count, channels, weight, channels, kernels.zeros, out, 32, 32, 0, out, 32,
  );
  const found = kernels.floats.subarray(out >> 2, (out >> 2) + count * channels);
  const wrong = found.findIndex((value) => value !== 1 + 8 * round);
  if (wrong >= 0) throw new Error(`round ${round}: value ${wrong} is ${found[wrong]}, not ${1 + 8 * round}`);
}
console.log("all right");
process.exit();
