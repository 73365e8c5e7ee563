// node speed.mjs MODEL_FOLDER FILE [TIMES [THREADS]]: where the time goes from a file's bytes to its picture.
import { readFileSync } from "node:fs";
import { Model, Picture } from "../../nic_cli/web/decoder/decoder.js";
import { Slider } from "../../nic_cli/web/decoder/slider.js";
import { started } from "./thread.mjs";

globalThis.crossOriginIsolated = true; // as of a page that may share memory
const [folder, file, times = "3", threads = "1"] = process.argv.slice(2);
const text = readFileSync(`${folder}/config.json`, "utf8");
const weights = new Uint8Array(readFileSync(`${folder}/model.safetensors`)).buffer;
const data = new Uint8Array(readFileSync(file));

let [clock, used] = [performance.now(), process.cpuUsage()];
function lap() {
  const { user, system } = process.cpuUsage(used);
  const seconds = { wall: (performance.now() - clock) / 1e3, cpu: (user + system) / 1e6 };
  [clock, used] = [performance.now(), process.cpuUsage()];
  return seconds;
}

const said = { model: [], open: [], draw: [], again: [] };
for (let i = 0; i < Number(times); i++) {
  lap();
  const shared = { threads: Number(threads), start: () => started("helper.js") };
  const model = await Model.open(text, weights, shared);
  said.model.push(lap());
  const picture = await Picture.open(data, model);
  said.open.push(lap());
  picture.draw();
  said.draw.push(lap());
  picture.draw({ b: 0.9 });
  said.again.push(lap());
  if (i + 1 < Number(times)) {
    model.kernels.call.close?.();
    continue;
  }
  const slider = new Slider(picture);
  while ((await slider.step()) < 1);
  said.slider = [lap()];
  slider.draw(0.3);
  said.mix = [lap()];
  said.memory = process.memoryUsage().rss / 2 ** 20;
}
console.log(JSON.stringify(said));
process.exit();
