/** The original: in the picture's place, from the left up to a cut, or for as long as a key is down. */
import { $, reveal } from "./panel.js";

const LABELS = { nic: "Picture", original: "Original", split: "Original and picture" };
let ask = null; // for the original, of a file that has one
let [mode, held] = ["nic", false]; // held: the other side is looked at

/** Whether the original can be seen. */
export const isSeen = () => ask !== null && (mode !== "nic" || held);

/** Another file. @param {?() => void} asking for its original; null: there is none */
export function offer(asking) {
  ask = asking;
  $("sides").hidden = !ask;
  reveal("comparing", ask);
  if (!ask) [mode, held] = ["nic", false];
  show();
}

/** Not for now. */
export function close() {
  ask = null;
  $("sides").hidden = true;
  $("view").dataset.shown = "nic";
}

function show() {
  const shown = held ? (mode === "original" ? "nic" : "original") : mode;
  $("view").dataset.shown = shown; // page.css does the rest
  $("view").setAttribute("aria-label", `${LABELS[shown]}, ${$("name").textContent}`);
  for (const one of Object.keys(LABELS)) $(`show-${one}`).setAttribute("aria-pressed", String(one === mode));
  $("divide").disabled = mode !== "split";
  if (isSeen()) ask();
}

function choose(wanted) {
  if (!ask) return;
  mode = wanted;
  show();
}

function hold(down) {
  if (!ask || held === down) return;
  held = down;
  show();
}

function cut() {
  $("view").style.setProperty("--cut", $("divide").value);
}

function divide(by) {
  if (mode !== "split") return;
  $("divide").valueAsNumber += by;
  cut();
}

for (const one of Object.keys(LABELS)) $(`show-${one}`).onclick = () => choose(one);
$("divide").oninput = cut;
document.onkeyup = ({ key }) => key === "o" && hold(false);
addEventListener("blur", () => hold(false));
export const keys = {
  o: () => hold(true),
  s: () => choose(mode === "split" ? "nic" : "split"),
  "[": () => divide(-2),
  "]": () => divide(2),
};
