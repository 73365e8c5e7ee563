/**
 * <nic-image src="photo.nic" alt="..."></nic-image>: shows a `.nic` file, decoded here and nowhere else.
 *
 *   <script type="module" src="site/nic-image.js"></script>
 *
 * Attributes: src, alt, b (realism, 0 to 1; that of the file without), live (b will be turned). Properties:
 * file (a Blob in place of src), b, header (of the file that is shown), ready (a promise). Events: progress
 * (detail.share of the weights), preview, load (detail: the header), draw (detail.full) and error
 * (detail.message). What a file has as a preview is shown until it is decoded; alt, or what stands between
 * the tags, where it cannot be. The models lie beside this script.
 */
import { Team } from "./decoder/client.js";
import { parse } from "./decoder/container.js";
import { alphaOf, coloursOf, saved, shade, shown, spaceOf } from "./colours.js";
import { modelOf } from "./weights.js";

const BASE = new URL(".", import.meta.url);
const SETTLED = 150; // milliseconds without another b, after which the full picture is drawn
const MIXED = 1 << 21; // pixels of the pictures that the dial mixes while it moves; larger ones are mixed smaller
const STYLE = `
  :host { display: inline-block; position: relative; max-width: 100%; line-height: 0; }
  :host([hidden]) { display: none; }
  img, canvas { display: block; max-width: 100%; width: 100%; height: auto; }
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
  static observedAttributes = ["src", "b", "alt"];
  /** What is shown: the decoder's picture, its colours and alpha; and what ends the work on it. */
  #held;
  #turn; // ends a drawing
  #timer;
  #b;
  #canvas = document.createElement("canvas");
  #context;
  #space; // that was asked of it
  #preview = document.createElement("img");
  #instead = document.createElement("slot");
  header;
  ready = Promise.resolve();

  constructor() {
    super();
    const style = new CSSStyleSheet();
    style.replaceSync(STYLE);
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [style];
    this.#canvas.hidden = this.#preview.hidden = this.#instead.hidden = true;
    this.#canvas.part = "picture";
    this.#preview.part = "preview";
    this.#preview.alt = "";
    root.append(this.#preview, this.#canvas, this.#instead);
  }

  connectedCallback() {
    if (!this.hasAttribute("role")) this.setAttribute("role", "img");
    this.#name();
    if (this.#b === undefined && this.hasAttribute("b")) this.b = this.getAttribute("b");
    if (this.hasAttribute("src") && !this.#held) this.#fetch();
  }

  disconnectedCallback() {
    queueMicrotask(() => this.isConnected || this.#close());
  }

  attributeChangedCallback(name, before, now) {
    if (before === now || !this.isConnected) return;
    if (name === "src") this.#fetch();
    else if (name === "b") this.b = now;
    else this.#name();
  }

  /** Realism that is shown, 0 to 1; set it to show another, or to undefined for that of the file. */
  get b() {
    return this.#b ?? this.header?.b;
  }

  set b(value) {
    const b = value === undefined || value === null ? undefined : Math.min(1, Math.max(0, Number(value)));
    if (Number.isNaN(b) || b === this.#b) return;
    this.#b = b;
    if (this.#held?.picture) this.#moved();
  }

  /** The file that is shown, a Blob. */
  set file(blob) {
    this.#load(() => blob.arrayBuffer());
  }

  /**
   * The picture that is shown as a PNG, decoded anew: a canvas has lost some of its colours.
   * @returns {Promise<Blob>}
   */
  async toBlob() {
    const held = this.#held;
    if (!held?.picture) throw new Error("no picture is shown");
    if (held.mask) throw new Error("this browser gives no alpha back");
    const { width, height } = this.header;
    const image = { width, height, data: new Uint8ClampedArray(4 * width * height) };
    await held.picture.show({ b: this.b }, (band) => {
      if (held.alpha) shade(band, held.alpha, width, height);
      image.data.set(band.data, 4 * width * band.top);
    });
    return saved(image, held.colours);
  }

  #name() {
    const alt = this.getAttribute("alt");
    if (alt !== null) this.setAttribute("aria-label", alt);
  }

  #fetch() {
    const source = new URL(this.getAttribute("src"), document.baseURI);
    this.#load(async () => {
      const answer = await fetch(source);
      if (!answer.ok) throw new Error(`${source.pathname}: the server says ${answer.status}`);
      return answer.arrayBuffer();
    });
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
    const alpha = chunks.get("ALPH");
    held.alpha = alpha && (await alphaOf(alpha, header.width, header.height));
    const colours = coloursOf(header, chunks);
    const space = colours ? await spaceOf(colours) : "srgb";
    Object.assign(held, { direct: Boolean(space), space: space ?? "display-p3" });
    held.colours = space === "srgb" ? undefined : colours;
    if (this.#held !== held) return void (await picture.close());
    if (alpha && !held.alpha) held.mask = URL.createObjectURL(new Blob([alpha]));
    held.picture = picture;
    const { width, height, channels, bitDepth } = picture;
    this.header = {
      width, height, channels, bitDepth, alpha: Boolean(alpha), wide: Boolean(held.colours), q: header.q / 4096,
      b: header.b / 4096, model: header.model, modelId: header.modelId, tiles: header.tiles.length,
      version: `${bytes[8] >> 4}.${bytes[8] & 15}`,
    };
    this.#tell("load", this.header);
    await this.#draw(held);
  }

  /** What the file has as a preview, at the size of the picture. */
  #show({ width, height }, preview) {
    this.#preview.width = width;
    this.#preview.height = height;
    if (!preview) return;
    const address = URL.createObjectURL(new Blob([preview], { type: "image/webp" }));
    this.#preview.onload = this.#preview.onerror = ({ type }) => {
      URL.revokeObjectURL(address);
      if (type === "load") this.#tell("preview");
    };
    this.#preview.src = address;
    this.#preview.hidden = false;
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
    if (!found || this.#held !== held || this.b !== b || this.#turn?.signal.aborted === false) return;
    await this.#paint(held, { top: 0, ...found }, held.mixed);
    if (this.#held === held) this.#tell("draw", { full: false });
  }

  /** The full picture, and after it what the dial mixes. */
  async #draw(held) {
    const turn = (this.#turn = new AbortController());
    const fits = () => this.#held === held && !turn.signal.aborted;
    const { width, height } = this.header;
    const painted = [];
    let first = this.#canvas.hidden || this.#canvas.width !== width || this.#canvas.height !== height;
    const band = (found) => {
      if (!fits()) return;
      if (first) this.#anew(held);
      first = false;
      painted.push(this.#paint(held, found, 1, fits));
    };
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
    if ((held.moved || this.hasAttribute("live")) && !held.mixed) this.#prepare(held);
  }

  /** An empty canvas for a picture: once it has a colour space, it never gets another. */
  #anew({ space, mask }) {
    if (this.#space && this.#space !== space) {
      const other = document.createElement("canvas");
      other.hidden = true;
      other.part = "picture";
      this.#canvas.replaceWith(other);
      this.#canvas = other;
    }
    this.#space = space;
    this.#context = this.#canvas.getContext("2d", { colorSpace: space });
    this.#canvas.width = this.header.width;
    this.#canvas.height = this.header.height;
    this.#canvas.style.mask = mask ? `url(${mask}) 0 0 / 100% 100% luminance` : "";
  }

  /** What the dial mixes; most pictures have no dial. */
  #prepare(held) {
    const { width, height } = this.header;
    const scale = [1, 2, 4, 8].find((n) => (width * height) / (n * n) <= MIXED) ?? 8;
    held.picture.prepare(scale).then(
      () => (held.mixed = scale),
      () => {}, // closed meanwhile
    );
  }

  /** A band onto the canvas; of a smaller picture each pixel is a square. */
  async #paint(held, band, scale, fits = () => this.#held === held) {
    const { width, height } = this.header;
    if (held.alpha) shade(band, held.alpha, width, height, scale);
    const context = this.#context;
    const { colorSpace } = context.getContextAttributes(); // srgb in browsers that know no other
    const source = held.direct
      ? new ImageData(band.data, band.width, band.height, { colorSpace })
      : await shown(band, held.colours, colorSpace);
    if (fits()) {
      const ready = source instanceof ImageData;
      if (scale === 1 && ready) context.putImageData(source, 0, band.top);
      else {
        const bitmap = ready ? await createImageBitmap(source) : source;
        context.clearRect(0, scale * band.top, width, scale * band.height);
        context.drawImage(bitmap, 0, scale * band.top, scale * band.width, scale * band.height);
        bitmap.close();
      }
      this.#canvas.hidden = false;
    } else source.close?.();
  }

  #close() {
    clearTimeout(this.#timer);
    this.#turn?.abort();
    this.#held?.picture?.close().catch(() => {});
    if (this.#held?.mask) URL.revokeObjectURL(this.#held.mask);
    this.#held = this.header = undefined;
    this.#preview.hidden = this.#canvas.hidden = this.#instead.hidden = true;
  }

  /** Say why there is no picture: its name stands in its place, or what is between the tags. */
  #fail(error) {
    const message = error.message || String(error);
    this.#preview.hidden = this.#canvas.hidden = true;
    this.#instead.textContent = this.getAttribute("alt") ?? "";
    this.#instead.hidden = false;
    console.error(`nic-image ${this.getAttribute("src") ?? ""}: ${message}`);
    this.#tell("error", { message });
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

customElements.define("nic-image", NicImage);
