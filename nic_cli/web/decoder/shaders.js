/**
 * The kernels of `kernels/index.ts` for a GPU, in WGSL, by the same panels of weights.
 *
 * All share one layout: what is to be done, weights, inputs, what is added, outputs. Places and steps are in
 * vectors of four floats. Positions are those of a strip from `first` on, row by row of `width`; a row of 0
 * says that they lie one after the other from the first of the call on.
 */

export const SHADERS = /* wgsl */ `
struct Call {
  first: u32, count: u32, width: u32, inputs: u32,
  outputs: u32, weight: u32, bias: u32, rectify: u32,
  xAt: u32, xRow: u32, xStep: u32, added: u32, // added: 0 nothing, 1 of add, 2 of out
  outAt: u32, outRow: u32, outStep: u32, seed: u32,
  row: u32, loudest: f32, unused0: u32, unused1: u32,
}
@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read> weights: array<vec4f>;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> add: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> out: array<vec4f>;

fn place(i: u32, at: u32, row: u32, step: u32) -> u32 {
  if (row == 0u) { return at + i * step; }
  let p = call.first + i;
  return at + (p / call.width) * row + (p % call.width) * step;
}

var<workgroup> xs: array<vec4f, 256>; // [64 positions][16 inputs]
var<workgroup> ws: array<vec4f, 256>; // [16 inputs][64 outputs]

// out = rectified(bias + x weight) + added: 64 positions and as many outputs by 16x16 threads.
@compute @workgroup_size(16, 16)
fn product(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) t: vec3u,
           @builtin(local_invocation_index) i: u32) {
  let mine = group.x * 64u + i / 4u;
  let start = place(min(mine, call.count - 1u), call.xAt, call.xRow, call.xStep);
  let output = group.y * 16u + i % 16u;
  let panel = call.weight + (output >> 1u) * call.inputs * 8u + (output & 1u);
  let o = group.y * 16u + t.x;
  var sums: array<vec4f, 4>;
  for (var k = 0u; k < call.inputs; k += 4u) {
    let kx = k + i % 4u;
    let kw = 4u * k + i / 16u;
    xs[i] = select(vec4f(), x[start + min(kx, call.inputs - 1u)], kx < call.inputs);
    let fits = kw < 4u * call.inputs && output < call.outputs;
    ws[i] = select(vec4f(), weights[select(call.weight, panel + 2u * kw, fits)], fits);
    workgroupBarrier();
    for (var v = 0u; v < 4u; v++) {
      let w0 = ws[64u * v + t.x];
      let w1 = ws[64u * v + 16u + t.x];
      let w2 = ws[64u * v + 32u + t.x];
      let w3 = ws[64u * v + 48u + t.x];
      for (var m = 0u; m < 4u; m++) {
        let value = xs[16u * t.y + 4u * m + v];
        sums[m] += value.x * w0 + value.y * w1 + value.z * w2 + value.w * w3;
      }
    }
    workgroupBarrier();
  }
  if (o >= call.outputs) { return; }
  for (var m = 0u; m < 4u; m++) {
    let p = group.x * 64u + t.y * 4u + m;
    if (p >= call.count) { return; }
    var sum = sums[m] + weights[call.bias + o];
    if (call.rectify == 1u) { sum = max(sum, 0.01 * sum); }
    let to = place(p, call.outAt, call.outRow, call.outStep) + o;
    if (call.added == 1u) { sum += add[to]; }
    if (call.added == 2u) { sum += out[to]; }
    out[to] = sum;
  }
}

// out = bias + the 3x3 neighbourhood of x by taps [9][channels]; inputs: the channels, seed: a row's step.
@compute @workgroup_size(64)
fn depthwise(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * 64u;
  let p = i / call.inputs;
  let c = i % call.inputs;
  if (p >= call.count) { return; }
  let at = place(p, call.xAt, call.xRow, call.xStep) + c;
  var sum = weights[call.bias + c];
  for (var row = 0u; row < 3u; row++) {
    for (var column = 0u; column < 3u; column++) {
      let near = at + row * call.xRow + column * call.xStep - call.xRow - call.xStep;
      sum += x[near] * weights[call.weight + (3u * row + column) * call.inputs + c];
    }
  }
  out[place(p, call.outAt, call.outRow, call.outStep) + c] = sum;
}

fn mixed(h: u32) -> u32 {
  var v = (h ^ (h >> 16u)) * 0x7feb352du;
  v = (v ^ (v >> 15u)) * 0x846ca68bu;
  return v ^ (v >> 16u);
}

fn band(k: u32) -> u32 {
  return select(select(k - 162u, 9u + (k - 144u) / 4u, k < 180u), k / 16u, k < 144u);
}

// Noise by the loudnesses x of 27 bands: four of 189 values a thread; inputs: vectors of x, 48 of out.
@compute @workgroup_size(64)
fn grain(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * 64u;
  let p = i / call.outputs;
  let word = i % call.outputs;
  if (p >= call.count) { return; }
  let place_of = call.first + p;
  let row = call.row + place_of / call.width;
  let cell = mixed(mixed(call.seed + row) + (place_of % call.width) * 0x9e3779b1u);
  let bits = mixed(cell + word * 0x85ebca77u);
  var found = vec4f();
  for (var n = 0u; n < 4u; n++) {
    let k = 4u * word + n;
    if (k < 189u) {
      let b = band(k);
      let t = x[call.xAt + p * call.xStep + b / 4u][b % 4u];
      let half = (t + sqrt(t * t + 1.0)) / 2.0;
      found[n] = (f32(bitcast<i32>(bits << (24u - 8u * n)) >> 24u) + 0.5) * call.loudest * half * half;
    }
  }
  out[call.outAt + p * call.outStep + word] = found;
}
`;
