/**
 * The synthesis by WebGPU, a strip of rows at a time; symbols and latents never go through it.
 *
 * It is used where it agrees with the kernels to a fraction of a level, which is tried once.
 */

import { padded } from "./kernels.js";
import { Strip, packed } from "./strip.js";
import { SHADERS } from "./shaders.js";

const MOST = 96 << 20; // bytes of a layer's activations
const [LEAST_ROWS, MOST_ROWS] = [16, 128]; // of a strip
const OUTPUTS = 192; // values that a position becomes
const NEAR = 0.1 / 255; // how far apart pixels may be from those of the kernels
/** Seconds for a few rows, from which on it is no real one, whatever it says: these take hundredths. */
const SLOW = 0.2;
const KINDS = ["uniform", "read-only-storage", "read-only-storage", "read-only-storage", "storage"];
const COMPUTE = 4; // GPUShaderStage.COMPUTE, which workers of some browsers have not

/** A GPU, with the layers of one picture at one realism. */
export class Gpu {
  /**
   * @param {import("./model.js").Model} model
   * @param {boolean} [any] one that is made of software too, which is slower than the kernels
   * @returns {Promise<Gpu | null>} null: none, or one that does not agree, or a slow one
   */
  static async open(model, any = false) {
    try {
      const adapter = await globalThis.navigator?.gpu?.requestAdapter();
      const soft = adapter?.info?.isFallbackAdapter ?? adapter?.isFallbackAdapter;
      if (!adapter || (soft && !any)) return null;
      const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
      const requiredLimits = { maxBufferSize, maxStorageBufferBindingSize };
      const device = await adapter.requestDevice({ requiredLimits });
      const gpu = new Gpu(model, device, await compiled(device));
      const seconds = await gpu.#tried();
      if (seconds < SLOW || (any && seconds < Infinity)) return gpu;
      gpu.close();
    } catch {
      // one that cannot do it: the kernels can
    }
    return null;
  }

  constructor(model, device, shaders) {
    Object.assign(this, { model, device, ...shaders, held: null, strip: null });
    /** Whether nothing more can be asked of it. */
    this.lost = false;
    device.lost.then(() => (this.lost = true));
    const { config } = model;
    /** How many rows of latents, and of the network, a row depends on each way. */
    this.reach = { coarse: config.synthesis_coarse_depth, fine: config.synthesis_fine_depth + 1 };
    this.channels = padded(config.synthesis_fine);
  }

  /** Ends it. */
  close() {
    this.lost = true;
    this.device.destroy();
  }

  /** Gives back what it holds for a picture. @param {object} [latents] of that picture; any without */
  release(latents = this.held?.latents) {
    if (this.held?.latents !== latents) return;
    this.held?.weights.destroy();
    this.strip?.destroy();
    this.held = this.strip = null;
  }

  /**
   * @param {number} columns of latents
   * @returns {number} how many rows of the network go well together; 0: it has no room for so wide ones
   */
  rows(columns) {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.device.limits;
    const row = 4 * Math.max(this.channels, OUTPUTS) * (2 * columns + 1);
    const around = 2 * (this.reach.fine + 2 * this.reach.coarse) + 4;
    const most = Math.floor(Math.min(maxBufferSize, maxStorageBufferBindingSize) / row) - around;
    return most < LEAST_ROWS ? 0 : Math.max(LEAST_ROWS, Math.min(MOST_ROWS, MOST / row - around) | 0);
  }

  /**
   * Rows of the network.
   * @param {object} latents as for `Synthesis.stages`; one object stands for one picture
   * @param {{q: number, made: number, shown: number, seed: number}} as
   * @param {number} first
   * @param {number} end
   * @returns {Promise<Float32Array>} [end - first, width, 192]; throws where the GPU fails
   */
  async draw(latents, as, first, end) {
    const { device, model } = this;
    for (const kind of ["out-of-memory", "validation"]) device.pushErrorScope(kind);
    let found;
    let errors;
    try {
      if (this.held?.latents !== latents || this.held.shown !== as.shown) {
        this.release();
        this.held = { latents, shown: as.shown, ...packed(device, model, as) };
      }
      const { coarse, fine } = this.reach;
      const top = Math.max(0, ((first - fine) >> 1) - coarse);
      const bottom = Math.min(latents.height, ((end + fine + 1) >> 1) + coarse);
      if (!this.strip?.fits(latents, bottom - top)) {
        this.strip?.destroy();
        this.strip = new Strip(this, latents, bottom - top);
      }
      found = this.strip.draw(this.held, as.seed, top, first, end);
    } finally {
      errors = [device.popErrorScope(), device.popErrorScope()];
    }
    const [values, ...wrong] = await Promise.all([found, ...errors]);
    if (this.lost || wrong.some((error) => error)) throw new Error("the GPU failed");
    return values;
  }

  /**
   * Whether it gives what the kernels do, of latents that exercise every layer.
   * @returns {Promise<number>} seconds that a few rows take; Infinity where they differ
   */
  async #tried() {
    const { config: { latent } } = this.model;
    const [height, width] = [3, 5];
    const latents = {
      height,
      width,
      place(floats, at, wide, row, count) {
        for (let i = 0; i < count * width; i++) {
          for (let c = 0; c < latent; c++) {
            floats[(at >> 2) + i * wide + c] = 3 * Math.sin(c + 7 * (row * width + i));
          }
        }
      },
    };
    const as = { q: 1, made: 0.3, shown: 1, seed: 20 };
    const right = this.#byKernels(latents, as);
    const found = await this.draw(latents, as, 0, 2 * height);
    const started = performance.now();
    const part = await this.draw(latents, as, 3, 5);
    const seconds = (performance.now() - started) / 1000;
    this.release();
    const size = 2 * width * OUTPUTS;
    const near = (values, first) => values.every((v, i) => Math.abs(v - right[first * size + i]) < NEAR);
    return near(found, 0) && near(part, 3) ? seconds : Infinity;
  }

  /** @returns {Float32Array} as `draw`, of all rows */
  #byKernels(latents, as) {
    const { kernels, synthesis } = this.model;
    kernels.release();
    const { tail, noise, most } = synthesis.stages(latents, as);
    const at = kernels.take(most * tail.pitch);
    const [rows, size] = [2 * latents.height, 2 * latents.width * OUTPUTS];
    const out = new Float32Array(rows * size);
    tail.seek(0);
    for (let row = 0; row < rows; ) {
      const count = tail.pull(at, most);
      for (let i = 0; i < count; i++, row++) {
        const from = (at + i * tail.pitch) >> 2;
        const direct = noise?.direct.get(row);
        for (let k = 0; k < size; k++) out[row * size + k] = kernels.floats[from + k] + (direct?.[k] ?? 0);
      }
    }
    kernels.release();
    return out;
  }
}

/** The shaders of a device. */
async function compiled(device) {
  const entries = KINDS.map((type, binding) => {
    return { binding, visibility: COMPUTE, buffer: { type, hasDynamicOffset: type === "uniform" } };
  });
  const layout = device.createBindGroupLayout({ entries });
  const whole = device.createPipelineLayout({ bindGroupLayouts: [layout] });
  const module = device.createShaderModule({ code: SHADERS });
  const made = async (entryPoint) => {
    const asked = { layout: whole, compute: { module, entryPoint } };
    return [entryPoint, await device.createComputePipelineAsync(asked)];
  };
  const pipelines = await Promise.all(["product", "depthwise", "grain"].map(made));
  return { layout, pipelines: Object.fromEntries(pipelines) };
}
