/** The dial of realism, from the most faithful to the most realistic, and back to what is stored. */
import { $ } from "./panel.js";
import { turn } from "./source.js";

let stored = null; // of the file; null: there is none
let b = null; // null: as stored

/** Another file. @param {?number} value its realism, 0 to 1 */
export function set(value) {
  [stored, b] = [value, null];
  if (value === null) return void ($("b-value").value = "");
  $("mark").style.setProperty("--at", value);
  say();
}

function say() {
  const is = b === null ? String(Number(stored.toFixed(4))) : b.toFixed(2);
  $("b").value = b ?? stored;
  $("b-value").value = b === null ? `${is} (stored)` : is;
  $("b").setAttribute("aria-valuetext", b === null ? `${is}, as stored` : is);
  $("stored").disabled = b === null;
}

function to(wanted) {
  if (stored === null || $("b").disabled) return;
  const near = Math.min(1, Math.max(0, wanted));
  b = Math.abs(near - stored) < 0.005 ? null : Math.round(near * 100) / 100;
  say();
  turn(b ?? stored);
}

const by = (step) => to((b ?? stored) + step);
export const keys = { ",": () => by(-0.05), ".": () => by(0.05), r: () => to(stored) };
$("b").oninput = () => to($("b").valueAsNumber);
$("stored").onclick = () => {
  to(stored);
  $("b").focus(); // the button cannot be used any more
};
