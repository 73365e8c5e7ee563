/**
 * Decodes in a thread of its own, for all elements of a page: the page never waits.
 *
 * Asked with {id, work: "open", bytes, base}, {id, work: "draw", picture, b, scale} and {id, work: "close", picture};
 * answers {id, share | header | band | done | error}. A newer drawing of a picture ends the one before it.
 */
import { Model, Picture } from "./decoder/decoder.js";
import { png } from "./png.js";
import { modelOf } from "./weights.js";

const BAND = 256; // rows at a time of the picture that is drawn
const models = new Map();
const pictures = new Map();

onmessage = async ({ data: asked }) => {
  try {
    await WORK[asked.work](asked);
  } catch (error) {
    postMessage({ id: asked.id, error: error.message || String(error) });
  }
};

const WORK = {
  async open({ id, bytes, base }) {
    const file = Picture.peek(bytes);
    const model = await loaded(new URL(base), file, (share) => postMessage({ id, share }));
    const picture = await Picture.open(bytes, model);
    const alpha = await alphaOf(picture);
    pictures.set(id, { picture, alpha, drawing: 0 });
    const { width, height, channels, bitDepth } = picture;
    postMessage({ id, header: { ...file, width, height, channels, bitDepth, tiles: picture.tiles, alpha: Boolean(alpha) } });
  },

  async draw({ id, picture: which, b, scale }) {
    const held = pictures.get(which);
    if (!held) throw new Error("closed");
    held.drawing = id;
    const { picture, alpha } = held;
    const colours = picture.colours;
    const height = Math.ceil(picture.height / scale);
    for (let top = 0; top < height; top += BAND) {
      if (held.drawing !== id) return postMessage({ id, done: false });
      const band = picture.draw({ b, scale, top, rows: Math.min(BAND, height - top) });
      if (alpha) shade(band, alpha, picture, scale, top);
      const said = { id, top, width: band.width, whole: height };
      if (colours.icc || colours.cicp) {
        const bitmap = await createImageBitmap(await png(band, colours));
        postMessage({ ...said, bitmap }, [bitmap]);
      } else {
        postMessage({ ...said, data: band.data }, [band.data.buffer]);
      }
      await new Promise((resume) => setTimeout(resume)); // whoever asks meanwhile is heard
    }
    postMessage({ id, done: true });
  },

  async close({ picture }) {
    const held = pictures.get(picture);
    if (held) held.drawing = 0;
    pictures.delete(picture);
  },
};

/** The model that a file asks for, once for all files. */
function loaded(base, file, told) {
  const key = `${base.href} ${file.modelId}`;
  if (!models.has(key)) {
    const coming = modelOf(base, file, told).then(({ config, weights }) => Model.open(config, weights));
    models.set(key, coming);
    coming.catch(() => models.delete(key));
  }
  return models.get(key);
}

/** Alpha by the browser's own readers: the green of a WebP, or a grey PNG, in 8 bits. */
async function alphaOf(picture) {
  const data = picture.chunks.get("ALPH");
  if (!data) return undefined;
  const { width, height } = picture;
  const plain = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
  let bitmap;
  try {
    bitmap = await createImageBitmap(new Blob([data]), plain);
  } catch {
    throw new Error("its alpha cannot be read");
  }
  if (bitmap.width !== width || bitmap.height !== height) throw new Error("its alpha is of another size");
  const canvas = new OffscreenCanvas(width, Math.min(height, 1024));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const out = new Uint8Array(width * height);
  for (let top = 0; top < height; top += canvas.height) {
    const rows = Math.min(canvas.height, height - top);
    context.drawImage(bitmap, 0, -top);
    const rgba = context.getImageData(0, 0, width, rows).data;
    for (let i = 0; i < width * rows; i++) out[width * top + i] = rgba[4 * i + 1];
  }
  bitmap.close();
  return out;
}

/** Put alpha into a band; of a smaller one the pixel at the corner stands for its square. */
function shade(band, alpha, { width, height }, scale, top) {
  const rows = band.data.length / 4 / band.width;
  for (let y = 0; y < rows; y++) {
    const line = width * Math.min(height - 1, scale * (top + y));
    for (let x = 0; x < band.width; x++) {
      band.data[4 * (band.width * y + x) + 3] = alpha[line + Math.min(width - 1, scale * x)];
    }
  }
}
