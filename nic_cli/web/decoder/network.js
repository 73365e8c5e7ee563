/** Symbols of a tile -> its latents. */

import { Grid } from "./grid.js";
import { between } from "./weights.js";

/** The places in each 2x2 cell, in the order of coding. */
const PHASES = [[0, 0], [1, 1], [0, 1], [1, 0]];

/** The features of z, and the context model. */
export class Latents {
  /** @param {import("./model.js").Model} model */
  constructor(model) {
    const { weights, config } = model;
    const { hyper, hyper_coarse: coarse, hyper_fine: fine, context, latent, context_depth: depth } = config;
    this.model = model;
    this.stem = weights.dense("hyper_synthesis.stem", 4 * coarse, [hyper], 4);
    this.stemBias = weights.tensor("hyper_synthesis.stem.bias", [4 * coarse]);
    this.coarse = weights.block("hyper_synthesis.coarse", coarse);
    this.up = weights.dense("hyper_synthesis.up", 4 * fine, [coarse], 4);
    this.fine = weights.block("hyper_synthesis.fine", fine);
    this.steps = PHASES.map((_, phase) => {
      const name = `context.steps.${phase}`;
      const seen = Array(phase).fill(latent);
      const reduced = phase ? model.get(`${name}.reduce.weight`).shape[0] : 0;
      const linear = phase ? weights.tensor(`${name}.linear`, [phase * latent, 1, 3, 3]) : null;
      return {
        linear: seen.map((_, i) => weights.taps(linear, latent, i * latent)),
        reduce: phase ? weights.dense(`${name}.reduce`, reduced, seen) : null,
        stem: weights.dense(`${name}.stem`, context, phase ? [fine, reduced] : [fine]),
        blocks: Array.from(Array(phase ? depth : 0), (_, k) => weights.block(`${name}.blocks.${k}`, context)),
        tail: weights.dense(`${name}.tail`, latent, [context]),
      };
    });
  }

  /**
   * @param {{z: Int32Array, r: Int32Array}} symbols z [height / 4, width / 4, H], r [height, width, L]
   * @param {number} height in latents
   * @param {number} width
   * @param {number} q in 1/4096
   * @param {number} made the realism of the header, 0..1
   * @param {Float32Array} out latents of the picture [rows, columns, L]
   * @param {number} columns
   * @param {number} top of the tile in the picture, in latents
   * @param {number} left
   */
  tile({ z, r }, height, width, q, made, out, columns, top, left) {
    const { kernels } = this.model;
    const at = q / this.model.anchorStep;
    const mark = kernels.end;
    const features = this.#features(z, height, width, at);
    const gains = this.#gains(made, at);
    const phases = PHASES.map(([i, j]) => this.#residuals(r, height, width, i, j));
    PHASES.forEach(([i, j], phase) => {
      const step = this.steps[phase];
      const inner = kernels.end;
      const before = phases.slice(0, phase);
      const mean = phases[phase];
      const near = [features.quarter(i, j)];
      if (phase) near.push(Grid.dense(step.reduce, before));
      before.forEach((grid, k) => grid.depthwise(step.linear[k], kernels.zeros, mean, true));
      let x = Grid.dense(step.stem, near);
      for (const block of step.blocks) x = x.block(block);
      Grid.dense(step.tail, [x], mean);
      kernels.end = inner;
      this.#write(mean, gains, out, columns, top + i, left + j);
    });
    kernels.end = mark;
  }

  /** @returns {Grid} features [height, width, ...] of z [height / 4, width / 4, H] */
  #features(z, height, width, at) {
    const { model } = this;
    const { kernels, config, weights } = model;
    const shift = between(model.get("hyper_synthesis.q_bias"), at);
    const sums = this.stemBias.map((value, i) => value + shift[i]);
    const bias = weights.row(sums, Array(4).fill(config.hyper_coarse));
    let x = new Grid(kernels, height / 4, width / 4, config.hyper).fill(z, config.hyper);
    x = x.spread({ ...this.stem, bias }).block(this.coarse);
    return x.spread(this.up).block(this.fine);
  }

  /** @returns {Float64Array} what latents are multiplied by, one a channel */
  #gains(made, at) {
    const { model } = this;
    const { shape, values } = model.get("gains.outward");
    const byQ = between({ shape, values }, (shape[0] - 1) * made);
    return between({ shape: shape.slice(1), values: byQ }, at).map(Math.exp);
  }

  /** The residuals of a phase. */
  #residuals(r, height, width, i, j) {
    const { kernels, config: { latent } } = this.model;
    const grid = new Grid(kernels, height / 2, width / 2, latent);
    const m = kernels.floats;
    for (let row = 0; row < grid.height; row++) {
      for (let column = 0; column < grid.width; column++) {
        const from = ((2 * row + i) * width + 2 * column + j) * latent;
        const to = (grid.row(row) + column * grid.step) >> 2;
        for (let c = 0; c < latent; c++) m[to + c] = r[from + c];
      }
    }
    return grid;
  }

  /** The latents of a phase, at every second place from (top, left) on. */
  #write(grid, gains, out, columns, top, left) {
    const m = grid.kernels.floats;
    for (let row = 0; row < grid.height; row++) {
      for (let column = 0; column < grid.width; column++) {
        const from = (grid.row(row) + column * grid.step) >> 2;
        const to = ((top + 2 * row) * columns + left + 2 * column) * gains.length;
        for (let c = 0; c < gains.length; c++) out[to + c] = m[from + c] * gains[c];
      }
    }
  }
}
