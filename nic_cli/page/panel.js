/** What the page says: a status, an error, that it is at work, and what a file says of itself. */

export const $ = (id) => document.getElementById(id);

export const tell = (text) => void ($("status").value = text);
export const busy = (is) => $("view").setAttribute("aria-busy", String(is));

/** @param {?Error} error null: what went wrong does not matter any more. */
export function fail(error) {
  $("error").hidden = !error;
  $("error").textContent = error?.message ?? "";
  if (error) tell("");
}

/** Whether there is a picture to be turned and zoomed. */
export function enable(is) {
  for (const id of ["b", "stored", "out", "in", "one", "fit"]) $(id).disabled = !is;
}

/** Show or hide what is there in some cases: several files, an original, files that are opened here. */
export function reveal(kind, is) {
  for (const part of document.querySelectorAll(`.${kind}`)) part.hidden = !is;
}

/** @param {Object<string, string>} said texts by their titles. */
export function detail(said) {
  const parts = Object.entries(said).flatMap(([title, text]) => [["dt", title], ["dd", text]]);
  const made = parts.map(([tag, text]) => Object.assign(document.createElement(tag), { textContent: text }));
  $("rows").replaceChildren(...made);
}

function toggle() {
  $("details").hidden = !$("details").hidden;
  $("told").setAttribute("aria-expanded", String(!$("details").hidden));
}
$("told").onclick = toggle;
export const keys = { i: toggle };
