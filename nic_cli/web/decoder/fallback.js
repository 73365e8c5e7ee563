/**
 * The functions of `kernels/index.ts` in JavaScript, for where there is no WebAssembly with vectors.
 * Pointers and steps are in bytes, as there; sums are of 64 bits.
 */

const LEAK = Math.fround(0.01);
const BLOCK = 48;

/**
 * @param {() => Float32Array} memory the whole memory as floats, as it is now
 * @returns the functions
 */
export function fallback(memory) {
  /** out[p] = rectified(bias + x[p] weight) + add[p]. */
  function product(
    x, xStep, count, inputs, weight, outputs, bias, out, outStep, panelStep, rectify, add, addStep,
  ) {
    const m = memory();
    const sums = new Float64Array(8);
    for (let n = 0; n < outputs; n += 8) {
      const w0 = (weight >> 2) + n * inputs;
      const b0 = (bias >> 2) + n;
      for (let p = 0; p < count; p++) {
        let [s0, s1, s2, s3, s4, s5, s6, s7] = m.subarray(b0, b0 + 8);
        const from = (x + p * xStep) >> 2;
        for (let k = 0, w = w0; k < inputs; k++, w += 8) {
          const v = m[from + k];
          s0 += v * m[w];
          s1 += v * m[w + 1];
          s2 += v * m[w + 2];
          s3 += v * m[w + 3];
          s4 += v * m[w + 4];
          s5 += v * m[w + 5];
          s6 += v * m[w + 6];
          s7 += v * m[w + 7];
        }
        sums[0] = s0; sums[1] = s1; sums[2] = s2; sums[3] = s3;
        sums[4] = s4; sums[5] = s5; sums[6] = s6; sums[7] = s7;
        const to = (out + p * outStep + (n >> 3) * panelStep) >> 2;
        const more = (add + p * addStep + (n >> 3) * panelStep) >> 2;
        for (let i = 0; i < 8; i++) {
          const v = rectify && sums[i] < 0 ? sums[i] * LEAK : sums[i];
          m[to + i] = add ? v + m[more + i] : v;
        }
      }
    }
  }

  /** out[p] = bias + the 3x3 neighbourhood of x[p] by taps [9][channels] + add[p]. */
  function depthwise(x, pitch, count, channels, taps, bias, out, add) {
    const m = memory();
    const [at, row, tap, start, to, more] = [x, pitch, taps, bias, out, add].map((bytes) => bytes >> 2);
    for (let p = 0; p < count; p++) {
      const here = at + p * channels;
      for (let c = 0; c < channels; c++) {
        let sum = m[start + c];
        for (let i = 0, t = tap + c; i < 3; i++) {
          const middle = here + (i - 1) * row + c;
          for (let j = -1; j <= 1; j++, t += channels) sum += m[middle + j * channels] * m[t];
        }
        m[to + p * channels + c] = add ? sum + m[more + p * channels + c] : sum;
      }
    }
  }

  /** out[p] = x[p] + reduce(rectified(expand(depthwise(x[p])))). */
  function block(
    x, pitch, count, channels, hidden, taps, tapBias, expand, expandBias, reduce, reduceBias, room, out,
  ) {
    const [step, wideStep] = [4 * channels, 4 * hidden];
    const wide = room + BLOCK * step;
    for (let p = 0; p < count; p += BLOCK) {
      const n = Math.min(BLOCK, count - p);
      const at = x + p * step;
      depthwise(at, pitch, n, channels, taps, tapBias, room, 0);
      product(room, step, n, channels, expand, hidden, expandBias, wide, wideStep, 32, 1, 0, 0);
      product(wide, wideStep, n, hidden, reduce, channels, reduceBias, out + p * step, step, 32, 0, at, step);
    }
  }

  /** In place: x[p] = min(max(floor(x[p] factors) + add[p], low), high). */
  function rounded(x, count, channels, factors, add, addStep, low, high) {
    const m = memory();
    for (let p = 0; p < count; p++) {
      for (let c = 0; c < channels; c++) {
        const at = (x >> 2) + p * channels + c;
        const v = Math.floor(m[at] * m[(factors >> 2) + c]) + (add ? m[((add + p * addStep) >> 2) + c] : 0);
        m[at] = Math.min(Math.max(v, low), high);
      }
    }
  }

  /** Pieces of so many bytes, each step to one each toStep. */
  function copy(from, step, to, toStep, count, bytes) {
    const m = memory();
    for (let p = 0; p < count; p++) {
      const at = (from + p * step) >> 2;
      m.copyWithin((to + p * toStep) >> 2, at, at + (bytes >> 2));
    }
  }

  return { product, depthwise, block, rounded, copy };
}
