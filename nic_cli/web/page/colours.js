/** What a browser does of itself: alpha, and pixels in other spaces than sRGB. */

import { isHdr, onPage } from "./hdr.js";
import { png } from "./png.js";

/**
 * What the values of a picture mean, where that is not sRGB.
 * @typedef {{icc?: Uint8Array, cicp?: Uint8Array, grey: boolean}} Colours
 * @param {{originalSpace: boolean, rgb: boolean}} header @param {Map<string, Uint8Array>} chunks
 * @returns {Colours | undefined}
 */
export function coloursOf({ originalSpace, rgb }, chunks) {
  const [cicp, icc] = [chunks.get("cicp"), chunks.get("iccp")];
  if (cicp) return { cicp, grey: !rgb };
  return icc && !originalSpace ? { icc, grey: !rgb } : undefined;
}

/**
 * The space of canvases that values are in already, as most are by their profile; undefined where in none.
 * @param {Colours} colours
 * @returns {Promise<"srgb" | "display-p3" | undefined>}
 */
export async function spaceOf(colours) {
  if (!colours.icc) return undefined;
  const image = new ImageData(216, 1);
  for (let n = 0; n < 216; n++) {
    const steps = [n % 6, Math.floor(n / 6) % 6, Math.floor(n / 36)];
    image.data.set([...(colours.grey ? [n, n, n] : steps.map((step) => 51 * step)), 255], 4 * n);
  }
  const bitmap = await createImageBitmap(await png(image, colours));
  return ["srgb", "display-p3"].find((space) => {
    const canvas = document.createElement("canvas");
    canvas.width = 216;
    const context = canvas.getContext("2d", { colorSpace: space, willReadFrequently: true });
    if (context.getContextAttributes().colorSpace !== space) return false; // not known here
    context.drawImage(bitmap, 0, 0);
    const found = context.getImageData(0, 0, 216, 1).data;
    return found.every((value, at) => Math.abs(value - image.data[at]) <= 1);
  });
}

/**
 * A band of pixels as the browser shows their colours.
 * @param {{width: number, height: number, data: Uint8ClampedArray}} band RGBA
 * @param {Colours} colours
 * @param {"srgb" | "display-p3"} space of the canvas that it is for
 * @returns {Promise<ImageData | ImageBitmap>}
 */
export async function shown(band, colours, space) {
  if (!colours.cicp || !isHdr(colours.cicp)) return createImageBitmap(await png(band, colours));
  const data = onPage(band.data, colours.cicp, space);
  return new ImageData(data, band.width, band.height, { colorSpace: space });
}

/**
 * A picture as a PNG that other programs show in the same colours.
 * @param {{width: number, height: number, data: Uint8ClampedArray}} image RGBA
 * @param {Colours | undefined} colours
 * @returns {Promise<Blob>}
 */
export async function saved(image, colours) {
  if (!colours?.cicp || !isHdr(colours.cicp)) return png(image, colours);
  return png({ ...image, data: onPage(image.data, colours.cicp, "display-p3") }, { cicp: DISPLAY_P3 });
}

const DISPLAY_P3 = Uint8Array.of(12, 13, 0, 1);

/**
 * The alpha of a file, in 8 bits: the green of a WebP, or a grey PNG. Throws Error where it cannot be read.
 * @param {Uint8Array} data of the chunk ALPH
 * @returns {Promise<Uint8Array | undefined>} one value a pixel; none where this browser gives no pixels back
 */
export async function alphaOf(data, width, height) {
  let bitmap;
  try {
    const as = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
    bitmap = await createImageBitmap(new Blob([data]), as);
  } catch {
    throw new Error("its alpha cannot be read");
  }
  if (bitmap.width !== width || bitmap.height !== height) throw new Error("its alpha is of another size");
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = Math.min(height, 1024);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!honest(context)) return undefined;
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

/** Whether a canvas gives back what was drawn: some browsers return noise, lest their users be recognised. */
function honest(context) {
  return ["#102030", "#405060", "#708090"].every((colour) => {
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
    return colour === `#${[red, green, blue].map((value) => value.toString(16).padStart(2, "0")).join("")}`;
  });
}

/**
 * Put alpha into a band of a picture that may be drawn smaller: the pixel at its corner stands for a square.
 * @param {{top: number, width: number, height: number, data: Uint8ClampedArray}} band
 * @param {Uint8Array} alpha of the whole picture, width x height
 */
export function shade(band, alpha, width, height, scale = 1) {
  for (let y = 0; y < band.height; y++) {
    const line = width * Math.min(height - 1, scale * (band.top + y));
    for (let x = 0; x < band.width; x++) {
      band.data[4 * (band.width * y + x) + 3] = alpha[line + Math.min(width - 1, scale * x)];
    }
  }
}
