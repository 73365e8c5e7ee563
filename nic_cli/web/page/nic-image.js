/**
 * <nic-image src="photo.nic" alt="..."></nic-image>: shows a `.nic` file, decoded here and nowhere else.
 *
 *   <script type="module" src="site/nic-image.js"></script>
 *
 * Attributes: src, alt, and b (realism, 0 to 1; what the file says without). Properties: file (a Blob in place of
 * src), b, header (of the file that is shown), ready (a promise). Events: progress (detail.share of the weights),
 * preview, load, draw (detail.scale; 1 is the full picture) and error (detail.message). What the file has as a
 * preview is shown until it is decoded. The models lie beside this script.
 */
import { Picture } from "./decoder/decoder.js";
import { png } from "./png.js";

const BASE = new URL(".", import.meta.url);
const QUICK = 1 << 17; // pixels that are drawn in full at once; of larger pictures a smaller one comes first
const SETTLED = 150; // milliseconds without another b, after which the full picture is worth drawing
const STYLE = `
  :host { display: inline-block; position: relative; max-width: 100%; line-height: 0; }
  :host([hidden]) { display: none; }
  img, canvas { display: block; max-width: 100%; width: 100%; height: auto; }
  [hidden] { display: none; }
`;
const waiting = new Map(); // what is to be done with an answer of the worker, by its id
let worker;
let last = 0;

function ask(message, heard, transfer = []) {
  if (!worker) {
    worker = new Worker(new URL("worker.js", BASE), { type: "module" });
    worker.onmessage = ({ data }) => waiting.get(data.id)?.(data);
    worker.onerror = (event) => {
      event.preventDefault();
      for (const one of waiting.values()) one({ error: `the decoder does not run here: ${event.message || "no module workers"}` });
      waiting.clear();
      worker = undefined;
    };
  }
  const id = ++last;
  waiting.set(id, heard);
  worker.postMessage({ id, ...message }, transfer);
  return id;
}

class NicImage extends HTMLElement {
  static observedAttributes = ["src", "b", "alt"];
  #picture = 0; // id of the worker's, 0 for none
  #opening = 0;
  #b;
  #timer;
  #settled;
  #turn = 0;
  #drawing = 0;
  #canvas = document.createElement("canvas");
  #preview = document.createElement("img");
  header;
  ready = Promise.resolve();

  constructor() {
    super();
    const style = new CSSStyleSheet();
    style.replaceSync(STYLE);
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [style];
    this.#canvas.hidden = this.#preview.hidden = true;
    this.#canvas.part = "picture";
    this.#preview.part = "preview";
    this.#preview.alt = "";
    root.append(this.#preview, this.#canvas);
  }

  connectedCallback() {
    if (!this.hasAttribute("role")) this.setAttribute("role", "img");
    this.#name();
    if (this.#b === undefined && this.hasAttribute("b")) this.b = this.getAttribute("b");
    if (this.hasAttribute("src") && !this.#picture && !this.#opening) this.#fetch();
  }

  disconnectedCallback() {
    queueMicrotask(() => this.isConnected || this.#close());
  }

  attributeChangedCallback(name, before, now) {
    if (before === now || !this.isConnected) return;
    if (name === "src") this.#fetch();
    else if (name === "b") this.b = now === null ? undefined : now;
    else this.#name();
  }

  /** Realism that is shown, 0 to 1; set it to show another. */
  get b() {
    return this.#b ?? this.header?.b;
  }

  set b(value) {
    const b = value === undefined || value === null ? undefined : Math.min(1, Math.max(0, Number(value)));
    if (Number.isNaN(b) || b === this.#b) return;
    this.#b = b;
    if (this.#picture) this.#draw();
  }

  /** The file that is shown, a Blob. */
  set file(blob) {
    this.#load(() => blob.arrayBuffer());
  }

  /** The picture as it is shown, as a PNG in its colours. @returns {Promise<Blob>} */
  async toBlob() {
    const { width, height } = this.#canvas;
    const context = this.#canvas.getContext("2d");
    const wide = context.getContextAttributes?.().colorSpace === "display-p3";
    if (wide) return new Promise((done) => this.#canvas.toBlob(done, "image/png"));
    return png(context.getImageData(0, 0, width, height));
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
    const opening = (this.#opening = ++last);
    this.ready = (async () => {
      try {
        const bytes = new Uint8Array(await bytesOf());
        if (this.#opening !== opening) return;
        this.#show(Picture.peek(bytes));
        await this.#open(bytes, opening);
      } catch (error) {
        if (this.#opening === opening) this.#fail(error);
      }
    })();
  }

  /** What the file has as a preview, at the size of the picture. */
  #show({ width, height, preview }) {
    this.#canvas.hidden = true;
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

  #open(bytes, opening) {
    return new Promise((done, failed) => {
      const heard = ({ id, share, header, error }) => {
        if (this.#opening !== opening) {
          if (header) this.#send({ work: "close", picture: id });
          return done();
        }
        if (share !== undefined) return this.#tell("progress", { share });
        waiting.delete(id);
        if (error) return failed(new Error(error));
        this.#picture = id;
        this.header = header;
        this.#tell("load", header);
        return done(this.#draw());
      };
      ask({ work: "open", bytes, base: BASE.href }, heard, [bytes.buffer]);
    });
  }

  /** Draw at the realism of now: a small picture at once, the full one when no other is asked for. */
  async #draw() {
    this.#rest();
    const turn = ++this.#turn;
    const { width, height } = this.header;
    if (width * height > QUICK && !this.#canvas.hidden) {
      await this.#drawn(width * height > 16 * QUICK ? 8 : 4);
      if (turn !== this.#turn) return;
      await new Promise((settled) => {
        this.#settled = settled;
        this.#timer = setTimeout(settled, SETTLED);
      });
    }
    if (turn === this.#turn) await this.#drawn(1);
  }

  #drawn(scale) {
    const { width, height, wide } = this.header;
    const canvas = this.#canvas;
    const small = document.createElement("canvas");
    const target = scale > 1 ? small : canvas;
    return new Promise((done, failed) => {
      const heard = ({ id, top, data, bitmap, width: columns, whole, done: ended, error }) => {
        if (ended === undefined && error === undefined && this.#drawing === id) {
          if (!top && (target.width !== columns || target.height !== whole)) {
            target.width = columns;
            target.height = whole;
          }
          const context = target.getContext("2d", { colorSpace: wide ? "display-p3" : "srgb" });
          if (bitmap) context.drawImage(bitmap, 0, top);
          else context.putImageData(new ImageData(data, columns), 0, top);
          if (scale === 1) this.#reveal();
          return;
        }
        bitmap?.close();
        if (ended === undefined && error === undefined) return;
        waiting.delete(id);
        if (error) return failed(new Error(error));
        if (ended && this.#drawing === id) {
          if (scale > 1) {
            const context = canvas.getContext("2d", { colorSpace: wide ? "display-p3" : "srgb" });
            context.clearRect(0, 0, width, height);
            context.drawImage(small, 0, 0, small.width * scale, small.height * scale);
          }
          this.#reveal();
          this.#tell("draw", { scale });
        }
        done();
      };
      this.#drawing = ask({ work: "draw", picture: this.#picture, b: this.b, scale }, heard);
    });
  }

  /** End a wait for b to settle. */
  #rest() {
    clearTimeout(this.#timer);
    this.#settled?.();
  }

  #reveal() {
    this.#canvas.hidden = false;
    this.#preview.hidden = true;
  }

  #close() {
    this.#turn++;
    this.#rest();
    this.#opening = 0;
    if (this.#picture) this.#send({ work: "close", picture: this.#picture });
    this.#picture = this.#drawing = 0;
    this.header = undefined;
    this.#preview.hidden = this.#canvas.hidden = true;
  }

  #send(message) {
    waiting.delete(ask(message, () => {}));
  }

  #fail(error) {
    this.#tell("error", { message: error.message || String(error) });
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

customElements.define("nic-image", NicImage);
