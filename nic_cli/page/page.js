/**
 * The page of `nic view` and of `nic web`: its files, and its keys.
 *
 * Beside it lies a source.js, of the one or of the other, which has the pictures:
 *
 *   begin(add)          add(names): there are more files, of which the first is shown
 *   about(number)       a promise of what a file says: width, height, b, and rows to be read
 *   show(number, file)  show it, file being that, on the stage, in #nic
 *   turn(b)             show it at another realism
 *   clear()             show nothing
 *   keys                what it does at keys of its own
 */
import * as dial from "./dial.js";
import { $, detail, enable, fail, keys as own, reveal, tell } from "./panel.js";
import * as source from "./source.js";
import * as stage from "./stage.js";

const names = [];
let number = 0;
let picks = 0; // so far: what another one follows comes too late

async function add(more) {
  const first = names.length;
  names.push(...more);
  $("file").append(...more.map((name, i) => new Option(name, first + i)));
  reveal("several", names.length > 1);
  if (more.length) await pick(first);
}

async function pick(wanted) {
  number = (wanted + names.length) % names.length;
  const [mine, name] = [++picks, names[number]];
  source.clear();
  stage.put(null);
  dial.set(null);
  detail({});
  fail(null);
  tell("");
  $("controls").hidden = false;
  $("file").value = number;
  $("name").textContent = name;
  document.title = `${name} – nic`;
  $("view").setAttribute("aria-label", `Picture, ${name}`);
  const file = await source.about(number).catch((error) => void (mine === picks && fail(error)));
  if (mine !== picks) return;
  enable(Boolean(file));
  if (!file) return;
  stage.put(file);
  dial.set(file.b);
  detail(file.rows);
  source.show(number, file);
}

const step = (by) => names.length > 1 && pick(number + by);
$("previous").onclick = () => step(-1);
$("next").onclick = () => step(1);
$("file").onchange = () => pick(Number($("file").value));

const all = { ...stage.keys, ...dial.keys, ...own, n: () => step(1), p: () => step(-1), ...source.keys };
document.onkeydown = (event) => {
  const { key, target } = event;
  const keys = names.length ? all : source.keys;
  if (event.ctrlKey || event.metaKey || event.altKey || target.matches("select")) return;
  if (key.startsWith("Arrow") && (target.matches("input") || target.closest("#details"))) return;
  if (!Object.hasOwn(keys, key)) return;
  keys[key]();
  event.preventDefault();
};

$("served").hidden = true; // scripts of this kind run nowhere else
source.begin(add).catch(fail);
