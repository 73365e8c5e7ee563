/**
 * The pictures of `nic view`, which its server decodes: of a file and of its original the whole, perhaps
 * smaller, and over it a part that is sharper or newer.
 */
import * as compare from "./compare.js";
import { $, busy, fail, tell } from "./panel.js";
import { at, device, place } from "./stage.js";

const SCALES = [1, 2, 4, 8];
const QUICK = 320; // side of the square that is decoded before all of a picture that takes long
const LONG = 800_000; // pixels from which on it does
const PAUSE = 60; // ms without a change of the dial, or of the view, before the server is asked
const ENDED = "nic view has ended: start it again for more.";

let [number, file, b] = [0, null, 0]; // file: what the server says of the one that is shown
let ended = false;
export const { keys } = compare;

async function get(path, signal) {
  if (ended) throw new Error(ENDED);
  const answer = await fetch(path, { signal });
  if (!answer.ok) throw new Error(await answer.text());
  return answer;
}

/** One image, and the requests for what it shows, of which one is on its way at a time. */
class Channel {
  dirty = false;
  running = false;
  long = false; // what is on its way
  asked = ""; // its address
  shown = "";
  look = ""; // of what is shown

  constructor(name, side, steps, then) {
    Object.assign(this, { side, steps, then, img: new Image() });
    Object.assign(this.img, { className: name, alt: "", hidden: true });
    $(side.id).append(this.img);
  }

  clear() {
    this.stop?.abort();
    this.hide();
  }

  hide() {
    this.img.hidden = true;
    if (this.img.src) URL.revokeObjectURL(this.img.src);
    this.img.removeAttribute("src");
    this.shown = this.look = "";
  }

  ask() {
    this.dirty = true;
    if (this.long) this.stop.abort(); // what is short may end, so that a dial that moves shows something
    if (!this.running) this.pump();
  }

  async pump() {
    this.running = true;
    while (this.dirty && file && !ended) {
      this.dirty = false;
      this.stop = new AbortController();
      try {
        await this.fetch(this.stop.signal);
      } catch (error) {
        if (error.name !== "AbortError") fail(error);
      }
      this.long = false;
    }
    this.running = false;
    work();
  }

  async fetch(signal) {
    for (const [part, scale] of this.steps()) {
      const [began, value, look] = [performance.now(), b, this.side.look()];
      const address = this.side.address(part, scale);
      if (address === this.shown) continue;
      this.asked = address;
      this.long = isLong() && !(part && part.w <= QUICK && part.h <= QUICK);
      work();
      const blob = await (await get(address, signal)).blob();
      const fresh = new Image();
      fresh.src = URL.createObjectURL(blob);
      await fresh.decode();
      if (signal.aborted) return URL.revokeObjectURL(fresh.src);
      this.hide();
      const { naturalWidth: w, naturalHeight: h } = fresh;
      place(this.img, { x: part?.x ?? 0, y: part?.y ?? 0, w: w * scale, h: h * scale });
      Object.assign(this.img, { src: fresh.src, hidden: false });
      Object.assign(this, { shown: address, look });
      this.side.settle();
      if (!ended) fail(null);
      const seconds = ((performance.now() - began) / 1000).toFixed(2);
      if (this.side.id === "nic") tell(`b ${value.toFixed(2)}, ${part ? "a part" : "all"} in ${seconds} s`);
      if (this.dirty) return;
    }
    this.then?.();
  }
}

/** One of the two pictures. */
class Side {
  constructor(id) {
    this.id = id;
    this.base = new Channel("base", this, () => [[null, file.scale]]);
    this.part = new Channel("part", this, () => this.parts(), () => this.complete());
    this.channels = [this.base, this.part];
  }

  /** What makes two pictures of one place differ. */
  look = () => (this.id === "nic" ? `b=${b}` : "");
  isWhole = () => this.base.shown === this.address(null, file.scale);
  isComing = () => this.base.running && this.base.asked === this.address(null, file.scale);

  address(part, scale) {
    const crop = part ? `&crop=${part.x},${part.y},${part.w},${part.h}` : "";
    const what = this.id === "nic" ? "picture" : "original";
    return `${number}/${what}?${this.look()}${crop}&scale=${scale === 1 ? 1 : `1/${scale}`}`;
  }

  /** What to ask for, in that order: what can be seen, where the whole is not as sharp or takes long. */
  parts() {
    const seen = visible();
    const scale = scaleFor(at.zoom, seen);
    const steps = [];
    if (!seen.w || !seen.h) return steps;
    const old = !this.isWhole() && this.part.look !== this.look();
    if (this.id === "nic" && isLong() && old) steps.push([middle(seen), 1]);
    const little = 2 * seen.w * seen.h < file.width * file.height;
    if (scale < file.scale || (isLong() && little && !this.isWhole())) steps.push([seen, scale]);
    return steps;
  }

  /** A part in whose place the whole is as sharp, or which shows another b, is in the way. */
  settle() {
    if (this.isWhole() && (file.scale === 1 || this.part.look !== this.look())) this.part.hide();
  }

  complete() {
    if (!this.isWhole() && !this.isComing()) this.base.ask();
  }

  ask() {
    if (this.base.long && !this.isComing()) this.base.stop.abort();
    this.part.ask();
  }
}

const [nic, original] = [new Side("nic"), new Side("original")];
const channels = [...nic.channels, ...original.channels];
const isLong = () => file.width * file.height > LONG;

/** The part of the picture that can be seen, on whole squares of 8 pixels. */
function visible() {
  const span = (middle, room, side) => {
    const half = device(room) / at.zoom / 2;
    const from = Math.max(0, Math.floor((middle - half) / 8) * 8);
    return [from, Math.max(0, Math.min(side, Math.ceil((middle + half) / 8) * 8) - from)];
  };
  const [x, w] = span(at.x, $("view").clientWidth, file.width);
  const [y, h] = span(at.y, $("view").clientHeight, file.height);
  return { x, y, w, h };
}

function middle(seen) {
  const [w, h] = [Math.min(QUICK, seen.w || file.width), Math.min(QUICK, seen.h || file.height)];
  return { x: Math.round(seen.x + (seen.w - w) / 2), y: Math.round(seen.y + (seen.h - h) / 2), w, h };
}

/** The smallest version that has a pixel for each of the screen. */
function scaleFor(zoom, seen) {
  let scale = SCALES.findLast((one) => one === 1 || one * zoom <= 1);
  while (seen.w * seen.h > file.most * scale * scale && scale < 8) scale *= 2;
  return scale;
}

function work() {
  const is = channels.some(({ running }) => running);
  busy(is);
  if (is && !nic.channels.some(({ shown }) => shown)) tell("decoding …");
}

const waiting = {};
function later(name, then) {
  clearTimeout(waiting[name]);
  waiting[name] = setTimeout(() => file && then(), PAUSE);
}

function refresh() {
  nic.ask();
  if (compare.isSeen() || original.base.shown) original.ask();
}

export async function begin(add) {
  await add(await (await get("files")).json());
  $("view").focus({ preventScroll: true });
}

export async function about(wanted) {
  return (await get(`${wanted}/about`)).json();
}

export function show(wanted, said) {
  [number, file, b] = [wanted, said, said.b];
  nic.base.img.alt = `${file.name}, decoded`;
  original.base.img.alt = `${file.original}, the original`;
  compare.offer(file.original === null ? null : () => original.ask());
  nic.ask();
}

export function turn(to) {
  b = to;
  later("b", () => nic.ask());
}

export function clear() {
  file = null;
  for (const channel of channels) channel.clear();
  compare.close();
}

$("view").addEventListener("moved", () =>
  later("view", () => (file.scale > 1 || !nic.isWhole()) && refresh()),
);

export const alive = new EventSource("alive");
alive.onerror = () => {
  if (alive.readyState === EventSource.OPEN) return;
  ended = true;
  fail(new Error(ENDED));
};
alive.onopen = () => {
  if (!ended) return;
  ended = false;
  fail(null);
  if (file) refresh();
};
