/**
 * The decoder in workers, for a page:
 *
 *     const team = await Team.open(configText, weights);         // one worker of one thread, without more
 *     const picture = await team.picture(bytes);
 *     await picture.show({ b: 0.5 }, ({ top, width, height, data }) => ..., signal);
 *     await picture.prepare(2, share => ...);                    // while nothing is shown
 *     const { data } = await picture.mix(0.7);
 *
 * Several workers each draw a part of the rows; each holds the model and the latents, about 100 MB and more.
 */

import { NicError } from "./errors.js";

/** One worker, which is asked. */
class Remote {
  /** @param {Worker} worker */
  constructor(worker) {
    this.worker = worker;
    this.waiting = new Map();
    this.asked = 0;
    worker.onmessage = ({ data: { id, found, failed, done } }) => {
      const { resolve, reject, progress } = this.waiting.get(id);
      if (done !== undefined) return progress?.(done);
      this.waiting.delete(id);
      return failed === undefined ? resolve(found) : reject(new NicError(failed));
    };
    worker.onerror = ({ message = "it cannot be started" }) => {
      for (const { reject } of this.waiting.values()) reject(new NicError(`the decoder failed: ${message}`));
      this.waiting.clear();
    };
  }

  /**
   * @param {string} ask as `worker.js` has it
   * @param {object} given
   * @param {Transferable[]} [transfer]
   * @param {(share: number) => void} [progress]
   * @returns {Promise<any>} the answer; NicError where there is none
   */
  ask(ask, given, transfer = [], progress = undefined) {
    const id = ++this.asked;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject, progress });
      this.worker.postMessage({ id, ask, ...given }, transfer);
    });
  }
}

/** Workers that hold the same model. */
export class Team {
  /** @param {Remote[]} remotes */
  constructor(remotes) {
    this.remotes = remotes;
  }

  /**
   * @param {string} config the text of config.json
   * @param {ArrayBuffer} weights of model.safetensors; copied
   * @param {{count?: number, plain?: boolean, threads?: number, gpu?: string, start?: () => Worker}} [given]
   *   count: of workers, one where there is a GPU; threads: of each, where the page is isolated; gpu: "real",
   *   "any" or none; plain: without WebAssembly
   */
  static async open(config, weights, { count = 1, start = started, ...options } = {}) {
    const team = new Team([]);
    const more = () => team.#more({ config, weights, ...options }, start);
    try {
      /** What the first worker says of the model. */
      team.model = await more();
      await Promise.all(Array.from({ length: team.model.gpu ? 0 : count - 1 }, more));
      return team;
    } catch (error) {
      team.close();
      throw error;
    }
  }

  #more(given, start) {
    const remote = new Remote(start());
    this.remotes.push(remote);
    return remote.ask("model", given);
  }

  /**
   * @param {Uint8Array | ArrayBuffer} data a file
   * @param {(share: number) => void} [progress]
   * @returns {Promise<RemotePicture>}
   */
  async picture(data, progress) {
    const opened = (remote, i) => remote.ask("open", { data }, [], i ? undefined : progress);
    return new RemotePicture(this, await Promise.all(this.remotes.map(opened)));
  }

  /** Ends the workers. */
  close() {
    for (const { worker } of this.remotes) worker.terminate();
  }
}

/** A picture that each worker of a team has opened: width, height, channels, bitDepth, header and chunks. */
class RemotePicture {
  constructor({ remotes, model: { band } }, found) {
    Object.assign(this, { band, ...found[0] });
    this.places = remotes.map((remote, i) => ({ remote, picture: found[i].picture }));
  }

  /** As `Picture.draw`, by the first worker. */
  draw(wanted) {
    const [{ remote, picture }] = this.places;
    return remote.ask("draw", { picture, ...wanted });
  }

  /**
   * The whole picture, a band of rows at a time, as they come.
   * @param {{b?: number, scale?: number}} wanted
   * @param {(band: {top: number, width: number, height: number, data: Uint8ClampedArray}) => void} band
   * @param {AbortSignal} [signal] ends it after the bands that are under way
   */
  show(wanted, band, signal) {
    const [{ remote }] = this.places; // pictures that take turns by bands would each begin anew
    const turn = (remote.last ?? Promise.resolve()).then(() => this.#shown(wanted, band, signal));
    remote.last = turn.catch(() => {});
    return turn;
  }

  async #shown({ b, scale = 1 }, band, signal) {
    if (signal?.aborted) return;
    const { band: most, places } = this;
    const height = Math.ceil(this.height / scale);
    const part = most * Math.ceil(height / most / places.length);
    const drawn = async ({ remote, picture }, i) => {
      const end = Math.min(height, part * (i + 1));
      for (let top = part * i; top < end && !signal?.aborted; top += most) {
        const rows = Math.min(most, end - top);
        const found = await remote.ask("draw", { picture, b, scale, top, rows });
        if (!signal?.aborted) band({ top, ...found });
      }
    };
    await Promise.all(places.map(drawn));
  }

  /**
   * Draws what `mix` takes, whenever the worker has nothing else to draw.
   * @param {number} scale @param {(share: number) => void} [progress]
   */
  async prepare(scale, progress) {
    const [{ remote, picture }] = this.places;
    for (let share = 0; share < 1; progress?.(share)) {
      for (let last; last !== remote.last; ) await (last = remote.last);
      share = await remote.ask("prepare", { picture, scale });
    }
  }

  /** As `Slider.draw`. @param {number} b */
  mix(b) {
    const [{ remote, picture }] = this.places;
    return remote.ask("mix", { picture, b });
  }

  /** Gives back what it takes. */
  async close() {
    await Promise.all(this.places.map(({ remote, picture }) => remote.ask("close", { picture })));
  }
}

/** @returns {Worker} */
const started = () => new Worker(new URL("worker.js", import.meta.url), { type: "module" });
