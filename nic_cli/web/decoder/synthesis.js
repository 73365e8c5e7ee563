/** Latents -> pixels, by rows. */

import { padded } from "./kernels.js";
import { Noise, loudestAt } from "./noise.js";
import { Block, Stem, Tail, Up } from "./rows.js";
import { between } from "./weights.js";

const POSITIONS = 96; // that are worth asking for at a time

/** The parts of a model's synthesis that no realism changes, packed once. */
export class Synthesis {
  /** @param {import("./model.js").Model} model */
  constructor(model) {
    const { weights, config } = model;
    const { latent, synthesis_coarse: coarse, synthesis_fine: fine } = config;
    this.model = model;
    this.stem = weights.dense("synthesis.stem", coarse, [latent]);
    this.up = weights.dense("synthesis.up", 4 * fine, [coarse], 4);
    this.skip = weights.dense("synthesis.skip", 4 * 192, [latent], 4);
    const blocks = (name, depth, channels) =>
      Array.from({ length: depth }, (_, k) => weights.block(`${name}.${k}.block`, channels));
    this.coarse = blocks("synthesis.coarse", config.synthesis_coarse_depth, coarse);
    this.fine = blocks("synthesis.fine", config.synthesis_fine_depth, fine);
    const tail = weights.tensor("synthesis.tail.weight", [192, fine, 3, 3]);
    const rows = [0, 1, 2].map((row) => weights.panels(tailRow(tail, fine, row), [192], 3 * padded(fine)));
    const bias = weights.row(weights.tensor("synthesis.tail.bias", [192]));
    this.tail = { weights: rows, bias, outputs: 192 };
  }

  /**
   * The layers at a realism. They take the memory of the kernels past the model's.
   * @param {{q: number, made: number, shown: number}} as q: 0 to q_top; realisms 0..1
   * @returns {{stem: object, coarse: object[], up: object, noise: object | null, fine: object[],
   *   tail: object, skip: object}} noise: its layers, and loudest
   */
  layers({ q, made, shown }) {
    const { config } = this.model;
    const share = 2 * shown - 1;
    const changes = share > 0 && config.realism_rank > 0 ? share : 0;
    const blocks = (name, packed) =>
      packed.map((block, k) => this.#block(`${name}.${k}`, block, made, shown, changes));
    return {
      stem: this.stem,
      coarse: blocks("synthesis.coarse", this.coarse),
      up: this.up,
      noise: share > 0 && config.noise > 0 ? { layers: this.#noise(q), loudest: loudestAt(share) } : null,
      fine: blocks("synthesis.fine", this.fine),
      tail: changes ? this.#tail(changes) : this.tail,
      skip: this.skip,
    };
  }

  /**
   * The stages for a picture at a realism, as for `layers`.
   * @param {object} latents height, width, and place(floats, at, channels, row, count)
   * @param {{q: number, made: number, shown: number, seed: number}} as
   * @returns {{tail: Tail, noise: Noise | null, most: number}}
   */
  stages(latents, as) {
    const { kernels } = this.model;
    const layers = this.layers(as);
    const most = Math.max(2, Math.ceil(POSITIONS / (latents.width + 1)));
    let x = new Stem(kernels, latents, layers.stem, most);
    for (const block of layers.coarse) x = new Block(kernels, x, block, most);
    x = new Up(kernels, x, layers.up, most);
    const noise = layers.noise && new Noise(kernels, x, layers.noise, as.seed);
    x = noise ?? x;
    for (const block of layers.fine) x = new Block(kernels, x, block, 2 * most);
    const tail = new Tail(kernels, x, layers.tail, { latents, layer: layers.skip }, 2 * most);
    return { tail, noise, most: 2 * most };
  }

  /** A block at a realism: what follows the depthwise layer is brought into it. */
  #block(name, packed, made, shown, share) {
    const { model } = this;
    const { weights } = model;
    const [scale, shift] = ["scale", "shift"].map((part) => {
      const { shape, values } = model.get(`${name}.${part}`);
      const byMade = between({ shape, values }, (shape[0] - 1) * made);
      return between({ shape: shape.slice(1), values: byMade }, (shape[1] - 1) * shown);
    });
    const [channels, hidden] = [scale.length, model.get(`${name}.block.expand_bias`).shape[0]];
    const part = (key) => this.#part(name, key, share);
    const bias = part("depthwise_bias").map((value, c) => value * scale[c] + shift[c]);
    const found = {
      ...packed,
      taps: weights.taps(part("depthwise"), channels, 0, scale),
      tapBias: weights.row(bias),
    };
    if (!share) return found;
    found.expandBias = weights.row(part("expand_bias"));
    found.reduceBias = weights.row(part("reduce_bias"));
    found.expand = this.#updated(packed.expand, name, "expand", hidden, channels, share);
    found.reduce = this.#updated(packed.reduce, name, "reduce", channels, hidden, share);
    return found;
  }

  /** Values of a block's part, with a share of its update where that is a plain difference. */
  #part(name, key, share) {
    const { model } = this;
    const [{ values }, update] = [model.get(`${name}.block.${key}`), `${name}.realism.${key}`];
    if (!share || !model.has(update)) return values;
    const change = model.get(update).values;
    return values.map((value, i) => value + share * change[i]);
  }

  /** Panels [outputs, inputs] with a share of their update. @returns {number} where */
  #updated(panels, block, key, outputs, inputs, share) {
    const { model } = this;
    const { weights } = model;
    const name = `${block}.realism.${key}`;
    if (model.has(name)) return weights.panels(this.#part(block, key, share), [outputs], inputs);
    if (!model.has(`${name}.wide`)) return panels;
    const { shape: [, rank], values: wide } = model.get(`${name}.wide`);
    const narrow = weights.tensor(`${name}.narrow`, [rank, inputs]);
    return this.#added(panels, wide, outputs, rank, inputs, (r, k) => share * narrow[r * inputs + k]);
  }

  /** A copy of panels with wide [outputs, rank] times narrow(rank, input) added, by the kernel `product`. */
  #added(panels, wide, outputs, rank, inputs, narrow) {
    const { kernels, weights } = this.model;
    const [height, columns] = [padded(outputs), padded(inputs)];
    const out = kernels.take(4 * height * columns);
    const mark = kernels.end;
    const packed = weights.panels(wide, [outputs], rank);
    const step = padded(rank);
    const x = new Float32Array(step * columns);
    for (let k = 0; k < inputs; k++) for (let r = 0; r < rank; r++) x[k * step + r] = narrow(r, k);
    const at = kernels.put(x);
    kernels.floats.copyWithin(out >> 2, panels >> 2, (panels >> 2) + height * columns);
    kernels.call.product(
      at, 4 * step, columns, step, packed, height, kernels.zeros, out, 32, 32 * columns, 0, out, 32,
    );
    kernels.end = mark;
    return out;
  }

  /** The tail with a share of its update; narrow is in the order input channel, row, column. */
  #tail(share) {
    const { model } = this;
    const { weights, config: { synthesis_fine: fine } } = model;
    const name = "synthesis.tail.realism";
    if (model.has(name)) {
      const tail = weights.tensor("synthesis.tail.weight", [192, fine, 3, 3]);
      const change = model.get(name).values;
      const whole = tail.map((value, i) => value + share * change[i]);
      const rows = [0, 1, 2].map((row) => weights.panels(tailRow(whole, fine, row), [192], 3 * padded(fine)));
      return { ...this.tail, weights: rows };
    }
    if (!model.has(`${name}.wide`)) return this.tail;
    const { shape: [, rank], values: wide } = model.get(`${name}.wide`);
    const narrow = weights.tensor(`${name}.narrow`, [rank, 9 * fine]);
    const step = padded(fine);
    const rows = this.tail.weights.map((panels, row) =>
      this.#added(panels, wide, 192, rank, 3 * step, (r, k) => {
        const [column, c] = [Math.floor(k / step), k % step];
        return c < fine ? share * narrow[r * 9 * fine + 9 * c + 3 * row + column] : 0;
      }),
    );
    return { ...this.tail, weights: rows };
  }

  /** The layers of the noise. */
  #noise(q) {
    const { weights, config: { synthesis_fine: fine, noise: hidden } } = this.model;
    const name = "synthesis.realism";
    const seen = weights.dense(`${name}.seen`, hidden, [fine]);
    const byQ = weights.tensor(`${name}.by_q`, [hidden]);
    const bias = weights.tensor(`${name}.seen.bias`, [hidden]).map((value, i) => value + q * byQ[i]);
    return {
      seen: { ...seen, bias: weights.row(bias) },
      deep: weights.dense(`${name}.deep`, hidden, [hidden]),
      loudness: weights.dense(`${name}.loudness`, 27, [hidden]),
      direct: weights.dense(`${name}.direct`, 192, [189]),
    };
  }
}

/** Of [192, fine, 3, 3] what a row of three neighbours is multiplied by: [192, 3 padded(fine)]. */
function tailRow(values, fine, row) {
  const step = padded(fine);
  const found = new Float32Array(192 * 3 * step);
  for (let n = 0; n < 192; n++) {
    for (let column = 0; column < 3; column++) {
      for (let c = 0; c < fine; c++) {
        found[(n * 3 + column) * step + c] = values[(n * fine + c) * 9 + 3 * row + column];
      }
    }
  }
  return found;
}
