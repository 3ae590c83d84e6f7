// The form of a recipe, made from the description of the API: its fields, limits, defaults and words are
// those of POST /train, and no others.

import { get } from "./api.js";
import { byId, html } from "./elements.js";
import { title, words } from "./names.js";

const FIRST = ["hidden_layers", "activation", "output", "optimizer", "learning_rate", "epochs", "batch_size", "promote"];
const ELSEWHERE = ["dataset"];
const ABSENT = ""; // what a field holds whose value is none

const fields = new Map(); // name -> {input, read, told}

/** Make the form. */
export async function prepareForm() {
  const { components: { schemas } } = await get("/openapi.json");
  const properties = schemas.TrainingRequest.properties;
  for (const [name, property] of Object.entries(properties)) {
    if (ELSEWHERE.includes(name)) continue;
    const place = byId(FIRST.includes(name) ? "fields" : "more-fields");
    const nested = resolve(schemas, property).properties;
    if (nested) {
      for (const [inner, each] of Object.entries(nested)) add(place, `${name}.${inner}`, resolve(schemas, each));
    } else add(place, name, resolve(schemas, property));
  }
  for (const name of FIRST.toReversed()) byId("fields").prepend(fields.get(name).row);
}

/** A property without references, and what else than null it may be. */
function resolve(schemas, property) {
  const some = property.anyOf?.find(({ type }) => type !== "null") ?? property;
  const { $ref: reference } = some;
  const { description } = property;
  const found = reference ? schemas[reference.split("/").at(-1)] : some;
  return { ...found, ...property, ...(description && { description }), ...(!("default" in property) && { default: null }) };
}

function add(place, name, property) {
  const id = `recipe-${name}`;
  const input = control(id, name, property);
  const told = html("span", { id: `${id}-told`, class: "problem" });
  const hint = html("span", { id: `${id}-hint`, class: "hint" }, property.description ?? "");
  input.setAttribute("aria-describedby", `${id}-hint ${id}-told`);
  const label = html("label", { for: id }, title(name.replace(".", ": ")));
  const row = html("div", { class: `field ${property.type}` }, label, input, hint, told);
  place.append(row);
  fields.set(name, { row, input, told, property });
}

function control(id, name, property) {
  if (property.enum) {
    const names = property.default === null ? [ABSENT, ...property.enum] : property.enum;
    return html("select", { id }, ...names.map((value) =>
      html("option", { value, selected: value === property.default }, value === ABSENT ? "none" : words(value))));
  }
  if (property.type === "boolean") return html("input", { id, type: "checkbox", checked: property.default });
  if (property.type === "array") return html("input", { id, type: "text", value: property.default.join(", "), inputmode: "numeric" });
  const nested = name.includes(".");
  const lowest = property.minimum ?? property.exclusiveMinimum;
  return html("input", {
    id, type: "number", min: lowest, max: property.maximum ?? property.exclusiveMaximum,
    step: property.type === "integer" ? 1 : "any",
    value: nested || property.default === null ? ABSENT : property.default,
    placeholder: { seed: "drawn" }[name] ?? "none",
  });
}

/** The recipe as it stands in the form: a body of POST /train. */
export function recipe() {
  const body = {};
  for (const [name, field] of fields) {
    const value = read(field);
    if (value === null) continue;
    const [outer, inner] = name.split(".");
    if (inner) body[outer] = { ...body[outer], [inner]: value };
    else body[outer] = value;
  }
  return body;
}

/** What stands in a field; the service says what is wrong with it, and null if nothing stands there. */
function read({ input, property }) {
  if (property.type === "boolean") return input.checked;
  const text = input.value.trim();
  if (property.type === "array") return text === "" ? [] : text.split(/[\s,–-]+/).map(number);
  if (property.enum) return text === ABSENT ? null : text;
  if (input.validity.badInput) return "not a number";
  return text === "" ? null : number(text);
}

const number = (text) => (Number.isNaN(Number(text)) ? text : Number(text));

/** Show what is wrong with fields; of which there are none, is returned. */
export function complain(errors) {
  const strange = [];
  for (const { input, told } of fields.values()) {
    told.textContent = "";
    input.removeAttribute("aria-invalid");
  }
  for (const { field, message } of errors) {
    const found = fields.get(field) ?? fields.get(field.replace(/\[.*/, ""));
    if (!found) {
      strange.push(`${field}: ${message}`);
      continue;
    }
    found.told.textContent = message;
    found.input.setAttribute("aria-invalid", "true");
    found.input.closest("details")?.setAttribute("open", "");
  }
  return strange;
}
