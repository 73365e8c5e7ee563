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
    /** Those that are whole; rows of the next one, of which so many are there. @type {Uint8ClampedArray[]} */
    this.drawn = [];
    this.next = null;
    this.top = 0;
  }

  /** Draws a few rows more. @returns {Promise<number>} the share that is done, 1 at the end */
  async step() {
    const { picture, scale, band, width, height, drawn, top } = this;
    if (drawn.length === DRAWN.length) return 1;
    const rows = Math.min(band, height - top);
    const { data } = await picture.drawn({ b: DRAWN[drawn.length], scale, top, rows });
    this.next ??= new Uint8ClampedArray(4 * width * height);
    this.next.set(data, 4 * width * top);
    this.top += rows;
    if (this.top === height) {
      drawn.push(this.next);
      [this.next, this.top] = [null, 0];
    }
    return (drawn.length + this.top / height) / DRAWN.length;
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
