// The tables to learn from: those that the service has, and files of one's own.

import { administer, get } from "./api.js";
import { byId, html } from "./elements.js";
import { short } from "./names.js";

const MOST_LETTERS = 64; // of a name

const select = byId("table");
const input = byId("file");
const told = byId("table-told");
let tables = [];

input.addEventListener("change", () => input.files.length && send(input.files[0]));
// Wherever a file is dropped: the browser would else leave the page to show it.
for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    byId("drop").classList.toggle("over", name === "dragover");
    if (name === "drop") send(event.dataTransfer.files[0]);
  });
}
select.addEventListener("change", offerToDelete);
byId("delete-table").addEventListener("click", remove);

/** The name of the table to learn from; empty as long as none are listed. */
export const table = () => select.value;

/** List the tables, and choose one. */
export async function listTables(chosen = select.value) {
  tables = await get("/datasets");
  select.replaceChildren(...tables.map(({ name, rows, species, built_in: builtIn }) =>
    html("option", { value: name, selected: name === chosen },
      `${name}: ${rows} rows, ${Object.keys(species).length} species${builtIn ? " (built in)" : ""}`)));
  offerToDelete();
}

function offerToDelete() {
  byId("delete-table").hidden = !tables.some(({ name, built_in: builtIn }) => name === table() && !builtIn);
}

async function remove() {
  const name = table();
  try {
    await administer(`/datasets/${name}`, { method: "DELETE" });
    await listTables();
    told.replaceChildren(`${name} is deleted.`);
    select.focus();
  } catch (problem) {
    told.replaceChildren(html("p", { class: "problem" }, problem.message));
  }
}

async function send(file) {
  const name = freeName(file.name);
  told.replaceChildren(`Sending ${file.name} …`);
  try {
    const response = await administer(`/datasets/${name}`, { method: "PUT", headers: { "Content-Type": "text/csv" }, body: file });
    const { rows, species } = await response.json();
    const counts = Object.entries(species).map(([each, count]) => `${count} ${short(each)}`);
    await listTables(name);
    told.replaceChildren(`${name}: ${rows} rows, ${counts.join(", ")}.`);
  } catch (problem) {
    told.replaceChildren(html("p", { class: "problem" }, problem.message), problems(problem.errors));
  } finally {
    input.value = "";
  }
}

/** My Flowers.csv -> my-flowers, or my-flowers-2 if there is one already: a name that the service takes. */
function freeName(file) {
  const plain = file.replace(/\.[^.]*$/, "").toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-|-$/g, "") || "table";
  for (let count = 1; ; count++) {
    const ending = count === 1 ? "" : `-${count}`;
    const name = plain.slice(0, MOST_LETTERS - ending.length) + ending;
    if (!tables.some((each) => each.name === name)) return name;
  }
}

function problems(errors) {
  if (errors.length === 0) return "";
  const place = (field) => {
    const [, row = "", column = ""] = field.match(/^(?:row (\d+))?(?:, )?(?:column (.*))?$/) ?? [];
    return [row, column];
  };
  return html("table", { class: "problems" },
    html("thead", {}, html("tr", {}, ...["Row", "Column", "Problem"].map((head) => html("th", { scope: "col" }, head)))),
    html("tbody", {}, ...errors.map(({ field, message }) =>
      html("tr", {}, ...[...place(field), message].map((cell) => html("td", {}, cell))))));
}
