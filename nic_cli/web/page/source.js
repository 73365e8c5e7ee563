/** The pictures of `nic web`: files that are dropped, opened, or named by ?file=, decoded in this page. */
import { parse } from "./decoder/container.js";
import { coloursOf } from "./colours.js";
import "./nic-image.js";
import { $, busy, enable, fail, reveal, tell } from "./panel.js";
import { place } from "./stage.js";

const files = [];
const picture = document.createElement("nic-image");
let started = 0;

export async function begin(add) {
  Object.assign(picture, { id: "picture", hidden: true }).setAttribute("live", "");
  $("nic").append(picture);
  $("drop").hidden = false;
  reveal("opening", true);
  const open = (list) => {
    files.push(...list);
    return add(Array.from(list, ({ name }) => name));
  };
  $("chosen").onchange = ({ target }) => {
    open(target.files);
    target.value = "";
  };
  document.ondragover = document.ondrop = (event) => {
    event.preventDefault();
    $("view").classList.toggle("over", event.type === "dragover");
    if (event.type === "drop") open(event.dataTransfer.files);
  };
  document.ondragleave = () => $("view").classList.remove("over");
  const asked = new URL(location.href).searchParams.get("file");
  if (asked) await open([await fetched(asked)]);
}

async function fetched(name) {
  const answer = await fetch(new URL(name, location.href)).catch(() => null);
  if (answer?.status === 404) throw new Error(`${name}: the server has no such file`);
  if (!answer?.ok) throw new Error(`${name}: the server says ${answer?.status ?? "nothing"}`);
  return new File([await answer.blob()], name.split("/").pop());
}

export async function about(number) {
  const file = files[number];
  try {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const { header, chunks } = parse(bytes);
    const { width, height, rgb, deep, q, b, model, modelId, tiles } = header;
    const size = (count) => `${count.toLocaleString("en")} bytes`;
    const alpha = chunks.get("ALPH");
    const rows = {
      picture: `${width} x ${height}, ${rgb ? "RGB" : "grey"}, ${deep ? 16 : 8} bit`,
      alpha: alpha ? size(alpha.length) : "none",
      size: `${size(file.size)}, ${((8 * file.size) / width / height).toFixed(3)} bits per pixel`,
      quality: `q ${Number((q / 4096).toPrecision(4))}`,
      realism: `b ${Number((b / 4096).toPrecision(4))}`,
      model: `${model} (id ${modelId})`,
      tiles: String(tiles.length),
      colours: chunks.has("cicp") ? "by their cicp" : coloursOf(header, chunks) ? "by their profile" : "sRGB",
      format: `${bytes[8] >> 4}.${bytes[8] & 15}`,
    };
    return { width, height, b: b / 4096, rows };
  } catch (error) {
    $("drop").hidden = false;
    throw new Error(`${file.name}: ${error.message}`);
  }
}

export function show(number, { width, height }) {
  const { name } = files[number];
  started = performance.now();
  fail(null); // of the one before, which came late
  tell("Decoding");
  busy(true);
  place(picture, { x: 0, y: 0, w: width, h: height });
  picture.hidden = false;
  $("drop").hidden = true;
  picture.setAttribute("alt", name);
  picture.b = undefined;
  picture.file = files[number];
}

export function turn(b) {
  started = performance.now();
  busy(true);
  tell(`Drawing b ${b.toFixed(2)}`);
  picture.b = b;
}

export function clear() {
  picture.hidden = $("save").disabled = true;
  busy(false);
}

async function save() {
  const link = document.createElement("a");
  const { b, alt, header } = picture;
  const at = b === header.b ? "" : `-b${b.toFixed(2)}`;
  tell("Saving");
  link.href = URL.createObjectURL(await picture.toBlob());
  link.download = alt.replace(/(\.nic)?$/i, `${at}.png`);
  link.click();
  tell(`Saved as ${link.download}`);
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

picture.addEventListener("progress", ({ detail }) => {
  if (!picture.hidden) tell(`Fetching the model, ${Math.round(100 * detail.share)} %`);
});
picture.addEventListener("draw", ({ detail }) => {
  if (!detail.full || picture.hidden) return; // the one before, which came to its end
  busy(false);
  $("save").disabled = false;
  tell(`Decoded in ${((performance.now() - started) / 1000).toFixed(2)} s, in this browser`);
});
picture.addEventListener("error", ({ detail }) => {
  clear();
  enable(false);
  $("drop").hidden = false;
  fail(new Error(`${picture.getAttribute("alt") ?? "the file"}: ${detail.message}`));
});
const choose = () => $("chosen").click();
$("choose").onclick = choose;
$("save").onclick = () => save().catch(fail);
export const keys = { o: choose };
