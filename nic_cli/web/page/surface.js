/** What a picture looks like, and the canvas that it is painted on, a band at a time. */

import { alphaOf, coloursOf, saved, shade, shown, spaceOf } from "./colours.js";

/**
 * What else than values of pixels a file has to say of how it looks.
 * @param {object} header as `parse` has it @param {Map<string, Uint8Array>} chunks
 * @returns {Promise<object>} width, height; alpha, or else mask, an address of it; space of the canvas;
 *   colours, where values are not of that space; direct: whether they go to the canvas as they are
 */
export async function lookOf(header, chunks) {
  const { width, height } = header;
  const data = chunks.get("ALPH");
  const alpha = data && (await alphaOf(data, width, height));
  const colours = coloursOf(header, chunks);
  const space = colours ? await spaceOf(colours) : "srgb";
  return {
    width, height, alpha, direct: Boolean(space), space: space ?? "display-p3",
    colours: space === "srgb" ? undefined : colours,
    mask: data && !alpha ? URL.createObjectURL(new Blob([data])) : undefined,
  };
}

/** A picture as a PNG. @param {object} look @param {(band: Function) => Promise<void>} draw all of it */
export async function pngOf({ width, height, alpha, mask, colours }, draw) {
  if (mask) throw new Error("this browser gives no alpha back");
  const image = { width, height, data: new Uint8ClampedArray(4 * width * height) };
  await draw((band) => {
    if (alpha) shade(band, alpha, width, height);
    image.data.set(band.data, 4 * width * band.top);
  });
  return saved(image, colours);
}

const SURE = 1 << 24; // pixels, and of a side 16384, that every browser has room for

/** A canvas in a shadow tree. */
export class Surface {
  #canvas;
  #context;
  #space; // that was asked of it
  #look; // of what is on it

  /** @param {ShadowRoot} root */
  constructor(root) {
    this.#canvas = root.appendChild(empty());
  }

  hide() {
    this.#canvas.hidden = true;
    this.#look = undefined;
  }

  /** Room for a picture that is to come. */
  reserve(width, height) {
    Object.assign(this.#canvas, { width, height, hidden: false });
  }

  /** A canvas once it has a colour space never gets another. */
  #begin(look) {
    const { width, height, space, mask } = look;
    if (this.#space && this.#space !== space) {
      const other = empty();
      this.#canvas.replaceWith(other);
      this.#canvas = other;
    }
    [this.#space, this.#look] = [space, look];
    this.#context = this.#canvas.getContext("2d", { colorSpace: space });
    Object.assign(this.#canvas, { width, height });
    if (width * height > SURE || Math.max(width, height) > 16384) {
      // Browsers say nothing of canvases that are too large: these stay clear.
      this.#context.fillRect(width - 1, height - 1, 1, 1);
      const { data } = this.#context.getImageData(width - 1, height - 1, 1, 1);
      if (!data[3]) throw new Error(`${width} x ${height} pixels are too many for this browser`);
    }
    this.#canvas.style.mask = mask ? `url(${mask}) 0 0 / 100% 100% luminance` : "";
  }

  /**
   * A band of a picture; of one that was drawn smaller each pixel is a square.
   * @param {object} look @param {{top: number, width: number, height: number, data: Uint8ClampedArray}} band
   * @param {number} scale @param {() => boolean} fits whether it is wanted still
   */
  async paint(look, band, scale, fits) {
    if (this.#look !== look) this.#begin(look);
    const { width, height, alpha } = look;
    if (alpha) shade(band, alpha, width, height, scale);
    const context = this.#context;
    const { colorSpace } = context.getContextAttributes(); // srgb in browsers that know no other
    const source = look.direct
      ? new ImageData(band.data, band.width, band.height, { colorSpace })
      : await shown(band, look.colours, colorSpace);
    if (!fits()) return void source.close?.();
    const ready = source instanceof ImageData;
    if (scale === 1 && ready) context.putImageData(source, 0, band.top);
    else {
      const bitmap = ready ? await createImageBitmap(source) : source;
      context.clearRect(0, scale * band.top, width, scale * band.height);
      context.drawImage(bitmap, 0, scale * band.top, scale * band.width, scale * band.height);
      bitmap.close();
    }
    this.#canvas.hidden = false;
  }
}

const empty = () => Object.assign(document.createElement("canvas"), { hidden: true, part: "picture" });
