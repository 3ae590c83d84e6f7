// The tables to learn from: those that the service has, and files of one's own.

import { administer, get } from "./api.js";
import { byId, html } from "./elements.js";
import { short } from "./names.js";

const select = byId("table");
const drop = byId("drop");
const input = byId("file");

input.addEventListener("change", () => input.files.length && send(input.files[0]));
for (const name of ["dragover", "dragleave", "drop"]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", name === "dragover");
    if (name === "drop" && event.dataTransfer.files.length) send(event.dataTransfer.files[0]);
  });
}

/** The name of the table to learn from. */
export const table = () => select.value;

/** List the tables, and choose one. */
export async function list(chosen = select.value) {
  const tables = await get("/datasets");
  select.replaceChildren(...tables.map(({ name, rows, species, built_in: builtIn }) =>
    html("option", { value: name, selected: name === chosen },
      `${name}: ${rows} rows, ${Object.keys(species).length} species${builtIn ? " (built in)" : ""}`)));
}

async function send(file) {
  const told = byId("table-told");
  const name = nameOf(file.name);
  told.replaceChildren(`Sending ${file.name} …`);
  try {
    const found = await administer(`/datasets/${name}`, { method: "PUT", headers: { "Content-Type": "text/csv" }, body: file });
    const species = Object.entries(found.species).map(([each, rows]) => `${rows} ${short(each)}`);
    told.replaceChildren(`${name}: ${found.rows} rows, ${species.join(", ")}.`);
    await list(name);
  } catch (problem) {
    told.replaceChildren(html("p", { class: "problem" }, problem.message), problems(problem.errors ?? []));
  } finally {
    input.value = "";
  }
}

/** My Flowers (2).csv -> my-flowers-2: a name that the service takes. */
function nameOf(file) {
  const plain = file.replace(/\.[^.]*$/, "").toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-|-$/g, "");
  return plain.slice(0, 64) || "table";
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
