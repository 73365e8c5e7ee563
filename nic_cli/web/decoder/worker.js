/**
 * The decoder as a module worker, so that the page goes on while it works. `client.js` is its other end.
 *
 * A message is {id, ask, ...}, its answer {id, found} or {id, failed: a line}, after {id, done: share} maybe:
 *
 *     model    config, weights, plain, threads, gpu -> of the model, the only one, its id; simd: whether by
 *                                          WebAssembly; threads; gpu: whether by one; band: how many rows are
 *                                          well drawn at a time
 *     open     data                     -> picture (a number), width, height, channels, bitDepth, header,
 *                                          chunks
 *     draw     picture, b, scale, top, rows, deep -> width, height, data
 *     prepare  picture, scale           -> the share of what `mix` takes that is there, each time a bit more
 *     mix      picture, b               -> width, height, data, of the scale that was prepared, or null
 *     close    picture                  -> null
 */

import { Model, NicError, Picture } from "./decoder.js";
import { Gpu } from "./gpu.js";
import { Slider } from "./slider.js";

/** @type {Model | null} */
let model = null;
/** @type {Map<number, {picture: Picture, slider: Slider | null}>} */
const open = new Map();
let opened = 0;

/** How many rows are well drawn at a time. */
const band = () => (model.gpu && !model.gpu.lost ? 1024 : 64);

const ANSWERS = {
  async model({ config, weights, plain = false, threads = 1, gpu = "" }) {
    model = await Model.open(config, weights, { plain, threads });
    model.gpu = gpu ? await Gpu.open(model, gpu === "any") : null;
    const { simd, threads: used } = model.kernels;
    return { found: { id: model.id, simd, threads: used, gpu: model.gpu !== null, band: band() } };
  },

  async open({ data }, done) {
    if (!model) throw new NicError("no model was opened before the picture");
    const picture = await Picture.open(data, model, (tiles, all) => done(tiles / all));
    const { width, height, channels, bitDepth, header } = picture;
    const chunks = new Map([...picture.chunks].map(([kind, body]) => [kind, body.slice()]));
    open.set(++opened, { picture, slider: null });
    return { found: { picture: opened, width, height, channels, bitDepth, header, chunks } };
  },

  async draw({ picture, ...wanted }) {
    const found = await held(picture).picture.drawn(wanted);
    return { found, transfer: [found.data.buffer] };
  },

  async prepare({ picture, scale }) {
    const entry = held(picture);
    if (entry.slider?.scale !== scale) entry.slider = new Slider(entry.picture, scale, band());
    return { found: await entry.slider.step() };
  },

  async mix({ picture, b }) {
    const found = held(picture).slider?.draw(b) ?? null;
    return { found, transfer: found ? [found.data.buffer] : [] };
  },

  async close({ picture }) {
    const entry = held(picture);
    entry.slider = null;
    entry.picture.close();
    open.delete(picture);
    return { found: null };
  },
};

/** @param {number} number */
function held(number) {
  const entry = open.get(number);
  if (!entry) throw new NicError("a picture that is not open");
  return entry;
}

self.onmessage = async ({ data: { id, ask, ...given } }) => {
  try {
    const { found, transfer = [] } = await ANSWERS[ask](given, (done) => self.postMessage({ id, done }));
    self.postMessage({ id, found }, transfer);
  } catch (error) {
    const known = error instanceof NicError;
    const failed = known ? error.message : `the decoder failed: ${error?.message ?? error}`;
    self.postMessage({ id, failed: failed.split("\n")[0] });
  }
};
