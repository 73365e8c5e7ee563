/** A native model: config.json, the tensors of model.safetensors, its tables and its id. */

import { hexadecimal } from "./container.js";
import { check, NicError } from "./errors.js";
import { Kernels } from "./kernels.js";
import { Latents } from "./network.js";
import { Scales } from "./scales.js";
import { sha256 } from "./sha256.js";
import { Synthesis } from "./synthesis.js";
import { Weights } from "./weights.js";

/** Of each type its name in torch and its bytes. */
const TYPES = {
  F16: ["float16", 2], F32: ["float32", 4], I32: ["int32", 4], I8: ["int8", 1], U8: ["uint8", 1],
};
const OF_ID = ["scales.", "tables.", "hyper_synthesis.", "context.", "gains.outward"];
const COUNTS = [
  "latent", "hyper", "synthesis_coarse", "synthesis_coarse_depth", "synthesis_fine", "synthesis_fine_depth",
  "hyper_coarse", "hyper_fine", "scale", "context", "context_depth", "q_anchors", "b_anchors", "scales",
];

/** The numbers of the halves, by their 16 bits. */
const HALVES = Float32Array.from({ length: 65536 }, (_, bits) => {
  const [sign, exponent, part] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return part ? NaN : sign * Infinity;
  return sign * (exponent ? (1 + part / 1024) * 2 ** (exponent - 15) : part * 2 ** -24);
});

/** Tensors by name, tables, and the networks that turn symbols into latents, and these into pixels. */
export class Model {
  /**
   * Reads a model's two files; throws NicError where they are not what they must be.
   * @param {string} configText of config.json
   * @param {ArrayBuffer} weights of model.safetensors
   * @param {{plain?: boolean, threads?: number}} [options] as `Kernels.open` has them
   */
  static async open(configText, weights, options = {}) {
    const config = readConfig(configText);
    const tensors = readTensors(weights);
    const model = new Model(config, tensors, await idOf(config, configText, tensors));
    model.kernels = await Kernels.open(options);
    model.weights = new Weights(model.kernels, model);
    model.scaleNetwork = new Scales(model);
    model.network = new Latents(model);
    model.synthesis = new Synthesis(model);
    model.kernels.keep();
    return model;
  }

  constructor(config, tensors, id) {
    this.config = config;
    /** What draws in place of the kernels where there is one. @type {import("./gpu.js").Gpu | null} */
    this.gpu = null;
    this.tensors = tensors;
    /** 16 hexadecimal digits. */
    this.id = id;
    const { q_top: top, q_anchors: anchors } = config;
    /** The distance of the anchors of q, in 1/4096. */
    this.anchorStep = Math.floor(Math.floor(4096 * top) / (anchors - 1));
    this.lows = this.get("tables.lows").values;
    this.sizes = this.get("tables.sizes").values;
    const tables = config.scales + config.hyper * anchors;
    check(this.lows.length === tables && this.sizes.length === tables, "the model lacks some of its tables");
    const frequencies = this.get("tables.frequencies").values;
    /** Of each table the cumulated frequencies, from 0 to 2^24: u32 [size + 1]. */
    this.cumulated = [];
    let at = 0;
    for (const size of this.sizes) {
      const sums = new Uint32Array(size + 1);
      for (let i = 0; i < size; i++) sums[i + 1] = sums[i] + frequencies[at++];
      check(size > 0 && sums[size] === 2 ** 24, "a table of the model does not sum to 2^24");
      this.cumulated.push(sums);
    }
    check(at === frequencies.length, "the model's tables are of another length");
  }

  /**
   * @param {string} name
   * @returns {{shape: number[], values: Float32Array | Int32Array | Int8Array | Uint8Array}}
   */
  get(name) {
    const tensor = this.tensors.get(name);
    check(tensor, `the model has no tensor ${name}`);
    const { kind, bytes, shape } = tensor;
    const buffer = bytes.slice().buffer; // aligned
    if (kind === "F16") {
      const bits = new Uint16Array(buffer);
      const values = new Float32Array(bits.length);
      for (let i = 0; i < bits.length; i++) values[i] = HALVES[bits[i]];
      return { shape, values };
    }
    const Type = { F32: Float32Array, I32: Int32Array, I8: Int8Array, U8: Uint8Array }[kind];
    return { shape, values: new Type(buffer) };
  }

  /** @param {string} name */
  has(name) {
    return this.tensors.has(name);
  }
}

/** @param {string} text */
function readConfig(text) {
  let config;
  try {
    config = JSON.parse(text);
  } catch {
    throw new NicError("config.json is not JSON");
  }
  const { kind, version = 1, q_top: top } = config ?? {};
  check(kind === "native", `a model of kind ${kind}: only native ones are decoded here`);
  check(version === 1, `a model's folder of version ${version}: this decoder knows 1`);
  const count = (value) => Number.isInteger(value) && value >= 0 && value <= 4096;
  const numbers = [...COUNTS, "skip"];
  const wrong = numbers.find((name) => !count(config[name]));
  check(!wrong, `config.json: ${wrong} is not an integer of 0 to 4096`);
  const anchors = config.q_anchors >= 2 && config.b_anchors >= 2;
  check(anchors && top > 0 && top <= 15, "config.json: q_top is over 15, or there are too few anchors");
  return config;
}

/**
 * @param {ArrayBuffer} data
 * @returns {Map<string, {kind: string, shape: number[], bytes: Uint8Array}>}
 */
function readTensors(data) {
  try {
    const start = 8 + Number(new DataView(data).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 8, start - 8)));
    const found = new Map();
    for (const [name, { dtype: kind, shape, data_offsets: [from, to] }] of Object.entries(header)) {
      if (name === "__metadata__") continue;
      const bytes = new Uint8Array(data, start + from, to - from);
      const size = shape.reduce((a, b) => a * b, TYPES[kind]?.[1]);
      check(size === bytes.length, `the model's tensor ${name} is of another size, or of no known type`);
      found.set(name, { kind, shape, bytes });
    }
    return found;
  } catch (error) {
    throw error instanceof NicError ? error : new NicError("the model's weights are no safetensors, or cut");
  }
}

/**
 * The first 8 bytes of the SHA-256 of what decides about symbols and latents.
 * @returns {Promise<string>} in hexadecimal digits
 */
async function idOf(config, configText, tensors) {
  const written = /"q_top"\s*:\s*([^,\s}]+)/.exec(configText)?.[1] ?? ""; // as Python prints it: 6 or 6.0
  const top = String(config.q_top) + (/[.eE]/.test(written) && Number.isInteger(config.q_top) ? ".0" : "");
  const encoder = new TextEncoder();
  const parts = [encoder.encode(`${top} ${config.scales} ${config.skip}`)];
  for (const name of [...tensors.keys()].sort()) {
    if (!OF_ID.some((start) => name.startsWith(start))) continue;
    const { kind, shape, bytes } = tensors.get(name);
    const tuple = shape.length === 1 ? `(${shape},)` : `(${shape.join(", ")})`;
    parts.push(encoder.encode(`${name} torch.${TYPES[kind][0]} ${tuple}`), bytes);
  }
  const digest = await sha256(new Uint8Array(await new Blob(parts).arrayBuffer()));
  return hexadecimal(digest.subarray(0, 8));
}
