"use strict";
const $ = id => document.getElementById(id);
const SCALES = [1, 2, 4, 8];
const QUICK = 320; // side of the square that is decoded before all of a picture that takes long
const LONG = 800000; // pixels from which on it does
const PAUSE = 60; // ms without a change of the slider, or of the view, before the server is asked
const view = $("view"), stage = $("stage");

let names = [], number = 0, file = null; // file: what the server says of the one that is shown
let b = null; // null: as stored
let at = {x: 0, y: 0, zoom: 1, fit: true}; // centre in pixels of the picture; device pixels for each of them
let mode = "nic", held = false; // held: the other side is looked at for as long as a key is down
let ended = false;

// -- what is asked of the server ------------------------------------------------------------------

async function get(path, signal) {
  const answer = await fetch(path, {signal});
  if (!answer.ok) throw new Error(await answer.text());
  return answer;
}

class Channel { // one image, and the requests for what it shows, of which one is on its way at a time
  constructor(img, side, steps, then) {
    Object.assign(this, {img, side, steps, then, dirty: false, running: false, long: false, asked: "", shown: ""});
  }
  clear() {
    this.stop?.abort();
    this.hide();
  }
  hide() {
    this.img.hidden = true;
    if (this.img.src) URL.revokeObjectURL(this.img.src);
    this.img.removeAttribute("src");
    this.shown = this.img.look = "";
  }
  ask() {
    this.dirty = true;
    if (this.long) this.stop.abort(); // what is short may come to its end, so that a slider that moves shows something
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
    busy();
  }
  async fetch(signal) {
    for (const [place, scale] of this.steps()) {
      const began = performance.now(), look = this.side.look(), address = this.side.address(place, scale), value = b ?? file.b;
      if (address === this.shown) continue;
      this.asked = address;
      this.long = isLong() && !(place && place.w <= QUICK && place.h <= QUICK);
      busy();
      const blob = await (await get(address, signal)).blob();
      const fresh = new Image();
      fresh.src = URL.createObjectURL(blob);
      await fresh.decode();
      if (signal.aborted) return URL.revokeObjectURL(fresh.src);
      this.hide();
      const w = fresh.naturalWidth * scale, h = fresh.naturalHeight * scale;
      Object.assign(this.img, {src: fresh.src, hidden: false, look, place: {x: place?.x ?? 0, y: place?.y ?? 0, w, h}});
      this.shown = address;
      this.side.settle();
      layout();
      fail(null);
      const seconds = ((performance.now() - began) / 1000).toFixed(2);
      if (this.side.id === "nic") tell(`b ${value.toFixed(2)}, ${place ? "a part" : "all"} in ${seconds} s`);
      if (this.dirty) return;
    }
    this.then?.();
  }
}

class Side { // one of the two pictures: the whole, perhaps smaller, and over it a part that is sharper or newer
  constructor(id) {
    this.id = id;
    const [base, part] = $(id).querySelectorAll("img");
    this.base = new Channel(base, this, () => [[null, file.scale]]);
    this.part = new Channel(part, this, () => this.parts(), () => this.complete());
    this.channels = [this.base, this.part];
  }
  clear() { for (const channel of this.channels) channel.clear(); }
  look() { return this.id === "nic" ? `b=${b ?? file.b}` : ""; } // what makes two pictures of one place differ
  address(place, scale) {
    const crop = place ? `&crop=${place.x},${place.y},${place.w},${place.h}` : "";
    return `${number}/${this.id === "nic" ? "picture" : "original"}?${this.look()}${crop}&scale=${scale === 1 ? 1 : `1/${scale}`}`;
  }
  isWhole() { return this.base.shown === this.address(null, file.scale); }
  parts() { // those to be asked for, in that order: what can be seen, where the whole is not as sharp or takes long
    const seen = visible(), scale = scaleFor(at.zoom, seen), steps = [];
    if (!seen.w || !seen.h) return [];
    if (this.id === "nic" && isLong() && !this.isWhole() && this.part.img.look !== this.look()) steps.push([middle(seen), 1]);
    const little = 2 * seen.w * seen.h < file.width * file.height;
    if (scale < file.scale || (isLong() && little && !this.isWhole())) steps.push([seen, scale]);
    return steps;
  }
  settle() { // a part in whose place the whole is as sharp, or which shows another b, is in the way
    if (this.isWhole() && (file.scale === 1 || this.part.img.look !== this.look())) this.part.hide();
  }
  isComing() { return this.base.running && this.base.asked === this.address(null, file.scale); }
  complete() { if (!this.isWhole() && !this.isComing()) this.base.ask(); }
  ask() {
    if (this.base.long && !this.isComing()) this.base.stop.abort();
    this.part.ask();
  }
}
const sides = {nic: new Side("nic"), original: new Side("original")};
function isLong() { return file.width * file.height > LONG; }

const waiting = {};
function later(name, work) {
  clearTimeout(waiting[name]);
  waiting[name] = setTimeout(work, PAUSE);
}
function refresh() {
  sides.nic.ask();
  if (file.original && (mode !== "nic" || held || sides.original.base.shown)) sides.original.ask();
}

function visible() { // the part of the picture that can be seen, on whole squares of 8 pixels
  const {width, height} = file, half = {x: device(view.clientWidth) / at.zoom / 2, y: device(view.clientHeight) / at.zoom / 2};
  const x = Math.max(0, Math.floor((at.x - half.x) / 8) * 8), y = Math.max(0, Math.floor((at.y - half.y) / 8) * 8);
  const right = Math.min(width, Math.ceil((at.x + half.x) / 8) * 8), bottom = Math.min(height, Math.ceil((at.y + half.y) / 8) * 8);
  return {x, y, w: Math.max(0, right - x), h: Math.max(0, bottom - y)};
}
function middle(seen) {
  const w = Math.min(QUICK, seen.w || file.width), h = Math.min(QUICK, seen.h || file.height);
  return {x: Math.round(seen.x + (seen.w - w) / 2), y: Math.round(seen.y + (seen.h - h) / 2), w, h};
}
function scaleFor(zoom, seen) { // the smallest version that has a pixel for each of the screen
  let scale = SCALES.findLast(one => one === 1 || one * zoom <= 1);
  while (seen.w * seen.h > file.most * scale * scale && scale < 8) scale *= 2;
  return scale;
}

// -- where it stands on the screen -----------------------------------------------------------------

function device(css) { return css * devicePixelRatio; }
function fitted() { return Math.min(1, device(view.clientWidth) / file.width, device(view.clientHeight) / file.height); }

function layout() {
  if (!file) return;
  if (at.fit) Object.assign(at, {x: file.width / 2, y: file.height / 2, zoom: fitted()});
  const css = at.zoom / devicePixelRatio;
  const room = view.getBoundingClientRect(); // it may begin between two pixels of the screen, the picture must not
  const left = Math.round(device(room.x + view.clientWidth / 2) - at.x * at.zoom) / devicePixelRatio - room.x;
  const top = Math.round(device(room.y + view.clientHeight / 2) - at.y * at.zoom) / devicePixelRatio - room.y;
  Object.assign(stage.style, {left: `${left}px`, top: `${top}px`, width: `${file.width * css}px`, height: `${file.height * css}px`});
  stage.classList.toggle("pixels", at.zoom >= 2);
  for (const side of Object.values(sides)) {
    for (const {img} of side.channels) {
      if (img.hidden) continue;
      const {x, y, w, h} = img.place;
      Object.assign(img.style, {left: `${x * css}px`, top: `${y * css}px`, width: `${w * css}px`, height: `${h * css}px`});
    }
  }
  const shown = held ? (mode === "original" ? "nic" : "original") : mode, divided = $("divide").value / 100 * view.clientWidth;
  $("original").hidden = shown === "nic";
  $("original").style.clipPath = shown === "split" ? `inset(0 ${file.width * css - (divided - left)}px 0 0)` : "none";
  $("cut").hidden = shown !== "split";
  $("cut").style.left = `${divided - 1}px`;
  $("zoom").value = `${(100 * at.zoom).toFixed(at.zoom < 0.1 ? 1 : 0)} %`;
  view.setAttribute("aria-label", `${shown === "split" ? "Original and picture" : shown === "original" ? "Original" : "Picture"}, ${names[number]}`);
}
function moved() {
  at.x = Math.min(file.width, Math.max(0, at.x));
  at.y = Math.min(file.height, Math.max(0, at.y));
  layout();
  later("view", () => { if (file && (file.scale > 1 || !sides.nic.isWhole())) refresh(); });
}
function pan(x, y) { // CSS pixels
  if (!file) return;
  at.fit = false;
  at.x += device(x) / at.zoom;
  at.y += device(y) / at.zoom;
  moved();
}
function zoom(to, x = view.clientWidth / 2, y = view.clientHeight / 2) { // what lies at x, y stays there
  if (!file) return;
  const before = at.zoom, least = Math.min(fitted(), 1 / 16);
  at.fit = false;
  at.zoom = Math.min(32, Math.max(least, to));
  const away = {x: device(x - view.clientWidth / 2), y: device(y - view.clientHeight / 2)};
  at.x += away.x / before - away.x / at.zoom;
  at.y += away.y / before - away.y / at.zoom;
  moved();
}
function fit() {
  at.fit = true;
  if (file) moved();
}

// -- what is said ----------------------------------------------------------------------------------

function tell(text) { $("status").value = text; }
function busy() {
  const is = Object.values(sides).some(side => side.channels.some(channel => channel.running));
  view.setAttribute("aria-busy", String(is));
  if (is && !sides.nic.channels.some(channel => channel.shown)) tell("decoding …");
}
function fail(error) {
  if (ended && error === null) return;
  $("error").hidden = error === null;
  $("error").textContent = error === null ? "" : error.message;
  if (error) tell("");
}
function dial() {
  const value = b ?? file.b;
  $("b").value = value;
  $("b-value").value = b === null ? `${Number(value.toFixed(4))} (stored)` : value.toFixed(2);
  $("b").setAttribute("aria-valuetext", b === null ? `${Number(value.toFixed(4))}, as stored` : value.toFixed(2));
  $("stored").disabled = b === null;
}
function turn(to) {
  if (!file) return;
  to = Math.min(1, Math.max(0, to));
  b = Math.abs(to - file.b) < 0.005 ? null : Math.round(to * 100) / 100;
  dial();
  later("b", () => { if (file) sides.nic.ask(); });
}
function show(wanted) {
  if (!file?.original) return;
  mode = wanted;
  for (const one of ["nic", "original", "split"]) $(`show-${one}`).setAttribute("aria-pressed", String(one === mode));
  $("divide").disabled = mode !== "split";
  layout();
  if (mode !== "nic") sides.original.ask();
}
function hold(down) {
  if (!file?.original || held === down) return;
  held = down;
  layout();
  if (held) sides.original.ask();
}
function details(open = $("details").hidden) {
  $("details").hidden = !open;
  $("told").setAttribute("aria-expanded", String(open));
  layout();
}

// -- files -----------------------------------------------------------------------------------------

async function pick(wanted) {
  number = (wanted + names.length) % names.length;
  file = null;
  for (const side of Object.values(sides)) side.clear();
  $("file").value = number;
  $("name").textContent = names[number];
  document.title = `${names[number]} – nic view`;
  fail(null);
  tell("");
  $("rows").replaceChildren();
  $("b-value").value = "";
  for (const part of ["sides", "cut", "original"]) $(part).hidden = true;
  const mine = number;
  let said;
  try {
    said = await (await get(`${mine}/about`)).json();
  } catch (error) {
    if (mine === number) fail(error);
  }
  for (const control of ["b", "stored", "out", "in", "one", "fit"]) $(control).disabled = !said;
  if (!said || mine !== number) return;
  file = said;
  b = null;
  $("mark").style.setProperty("--at", file.b);
  dial();
  for (const [term, text] of Object.entries(file.rows)) {
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = term;
    dd.textContent = text;
    $("rows").append(dt, dd);
  }
  $("sides").hidden = !file.original;
  for (const pair of document.querySelectorAll(".comparing")) pair.hidden = !file.original;
  if (!file.original) mode = "nic", held = false;
  if (file.width <= device(view.clientWidth) && file.height <= device(view.clientHeight)) fit();
  else { at = {x: file.width / 2, y: file.height / 2, zoom: 1, fit: false}; layout(); }
  sides.nic.base.img.alt = `${names[number]}, decoded`;
  sides.original.base.img.alt = `${file.original}, the original`;
  show(mode);
  sides.nic.ask();
}

// -- pointer and keys ------------------------------------------------------------------------------

view.onpointerdown = event => {
  if (event.button === 0) view.setPointerCapture(event.pointerId);
};
view.onpointermove = event => {
  if (view.hasPointerCapture(event.pointerId)) pan(-event.movementX, -event.movementY);
};
view.addEventListener("wheel", event => {
  event.preventDefault();
  const box = view.getBoundingClientRect(), lines = event.deltaMode === 1 ? 24 : 1;
  zoom(at.zoom * Math.exp(-event.deltaY * lines / 300), event.clientX - box.left, event.clientY - box.top);
}, {passive: false});
new ResizeObserver(() => { if (file) moved(); }).observe(view);

$("b").oninput = event => turn(event.target.valueAsNumber);
$("stored").onclick = () => { turn(file.b); $("b").focus(); };
$("out").onclick = () => zoom(at.zoom / Math.SQRT2);
$("in").onclick = () => zoom(at.zoom * Math.SQRT2);
$("one").onclick = () => zoom(1);
$("fit").onclick = fit;
$("divide").oninput = layout;
$("told").onclick = () => details();
$("previous").onclick = () => pick(number - 1);
$("next").onclick = () => pick(number + 1);
$("file").onchange = event => pick(Number(event.target.value));
for (const one of ["nic", "original", "split"]) $(`show-${one}`).onclick = () => show(one);

function divide(by) {
  if (mode !== "split") return;
  $("divide").valueAsNumber += by;
  layout();
}
const FAR = 80; // CSS pixels
const keys = {
  "+": () => zoom(at.zoom * Math.SQRT2), "=": () => zoom(at.zoom * Math.SQRT2), "-": () => zoom(at.zoom / Math.SQRT2),
  0: fit, 1: () => zoom(1),
  ",": () => turn((b ?? file.b) - 0.05), ".": () => turn((b ?? file.b) + 0.05), r: () => turn(file.b),
  o: () => hold(true), s: () => show(mode === "split" ? "nic" : "split"), "[": () => divide(-2), "]": () => divide(2),
  n: () => names.length > 1 && pick(number + 1), p: () => names.length > 1 && pick(number - 1), i: () => details(),
};
const always = ["n", "p", "i"]; // those that need no file
const arrows = {ArrowLeft: [-FAR, 0], ArrowRight: [FAR, 0], ArrowUp: [0, -FAR], ArrowDown: [0, FAR]};
document.onkeydown = event => {
  const {key, target} = event;
  if (event.ctrlKey || event.metaKey || event.altKey || target.matches("select")) return;
  if (arrows[key] && !target.matches("input") && !target.closest("#details")) pan(...arrows[key]);
  else if (Object.hasOwn(keys, key) && (file || always.includes(key))) keys[key]();
  else return;
  event.preventDefault();
};
document.onkeyup = event => { if (event.key === "o") hold(false); };
addEventListener("blur", () => hold(false));

// -- begin -----------------------------------------------------------------------------------------

const alive = new EventSource("alive");
alive.onerror = () => {
  if (alive.readyState === EventSource.OPEN) return;
  ended = true;
  fail(new Error("nic view has ended: start it again for more."));
};
alive.onopen = () => {
  if (!ended) return;
  ended = false;
  fail(null);
  if (file) refresh();
};

async function begin() {
  names = await (await get("files")).json();
  $("file").append(...names.map((name, i) => new Option(name, i)));
  $("files").hidden = names.length < 2;
  for (const pair of document.querySelectorAll(".several")) pair.hidden = names.length < 2;
  await pick(0);
  view.focus({preventScroll: true});
}
begin().catch(fail);
