// The inner loops of the decoder, in AssemblyScript: WebAssembly with vectors of four floats.
//
// Pointers and steps are in bytes, counts in elements. Channels of a position lie together and are padded
// with zeros to multiples of 8. Weights lie in panels of 8 outputs: [outputs / 8][inputs][8]. Every position
// is added up in the same order wherever it stands, so that parts of a picture equal the whole.
// `decoder/fallback.js` has the same functions in JavaScript.

const PANEL: i32 = 8;
const BLOCK: usize = 48; // positions that stay in the cache from the first layer of a block to the last

// out[p] = rectified(bias + x[p] weight) + add[p], for count positions p; add: 0 for nothing, may be out.
// panelStep: from 8 outputs to the next 8, 32 but where out is itself a weight.
export function product(
  x: usize, xStep: usize, count: i32, inputs: i32, weight: usize, outputs: i32, bias: usize,
  out: usize, outStep: usize, panelStep: usize, rectify: i32, add: usize, addStep: usize,
): void {
  const panel = <usize>(inputs * PANEL * 4);
  for (let n = 0; n < outputs; n += PANEL) {
    const b0 = v128.load(bias), b1 = v128.load(bias, 16);
    const end = weight + panel;
    let x0 = x, o0 = out, d0 = add;
    for (let left = count; left > 0; left -= 4) {
      // Past the last position it is done again, with the same result.
      const s1 = <usize>(left > 1), s2 = <usize>(left > 2), s3 = <usize>(left > 3);
      const x1 = x0 + s1 * xStep, x2 = x1 + s2 * xStep, x3 = x2 + s3 * xStep;
      let a00 = b0, a01 = b1, a10 = b0, a11 = b1, a20 = b0, a21 = b1, a30 = b0, a31 = b1;
      let w = weight, p0 = x0, p1 = x1, p2 = x2, p3 = x3;
      do {
        const w0 = v128.load(w), w1 = v128.load(w, 16);
        const v0 = v128.load32_splat(p0);
        a00 = f32x4.add(a00, f32x4.mul(v0, w0));
        a01 = f32x4.add(a01, f32x4.mul(v0, w1));
        const v1 = v128.load32_splat(p1);
        a10 = f32x4.add(a10, f32x4.mul(v1, w0));
        a11 = f32x4.add(a11, f32x4.mul(v1, w1));
        const v2 = v128.load32_splat(p2);
        a20 = f32x4.add(a20, f32x4.mul(v2, w0));
        a21 = f32x4.add(a21, f32x4.mul(v2, w1));
        const v3 = v128.load32_splat(p3);
        a30 = f32x4.add(a30, f32x4.mul(v3, w0));
        a31 = f32x4.add(a31, f32x4.mul(v3, w1));
        w += 32;
        p0 += 4;
        p1 += 4;
        p2 += 4;
        p3 += 4;
      } while (w < end);
      if (rectify) {
        a00 = leaky(a00);
        a01 = leaky(a01);
        a10 = leaky(a10);
        a11 = leaky(a11);
        a20 = leaky(a20);
        a21 = leaky(a21);
        a30 = leaky(a30);
        a31 = leaky(a31);
      }
      const o1 = o0 + s1 * outStep, o2 = o1 + s2 * outStep, o3 = o2 + s3 * outStep;
      if (add) {
        const d1 = d0 + s1 * addStep, d2 = d1 + s2 * addStep, d3 = d2 + s3 * addStep;
        a00 = f32x4.add(a00, v128.load(d0));
        a01 = f32x4.add(a01, v128.load(d0, 16));
        a10 = f32x4.add(a10, v128.load(d1));
        a11 = f32x4.add(a11, v128.load(d1, 16));
        a20 = f32x4.add(a20, v128.load(d2));
        a21 = f32x4.add(a21, v128.load(d2, 16));
        a30 = f32x4.add(a30, v128.load(d3));
        a31 = f32x4.add(a31, v128.load(d3, 16));
        d0 = d3 + addStep;
      }
      v128.store(o0, a00);
      v128.store(o0, a01, 16);
      v128.store(o1, a10);
      v128.store(o1, a11, 16);
      v128.store(o2, a20);
      v128.store(o2, a21, 16);
      v128.store(o3, a30);
      v128.store(o3, a31, 16);
      x0 = x3 + xStep;
      o0 = o3 + outStep;
    }
    weight = end;
    bias += 32;
    out += panelStep;
    if (add) add += panelStep;
  }
}

// 0.01 of what is below zero.
// @ts-ignore: decorator
@inline
function leaky(x: v128): v128 {
  return f32x4.max(x, f32x4.mul(x, f32x4.splat(0.01)));
}

// out[p] = bias + the 3x3 neighbourhood of x[p] by taps [9][channels] + add[p]; pitch: from row to row.
export function depthwise(
  x: usize, pitch: usize, count: i32, channels: i32, taps: usize, bias: usize, out: usize, add: usize,
): void {
  const step: usize = <usize>channels * 4;
  for (let p = 0; p < count; p++) {
    const above = x - pitch - step, here = x - step, below = x + pitch - step;
    for (let c: usize = 0; c < step; c += 16) {
      let t = taps + c;
      let a = v128.load(bias + c);
      a = three(a, above + c, t, step);
      t += 3 * step;
      a = three(a, here + c, t, step);
      t += 3 * step;
      a = three(a, below + c, t, step);
      if (add) a = f32x4.add(a, v128.load(add + c));
      v128.store(out + c, a);
    }
    x += step;
    out += step;
    if (add) add += step;
  }
}

// a and three neighbours of a row, by their taps.
// @ts-ignore: decorator
@inline
function three(a: v128, x: usize, taps: usize, step: usize): v128 {
  a = f32x4.add(a, f32x4.mul(v128.load(x), v128.load(taps)));
  a = f32x4.add(a, f32x4.mul(v128.load(x + step), v128.load(taps + step)));
  return f32x4.add(a, f32x4.mul(v128.load(x + 2 * step), v128.load(taps + 2 * step)));
}

// out[p] = x[p] + reduce(rectified(expand(depthwise(x[p])))); room: for 48 positions of channels + hidden.
export function block(
  x: usize, pitch: usize, count: i32, channels: i32, hidden: i32, taps: usize, tapBias: usize,
  expand: usize, expandBias: usize, reduce: usize, reduceBias: usize, room: usize, out: usize,
): void {
  const step: usize = <usize>channels * 4, wideStep: usize = <usize>hidden * 4;
  const wide = room + BLOCK * step;
  for (let left = count; left > 0; left -= <i32>BLOCK) {
    const n = min(left, <i32>BLOCK);
    depthwise(x, pitch, n, channels, taps, tapBias, room, 0);
    product(room, step, n, channels, expand, hidden, expandBias, wide, wideStep, 32, 1, 0, 0);
    product(wide, wideStep, n, hidden, reduce, channels, reduceBias, out, step, 32, 0, x, step);
    x += BLOCK * step;
    out += BLOCK * step;
  }
}

// In place: x[p] = min(max(floor(x[p] factors) + add[p], low), high); exact where these are integers.
export function rounded(
  x: usize, count: i32, channels: i32, factors: usize, add: usize, addStep: usize, low: f32, high: f32,
): void {
  const lows = f32x4.splat(low), highs = f32x4.splat(high);
  const step: usize = <usize>channels * 4;
  for (let p = 0; p < count; p++) {
    for (let c: usize = 0; c < step; c += 16) {
      let v = f32x4.floor(f32x4.mul(v128.load(x + c), v128.load(factors + c)));
      if (add) v = f32x4.add(v, v128.load(add + c));
      v128.store(x + c, f32x4.min(f32x4.max(v, lows), highs));
    }
    x += step;
    if (add) add += addStep;
  }
}

// Pieces of so many bytes, a multiple of 16, each step to one each toStep.
export function copy(from: usize, step: usize, to: usize, toStep: usize, count: i32, bytes: usize): void {
  for (let p = 0; p < count; p++) {
    for (let c: usize = 0; c < bytes; c += 16) v128.store(to + c, v128.load(from + c));
    from += step;
    to += toStep;
  }
}
