/** The page around <nic-image>: files that are dropped or opened, the dial of realism, what the file says. */
import "./nic-image.js";

const [picture, view, dial, drop, status, choose, input, files] = [
  "picture", "view", "b", "drop", "status", "choose", "file", "files",
].map((id) => document.getElementById(id));
document.getElementById("served").hidden = true; // scripts of this kind run nowhere else
drop.hidden = false;
const held = [];
let started = 0;

function open(list) {
  const first = held.length;
  for (const file of list) {
    held.push(file);
    files.add(new Option(file.name, String(held.length - 1)));
  }
  if (held.length === first) return;
  files.hidden = held.length < 2;
  show(first);
}

function show(number) {
  const file = held[number];
  files.value = String(number);
  document.getElementById("name").textContent = file.name;
  document.title = `${file.name} – nic`;
  for (const id of ["controls", "error"]) document.getElementById(id).hidden = true;
  drop.hidden = true;
  picture.hidden = false;
  picture.setAttribute("alt", file.name);
  picture.b = undefined;
  status.textContent = "Decoding";
  started = performance.now();
  picture.file = file;
}

function say(b) {
  dial.value = b;
  document.getElementById("b-value").value = Number(b).toFixed(2);
}

function turn(b) {
  started = performance.now();
  say(Math.min(1, Math.max(0, b)));
  picture.b = dial.value;
}

function rows(said) {
  const list = document.getElementById("rows");
  list.replaceChildren();
  for (const [key, value] of Object.entries(said)) {
    const [term, detail] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = key;
    detail.textContent = value;
    list.append(term, detail);
  }
}

picture.addEventListener("progress", ({ detail }) => {
  status.textContent = `Fetching the model, ${Math.round(100 * detail.share)} %`;
});
picture.addEventListener("load", ({ detail: said }) => {
  document.getElementById("controls").hidden = false;
  say(said.b);
  document.getElementById("mark").style.setProperty("--at", said.b);
  picture.style.setProperty("--width", `${said.width}px`);
  const file = held[Number(files.value)];
  rows({
    Picture: `${said.width} × ${said.height}, ${said.channels === 1 ? "grey" : "RGB"}, ${said.bitDepth} bit${said.alpha ? ", alpha" : ""}`,
    Size: file ? `${file.size.toLocaleString("en")} bytes, ${((8 * file.size) / said.width / said.height).toFixed(3)} bits per pixel` : "",
    Quality: `q ${Number(said.q.toFixed(4))}`,
    Realism: `b ${Number(said.b.toFixed(4))}`,
    Model: `${said.model} (id ${said.modelId})`,
    Tiles: said.tiles,
    Colours: said.wide ? "in a space of its own, as the browser shows it" : "sRGB",
    Format: said.version,
  });
});
picture.addEventListener("draw", ({ detail }) => {
  if (detail.full) status.textContent = `Decoded in ${((performance.now() - started) / 1000).toFixed(2)} s, in this browser`;
});
picture.addEventListener("error", ({ detail }) => {
  const error = document.getElementById("error");
  error.textContent = `${picture.getAttribute("alt") ?? "the file"}: ${detail.message}`;
  error.hidden = false;
  status.textContent = "";
  picture.hidden = true;
  drop.hidden = false;
});

dial.addEventListener("input", () => turn(Number(dial.value)));
document.getElementById("stored").addEventListener("click", () => turn(picture.header.b));
document.getElementById("one").addEventListener("click", ({ currentTarget: button }) => {
  const pressed = view.classList.toggle("one");
  button.setAttribute("aria-pressed", String(pressed));
});
document.getElementById("told").addEventListener("click", ({ currentTarget: button }) => {
  const details = document.getElementById("details");
  details.hidden = !details.hidden;
  button.setAttribute("aria-expanded", String(!details.hidden));
});
document.getElementById("save").addEventListener("click", async () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await picture.toBlob());
  link.download = picture.getAttribute("alt").replace(/(\.nic)?$/i, ".png");
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
});
choose.addEventListener("click", () => input.click());
input.addEventListener("change", () => {
  open(input.files);
  input.value = "";
});
files.addEventListener("change", () => show(Number(files.value)));
for (const name of ["dragover", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    view.classList.toggle("over", name === "dragover");
    if (name === "drop") open(event.dataTransfer.files);
  });
}
document.addEventListener("dragleave", () => view.classList.remove("over"));
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || /^(SELECT|INPUT)$/.test(event.target.tagName)) return;
  const keys = {
    o: () => choose.click(),
    1: () => document.getElementById("one").click(),
    i: () => document.getElementById("told").click(),
    r: () => document.getElementById("stored").click(),
    ",": () => turn(Number(dial.value) - 0.05),
    ".": () => turn(Number(dial.value) + 0.05),
  };
  const alone = event.key === "o" || !document.getElementById("controls").hidden;
  if (keys[event.key] && alone) {
    event.preventDefault();
    keys[event.key]();
  }
});
const asked = new URL(location.href).searchParams.get("file");
if (asked) {
  fetch(new URL(asked, location.href))
    .then(async (answer) => {
      if (!answer.ok) throw new Error(`the server says ${answer.status}`);
      open([new File([await answer.blob()], asked.split("/").pop())]);
    })
    .catch((error) => {
      const line = document.getElementById("error");
      line.textContent = `${asked}: ${error.message}`;
      line.hidden = false;
    });
}
