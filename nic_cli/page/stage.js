/**
 * Where the picture stands in the view: moved and zoomed by pointers, wheel, buttons and keys.
 *
 * The view hears of each change by an event "moved". Sizes and places are in pixels of the picture, of which
 * page.css makes lengths on the screen.
 */
import { $ } from "./panel.js";

const [view, stage] = [$("view"), $("stage")];
const FAR = 80; // CSS pixels that an arrow moves
const SMALL = matchMedia("(max-width: 40rem)"); // screens on which all of a picture is what is wanted first
let size = null; // of the picture

/** The middle of the view; device pixels for each of the picture; whether all of it is to be seen. */
export const at = { x: 0, y: 0, zoom: 1, fit: true };
export const device = (css) => css * devicePixelRatio;

/** @param {?{width: number, height: number}} picture to be shown, its pixels those of the screen, or null */
export function put(picture) {
  size = picture;
  if (!size) return;
  const { width, height } = size;
  Object.assign(at, { x: width / 2, y: height / 2, zoom: 1, fit: fitted() === 1 || SMALL.matches });
  place(stage, { x: 0, y: 0, w: width, h: height });
  layout();
}

/** @param {HTMLElement} element on the stage @param {{x: number, y: number, w: number, h: number}} box */
export function place(element, box) {
  for (const [name, value] of Object.entries(box)) element.style.setProperty(`--${name}`, value);
}

/** Of the view, on the page. */
function middle() {
  const { x, y } = view.getBoundingClientRect();
  return { x: x + view.clientWidth / 2, y: y + view.clientHeight / 2 };
}

function fitted() {
  const [width, height] = [view.clientWidth, view.clientHeight].map(device);
  return Math.min(1, width / size.width, height / size.height);
}

function layout() {
  if (at.fit) Object.assign(at, { x: size.width / 2, y: size.height / 2, zoom: fitted() });
  const [room, centre] = [view.getBoundingClientRect(), middle()];
  // The view may begin between two pixels of the screen, the picture must not.
  const begin = (xy) => Math.round(device(centre[xy]) - at[xy] * at.zoom) / devicePixelRatio - room[xy];
  const lengths = { left: begin("x"), top: begin("y"), unit: at.zoom / devicePixelRatio };
  for (const [name, length] of Object.entries(lengths)) stage.style.setProperty(`--${name}`, `${length}px`);
  stage.classList.toggle("pixels", at.zoom >= 2);
  $("zoom").value = `${(100 * at.zoom).toFixed(at.zoom < 0.1 ? 1 : 0)} %`;
}

function moved() {
  if (!size) return;
  at.x = Math.min(size.width, Math.max(0, at.x));
  at.y = Math.min(size.height, Math.max(0, at.y));
  layout();
  view.dispatchEvent(new Event("moved"));
}

/** By CSS pixels. */
function pan(x, y) {
  if (!size) return;
  at.fit = false;
  at.x += device(x) / at.zoom;
  at.y += device(y) / at.zoom;
  moved();
}

/** What lies at a point of the page stays there. */
function zoom(to, { x, y } = middle()) {
  if (!size) return;
  const [before, from] = [at.zoom, middle()];
  at.fit = false;
  at.zoom = Math.min(32, Math.max(Math.min(fitted(), 1 / 16), to));
  const away = 1 / before - 1 / at.zoom;
  at.x += device(x - from.x) * away;
  at.y += device(y - from.y) * away;
  moved();
}

function fit() {
  at.fit = true;
  moved();
}

const larger = () => zoom(at.zoom * Math.SQRT2);
const smaller = () => zoom(at.zoom / Math.SQRT2);
const one = () => zoom(1);
export const keys = {
  "+": larger, "=": larger, "-": smaller, 0: fit, 1: one,
  ArrowLeft: () => pan(-FAR, 0), ArrowRight: () => pan(FAR, 0),
  ArrowUp: () => pan(0, -FAR), ArrowDown: () => pan(0, FAR),
};
for (const [id, work] of Object.entries({ in: larger, out: smaller, one, fit })) $(id).onclick = work;

const pointers = new Map(); // those that are down, and where they were last
/** The middle of the first and the last of them, which may be one, and how far apart they are. */
function hand() {
  const all = [...pointers.values()];
  const [first, last] = [all[0], all.at(-1)];
  const spread = Math.hypot(first.x - last.x, first.y - last.y);
  return { x: (first.x + last.x) / 2, y: (first.y + last.y) / 2, spread };
}
view.onpointerdown = (event) => {
  if (event.button !== 0) return;
  view.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, event);
};
view.onlostpointercapture = (event) => pointers.delete(event.pointerId);
view.onpointermove = (event) => {
  if (!pointers.has(event.pointerId)) return;
  const before = hand();
  pointers.set(event.pointerId, event);
  const now = hand();
  pan(before.x - now.x, before.y - now.y);
  if (before.spread) zoom((at.zoom * now.spread) / before.spread, now);
};
view.addEventListener("wheel", (event) => {
  event.preventDefault();
  const lines = event.deltaMode === 1 ? 24 : 1;
  zoom(at.zoom * Math.exp((-event.deltaY * lines) / 300), event);
}, { passive: false });
new ResizeObserver(moved).observe(view);
