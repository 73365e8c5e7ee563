/**
 * <nic-image src="photo.nic" alt="..."></nic-image>: shows a `.nic` file, decoded here and nowhere else.
 *
 *   <script type="module" src="site/nic-image.js"></script>
 *
 * Attributes, which are properties too: src, alt, width, height, loading="lazy", b (realism, 0 to 1; that of
 * the file without), live (b will be turned). Further properties: file (a Blob in place of src), header (of
 * the file that is shown), ready (a promise). toBlob() gives a PNG. Events, which do not bubble: progress
 * (detail.share of the weights), preview, load (detail: the header), draw (detail.full) and error
 * (detail.message). What a file has as a preview is shown until it is decoded; alt, or what stands between
 * the tags, where it cannot be. Parts for styles: picture and preview. The models lie beside this script.
 */
import { Team } from "./decoder/client.js";
import { parse } from "./decoder/container.js";
import { lookOf, pngOf, Surface } from "./surface.js";
import { modelOf } from "./weights.js";

const BASE = new URL(".", import.meta.url);
const SETTLED = 150; // milliseconds without another b, after which the full picture is drawn
const MIXED = 1 << 21; // pixels of the pictures that the dial mixes while it moves, of larger ones fewer
const AHEAD = "100%"; // of the window, in which lazy pictures are fetched before they are seen
const REFLECTED = ["alt", "width", "height", "loading", "src"];
const STYLE = `
  :host { display: inline-block; position: relative; max-width: 100%; line-height: 0; }
  :host([hidden]) { display: none; }
  img, canvas { display: block; max-width: 100%; width: 100%; height: 100%; }
  img, canvas { object-fit: inherit; object-position: inherit; }
  img:not([hidden]) + canvas { position: absolute; inset: 0; }
  slot { line-height: normal; }
  [hidden] { display: none; }
`;
const teams = new Map(); // workers by the model that they hold

/** Workers with the model of a file. */
function teamOf(header, told) {
  if (!teams.has(header.modelId)) {
    const file = { model: header.model, modelId: header.modelId };
    const opened = ({ config, weights }) => Team.open(config, weights, AT_WORK);
    const coming = modelOf(BASE, file, told).then(opened);
    teams.set(header.modelId, coming);
    coming.catch(() => teams.delete(header.modelId));
  }
  return teams.get(header.modelId);
}

/** Threads of one worker where the page may share memory, else workers that each hold the model. */
const CORES = navigator.hardwareConcurrency ?? 2;
const AT_WORK = globalThis.crossOriginIsolated
  ? { gpu: "real", threads: Math.min(8, CORES) }
  : { gpu: "real", count: Math.min(4, Math.max(1, Math.floor(CORES / 2))) };

class NicImage extends HTMLElement {
  static observedAttributes = ["b", ...REFLECTED];
  /** What is shown: the decoder's picture, what it looks like; whether b moved; what the dial mixes. */
  #held;
  #turn; // ends a drawing
  #timer;
  #b;
  #near; // waits for the element to come near
  #file; // in place of src
  #surface;
  #box = new CSSStyleSheet();
  #preview = Object.assign(document.createElement("img"), { part: "preview", alt: "", hidden: true });
  #instead = Object.assign(document.createElement("slot"), { hidden: true });
  header;
  ready = Promise.resolve();

  constructor() {
    super();
    const style = new CSSStyleSheet();
    style.replaceSync(STYLE);
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [style, this.#box];
    root.append(this.#preview);
    this.#surface = new Surface(root);
    root.append(this.#instead);
  }

  connectedCallback() {
    for (const name of [...REFLECTED, "live", "b", "file"]) {
      if (!Object.hasOwn(this, name)) continue; // set before this script was there
      const value = this[name];
      delete this[name];
      this[name] = value;
    }
    if (!this.hasAttribute("role")) this.setAttribute("role", "img");
    this.#name();
    if (this.#b === undefined && this.hasAttribute("b")) this.b = this.getAttribute("b");
    if (this.#held) return;
    if (this.#file) this.file = this.#file;
    else if (this.hasAttribute("src")) this.#fetch();
  }

  disconnectedCallback() {
    queueMicrotask(() => this.isConnected || this.#close());
  }

  attributeChangedCallback(name, before, now) {
    if (before === now) return;
    if (name === "width" || name === "height") this.#sized();
    if (name === "src") this.#file = undefined;
    if (!this.isConnected) return;
    if (name === "src" && now === null) this.#close();
    else if (name === "src") this.#fetch();
    if (name === "b") this.b = now;
    if (name === "alt") this.#name();
  }

  /** Realism that is shown, 0 to 1; set it to show another, or to undefined for that of the file. */
  get b() {
    return this.#b ?? this.header?.b;
  }

  set b(value) {
    const b = value === undefined || value === null ? undefined : Math.min(1, Math.max(0, Number(value)));
    if (Number.isNaN(b) || b === this.#b) return;
    this.#b = b;
    if (this.header) this.#moved();
  }

  get live() {
    return this.hasAttribute("live");
  }

  set live(is) {
    this.toggleAttribute("live", Boolean(is));
  }

  /** The file that is shown, a Blob. */
  set file(blob) {
    this.#file = blob;
    this.#load(() => blob.arrayBuffer());
  }

  /**
   * The picture at the realism that is asked for as a PNG, decoded anew: canvases lose some of its colours.
   * @returns {Promise<Blob>}
   */
  async toBlob() {
    const held = this.#held;
    if (!held?.picture) throw new Error("no picture is shown");
    return pngOf(held.look, (band) => held.picture.show({ b: this.b }, band));
  }

  #name() {
    const alt = this.getAttribute("alt");
    if (alt !== null) this.setAttribute("aria-label", alt);
  }

  /** As of an <img>: sizes, that styles of the page go before. */
  #sized() {
    const [width, height] = ["width", "height"].map((name) => parseInt(this.getAttribute(name), 10));
    const rules = [width > 0 && `width: ${width}px`, height > 0 && `height: ${height}px`];
    if (rules[0] && rules[1]) rules.push(`aspect-ratio: ${width} / ${height}`);
    this.#box.replaceSync(`:host { ${rules.filter(Boolean).join("; ")} }`);
  }

  #fetch() {
    this.#close();
    const load = () =>
      this.#load(async () => {
        const source = new URL(this.getAttribute("src"), document.baseURI);
        const answer = await fetch(source).catch(() => null);
        if (!answer?.ok) throw new Error(`${source.pathname}: ${said(answer?.status)}`);
        return answer.arrayBuffer();
      });
    if (this.getAttribute("loading") !== "lazy") return load();
    this.#near = new IntersectionObserver((seen) => {
      if (seen.some(({ isIntersecting }) => isIntersecting)) load();
    }, { rootMargin: AHEAD });
    this.#near.observe(this);
  }

  #load(bytesOf) {
    this.#close();
    const held = (this.#held = {});
    this.ready = this.#open(held, bytesOf).catch((error) => this.#held === held && this.#fail(error));
  }

  async #open(held, bytesOf) {
    const bytes = new Uint8Array(await bytesOf());
    if (this.#held !== held) return;
    const { header, chunks } = parse(bytes);
    this.#show(header, chunks.get("prev"));
    const team = await teamOf(header, (share) => this.#held === held && this.#tell("progress", { share }));
    const picture = await team.picture(bytes);
    const look = await lookOf(header, chunks).catch((error) => error);
    Object.assign(held, { look, picture });
    if (this.#held !== held) return release(held);
    if (look instanceof Error) throw look;
    const { width, height, channels, bitDepth } = picture;
    this.header = {
      width, height, channels, bitDepth, alpha: chunks.has("ALPH"), wide: Boolean(look.colours),
      q: header.q / 4096, b: header.b / 4096, model: header.model, modelId: header.modelId,
      tiles: header.tiles.length, version: `${bytes[8] >> 4}.${bytes[8] & 15}`,
    };
    this.#tell("load", this.header);
    await this.#draw(held);
  }

  /** What the file has as a preview, or room, at the size of the picture. */
  #show({ width, height }, preview) {
    if (!preview) return this.#surface.reserve(width, height);
    const address = URL.createObjectURL(new Blob([preview], { type: "image/webp" }));
    this.#preview.onload = this.#preview.onerror = ({ type }) => {
      URL.revokeObjectURL(address);
      if (type === "load") this.#tell("preview");
    };
    Object.assign(this.#preview, { width, height, src: address, hidden: false });
  }

  /** Another b: a mix of pictures at once where they are there, the full one when no other is asked for. */
  #moved() {
    const held = this.#held;
    held.moved = true;
    clearTimeout(this.#timer);
    this.#turn?.abort();
    if (held.mixed) this.#mix(held, this.b);
    this.#timer = setTimeout(() => this.#draw(held), held.mixed ? SETTLED : 0);
  }

  async #mix(held, b) {
    const found = await held.picture.mix(b).catch(() => null);
    const fits = () => this.#held === held && this.b === b && this.#turn?.signal.aborted !== false;
    if (!found || !fits()) return;
    await this.#surface.paint(held.look, { top: 0, ...found }, held.mixed, fits);
    if (this.#held === held) this.#tell("draw", { full: false });
  }

  /** The full picture, and after it what the dial mixes. */
  async #draw(held) {
    const turn = (this.#turn = new AbortController());
    const fits = () => this.#held === held && !turn.signal.aborted;
    const painted = [];
    const band = (found) => fits() && painted.push(this.#surface.paint(held.look, found, 1, fits));
    try {
      await held.picture.show({ b: this.b }, band, turn.signal);
      await Promise.all(painted);
    } catch (error) {
      if (fits()) this.#fail(error);
      return;
    }
    if (!fits()) return;
    this.#tell("draw", { full: true });
    turn.abort(); // it is there: the dial may mix from here on
    this.#preview.hidden = true;
    if (held.moved || this.live) held.preparing ??= this.#prepare(held);
  }

  /** What the dial mixes; most pictures have no dial. */
  async #prepare(held) {
    const { width, height } = held.look;
    const scale = [1, 2, 4, 8].find((n) => (width * height) / (n * n) <= MIXED) ?? 8;
    await held.picture.prepare(scale).then(
      () => (held.mixed = scale),
      () => {}, // closed meanwhile
    );
  }

  #close() {
    clearTimeout(this.#timer);
    this.#turn?.abort();
    this.#near?.disconnect();
    if (this.#held?.picture) release(this.#held);
    this.#held = this.header = undefined;
    this.#surface.hide();
    this.#preview.hidden = this.#instead.hidden = true;
  }

  /** Say why there is no picture: its name stands in its place, or what is between the tags. */
  #fail(error) {
    const message = error.message || String(error);
    this.#surface.hide();
    this.#preview.hidden = true;
    this.#instead.textContent = this.getAttribute("alt") ?? "";
    this.#instead.hidden = false;
    console.error(`nic-image ${this.getAttribute("src") ?? ""}: ${message}`);
    this.#tell("error", { message });
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/** Gives back what a picture takes. */
function release({ picture, look }) {
  picture.close().catch(() => {});
  if (look.mask) URL.revokeObjectURL(look.mask);
}

/** @param {number} [status] of an answer; none without */
function said(status) {
  if (status === 404) return "the server has no such file";
  return status ? `the server says ${status}` : "no answer, or from a server that forbids it";
}

for (const name of REFLECTED) {
  Object.defineProperty(NicImage.prototype, name, {
    configurable: true,
    enumerable: true,
    get() {
      return this.getAttribute(name) ?? "";
    },
    set(value) {
      this.setAttribute(name, value);
    },
  });
}
customElements.define("nic-image", NicImage);
