/**
 * Stages of the synthesis. Each gives its rows in order, a few at a time, and asks the one before for those
 * that it needs: so a picture of any height goes through in little memory, and parts equal the whole.
 *
 * A stage has height, width, channels (padded), `seek(row)`, after which rows come from that one on or from
 * one before, which it returns; and `pull(at, most)`, which writes up to `most` rows, 2 at least, to `at` and
 * returns how many. A position of zeros follows each row.
 */

/** What every stage has. */
class Stage {
  constructor(kernels, source, height, width, channels) {
    Object.assign(this, { kernels, source, height, width, channels });
    this.step = 4 * channels;
    this.pitch = (width + 1) * this.step;
  }

  /** Zeros after each of `count` rows from `at` on. */
  frame(at, count) {
    const m = this.kernels.floats;
    for (let i = 0, end = at; i < count; i++) {
      end += this.pitch;
      m.fill(0, (end - this.step) >> 2, end >> 2);
    }
  }
}

/** A stage with a window on the rows of the one before: three for each that it gives, `most` at a time. */
export class Windowed extends Stage {
  constructor(kernels, source, channels, most) {
    super(kernels, source, source.height, source.width, channels);
    this.most = most;
    const { step, pitch } = source;
    this.room = kernels.cleared((most + 4) * pitch + 2 * step) + step;
    this.seek(0);
  }

  seek(row) {
    this.next = row;
    this.first = this.source.seek(Math.max(0, row - 1));
    this.held = 0;
    if (!row) this.#zero(); // the row above the first
    return row;
  }

  #zero() {
    const { kernels, room, held, source: { pitch } } = this;
    if (!held) this.first = -1;
    kernels.floats.fill(0, (room + held * pitch) >> 2, (room + (held + 1) * pitch) >> 2);
    this.held++;
  }

  /** Rows from above the next on, as many as it takes for `count`. @returns {number} where the next one is */
  need(count) {
    const { kernels, source, room } = this;
    const { pitch } = source;
    const end = this.next + count + 1; // one past the row below
    for (;;) {
      const gone = Math.min(this.next - 1 - this.first, this.held);
      if (gone > 0) {
        kernels.floats.copyWithin(room >> 2, (room + gone * pitch) >> 2, (room + this.held * pitch) >> 2);
        this.first += gone;
        this.held -= gone;
      }
      const at = this.first + this.held;
      if (at >= end) break;
      if (at === this.height) this.#zero();
      else this.held += source.pull(room + this.held * pitch, this.most + 4 - this.held);
    }
    return room + (this.next - this.first) * pitch;
  }

  pull(at, most) {
    const count = Math.min(most, this.most, this.height - this.next);
    this.make(this.need(count), at, count);
    this.next += count;
    return count;
  }
}

/** The latents of a picture, [rows, columns, L], through a product. */
export class Stem extends Stage {
  constructor(kernels, latents, layer, most) {
    super(kernels, null, latents.height, latents.width, layer.outputs);
    Object.assign(this, { latents, layer, most });
    this.input = kernels.cleared(4 * layer.weights[0].inputs * latents.width * most);
    this.next = 0;
  }

  seek(row) {
    this.next = row;
    return row;
  }

  pull(at, most) {
    const { kernels, latents, layer: { weights: [{ at: weight, inputs }], bias, outputs }, width } = this;
    const count = Math.min(most, this.most, this.height - this.next);
    latents.place(kernels.floats, this.input, inputs, this.next, count);
    for (let i = 0; i < count; i++) {
      kernels.call.product(
        this.input + 4 * inputs * width * i, 4 * inputs, width, inputs, weight, outputs, bias,
        at + i * this.pitch, this.step, 32, 0, 0, 0,
      );
    }
    this.frame(at, count);
    this.next += count;
    return count;
  }
}

/** A residual block. */
export class Block extends Windowed {
  constructor(kernels, source, block, most) {
    super(kernels, source, source.channels, most);
    this.block = block;
    this.inner = kernels.room(block.channels, block.hidden);
  }

  make(x, at, count) {
    const { channels, hidden, taps, tapBias, expand, expandBias, reduce, reduceBias } = this.block;
    this.kernels.call.block(
      x, this.pitch, count * (this.width + 1), channels, hidden, taps, tapBias, expand, expandBias, reduce,
      reduceBias, this.inner, at,
    );
    this.frame(at, count);
  }
}

/** A product whose outputs become squares of 2x2 positions. */
export class Up extends Stage {
  constructor(kernels, source, layer, most) {
    super(kernels, source, 2 * source.height, 2 * source.width, layer.outputs / 4);
    Object.assign(this, { layer, most });
    this.input = kernels.cleared(source.pitch * most);
  }

  seek(row) {
    return 2 * this.source.seek(row >> 1);
  }

  pull(at, most) {
    const { kernels, source } = this;
    const count = source.pull(this.input, Math.min(most >> 1, this.most));
    for (let i = 0; i < 2 * count; i++) {
      const x = this.input + (i >> 1) * source.pitch;
      halfOf(kernels, this.layer, i & 1, x, source.step, source.width, at + i * this.pitch, 0);
    }
    this.frame(at, 2 * count);
    return 2 * count;
  }
}

/**
 * One of the two rows that a row of positions becomes, by half of the weights.
 * @param {number} add what is added, with the steps of out; 0: nothing
 */
function halfOf(kernels, layer, half, x, step, count, out, add) {
  const { weights: [{ at, inputs }], bias, outputs } = layer;
  const wide = outputs / 2;
  const part = 4 * half * wide;
  kernels.call.product(
    x, step, count, inputs, at + part * inputs, wide, bias + part, out, 4 * wide, 32, 0, add, 4 * wide,
  );
}

/** The 3x3 convolution at the end, plus the skip of the latents: [rows, columns, 192]. */
export class Tail extends Windowed {
  /**
   * @param {{weights: number[], bias: number, outputs: number}} layer weights: of each row of neighbours
   * @param {{latents: object, layer: object}} skip
   */
  constructor(kernels, source, layer, skip, most) {
    super(kernels, source, layer.outputs, most);
    Object.assign(this, { layer, skip });
    this.input = kernels.cleared(4 * skip.layer.weights[0].inputs * skip.latents.width);
  }

  make(x, at, count) {
    const { kernels, source, layer: { weights, bias, outputs }, skip: { latents, layer } } = this;
    const positions = count * (this.width + 1);
    weights.forEach((weight, row) => {
      const from = x + (row - 1) * source.pitch - source.step;
      kernels.call.product(
        from, source.step, positions, 3 * source.channels, weight, outputs, row ? kernels.zeros : bias,
        at, this.step, 32, 0, row ? at : 0, this.step,
      );
    });
    const { inputs } = layer.weights[0];
    for (let i = 0; i < count; i++) {
      const row = this.next + i;
      const out = at + i * this.pitch;
      latents.place(kernels.floats, this.input, inputs, row >> 1, 1);
      halfOf(kernels, layer, row & 1, this.input, 4 * inputs, latents.width, out, out);
    }
  }
}
