// node run.mjs: what tests ask of the decoder, one JSON an argument; answers as one JSON on standard output.
//   {"model": FOLDER, "plain": BOOL, "threads": COUNT, "files": [{"file": PATH, "out": PATH, "draws": [WHAT draw TAKES]}]}
//   {"model": FOLDER, "flip": PATH}  which bits of a file can be flipped without being refused
import { readFileSync, writeFileSync } from "node:fs";
import { Model, NicError, Picture } from "../../nic_cli/web/decoder/decoder.js";
import { started } from "./thread.mjs";

globalThis.crossOriginIsolated = true; // as of a page that may share memory

const contents = (path) => {
  const data = readFileSync(path);
  return data.buffer.slice(data.byteOffset, data.byteOffset + data.length);
};

/** What is said of a refusal; "CRASH" before what is no refusal. */
const said = (error) => (error instanceof NicError ? error.message : `CRASH ${error.stack}`);

const models = new Map();
async function modelOf({ model: folder, plain = false, threads = 1 }) {
  const key = `${folder} ${plain} ${threads}`;
  if (!models.has(key)) {
    const text = readFileSync(`${folder}/config.json`, "utf8");
    const options = { plain, threads, start: () => started("helper.js") };
    models.set(key, await Model.open(text, contents(`${folder}/model.safetensors`), options));
  }
  return models.get(key);
}

async function decoded({ file, data = null, out, draws = [] }, model) {
  try {
    const picture = await Picture.open(data ?? contents(file), model);
    const made = draws.map((wanted) => picture.draw(wanted));
    if (out) writeFileSync(out, Buffer.concat(made.map(({ data }) => Buffer.from(data.buffer))));
    const { width, height, channels, bitDepth, symbolsCRC } = picture;
    return { width, height, channels, bitDepth, symbols: symbolsCRC, chunks: [...picture.chunks.keys()] };
  } catch (error) {
    return { refused: said(error) };
  }
}

async function flipped(path, model) {
  const data = new Uint8Array(contents(path));
  const wrong = [];
  for (let bit = 0; bit < 8 * data.length; bit++) {
    const copy = data.slice();
    copy[bit >> 3] ^= 1 << (bit & 7);
    const { refused } = await decoded({ data: copy }, model);
    if (!refused || refused.startsWith("CRASH")) wrong.push(bit);
  }
  return wrong;
}

const answers = [];
for (const text of process.argv.slice(2)) {
  const asked = JSON.parse(text);
  try {
    const model = await modelOf(asked);
    if (asked.flip) {
      answers.push(await flipped(asked.flip, model));
    } else {
      const { simd, threads } = model.kernels;
      const found = { simd, threads, files: [] };
      for (const file of asked.files) found.files.push(await decoded(file, model));
      answers.push(found);
    }
  } catch (error) {
    answers.push({ refused: said(error) });
  }
}
console.log(JSON.stringify(answers));
for (const { kernels } of models.values()) kernels.call.close?.();
