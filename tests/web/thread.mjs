// A thread of node that a file of the decoder takes for a worker of a browser.
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";

/** @param {string} name worker.js or helper.js @returns what the decoder takes for a worker */
export function started(name) {
  const thread = new Worker(new URL(import.meta.url), { workerData: name });
  const worker = {
    postMessage: (message, transfer) => thread.postMessage(message, transfer),
    terminate: () => thread.terminate(),
  };
  thread.on("message", (data) => worker.onmessage({ data }));
  thread.on("error", (error) => worker.onerror(error));
  return worker;
}

if (!isMainThread) {
  globalThis.self = { postMessage: (message, transfer) => parentPort.postMessage(message, transfer) };
  const early = [];
  parentPort.on("message", (data) => (self.onmessage ? self.onmessage({ data }) : early.push(data)));
  await import(new URL(workerData, new URL("../../nic_cli/web/decoder/", import.meta.url)));
  for (const data of early) self.onmessage({ data });
}
