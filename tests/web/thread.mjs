// A thread of node that the decoder's worker takes for a worker of a browser.
import { parentPort } from "node:worker_threads";

globalThis.self = { postMessage: (message, transfer) => parentPort.postMessage(message, transfer) };
const early = [];
parentPort.on("message", (data) => (self.onmessage ? self.onmessage({ data }) : early.push(data)));
await import("../../nic_cli/web/decoder/worker.js");
for (const data of early) self.onmessage({ data });
