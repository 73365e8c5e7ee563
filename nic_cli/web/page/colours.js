/** What a browser does of itself: alpha, and pixels in other spaces than sRGB. */

import { png } from "./png.js";

/**
 * What the values of a picture mean, where that is not sRGB.
 * @param {{originalSpace: boolean}} header @param {Map<string, Uint8Array>} chunks
 * @returns {{icc?: Uint8Array, cicp?: Uint8Array} | undefined}
 */
export function coloursOf(header, chunks) {
  const cicp = chunks.get("cicp");
  if (cicp) return { cicp };
  const icc = header.originalSpace ? undefined : chunks.get("iccp");
  return icc && { icc };
}

/**
 * A band of pixels as the browser shows their colours.
 * @param {{width: number, height: number, data: Uint8ClampedArray}} band RGBA
 * @param {{icc?: Uint8Array, cicp?: Uint8Array}} colours
 * @returns {Promise<ImageBitmap>}
 */
export async function shown(band, colours) {
  return createImageBitmap(await png(band, colours));
}

/**
 * The alpha of a file, in 8 bits: the green of a WebP, or a grey PNG. Throws Error where it cannot be read.
 * @param {Uint8Array} data of the chunk ALPH
 * @returns {Promise<Uint8Array>} one value a pixel
 */
export async function alphaOf(data, width, height) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(new Blob([data]), { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  } catch {
    throw new Error("its alpha cannot be read");
  }
  if (bitmap.width !== width || bitmap.height !== height) throw new Error("its alpha is of another size");
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = Math.min(height, 1024);
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
