// The stored models: who served when, how good each is, two of them side by side, and the way back.

import { administer, get } from "./api.js";
import { CURVES, draw } from "./charts.js";
import { brokenLine } from "./curves.js";
import { byId, html } from "./elements.js";
import { confusion, numbers } from "./evaluation.js";
import { ago, percent, recipeInWords } from "./names.js";
import { state, whenModel } from "./state.js";

const SHOWN = 10;
const MILLISECONDS_BETWEEN_AGES = 60_000;

const cards = new Map(); // version -> its card, which never changes
const ticked = new Set(); // versions to compare, the one that was ticked last at the end
let all = false;
let asked = 0; // how often the list was: the last answer counts, whichever comes last

whenModel(list);
document.addEventListener("run-ended", list);
setInterval(list, MILLISECONDS_BETWEEN_AGES);
byId("all-versions").addEventListener("click", () => {
  all = true;
  list();
});

/** Make a version current. */
export async function promote(version) {
  byId("versions-told").textContent = "";
  try {
    await administer(`/models/${version}/promote`, { method: "POST" });
    await state.promoted(version);
    await list();
    byId(`compare-${version}`)?.focus(); // the button is gone
  } catch (problem) {
    byId("versions-told").textContent = problem.message;
  }
}

async function list() {
  const mine = ++asked;
  try {
    const { models, succession } = await get("/models");
    const shown = all ? models : models.slice(0, SHOWN);
    if (!shown.some(({ current }) => current)) shown.push(...models.filter(({ current }) => current));
    byId("all-versions").hidden = shown.length === models.length;
    byId("all-versions").textContent = `Show all ${models.length}`;
    const found = await Promise.all(shown.map(({ version }) => card(version)));
    if (mine !== asked) return;
    const reigns = Map.groupBy(succession, ({ version }) => version);
    const rows = shown.map((model, index) => row(model, found[index], reigns.get(model.version)));
    const [body] = byId("version-list").tBodies;
    const focused = document.activeElement?.id;
    body.replaceChildren(...rows);
    if (focused) byId(focused)?.focus();
  } catch (problem) {
    byId("versions-told").textContent = problem.message;
  }
}

/** The card of a version; null if it cannot be read, which may pass. */
async function card(version) {
  if (!cards.has(version)) {
    const model = await get(`/models/${version}`).catch(() => null);
    if (!model) return null;
    cards.set(version, model.card);
  }
  return cards.get(version);
}

function row({ version, created_at: made, current }, found, reigns) {
  const digest = version.split("-")[1];
  const tick = html("input", {
    id: `compare-${version}`, type: "checkbox", "aria-label": `Compare ${digest}`, checked: ticked.has(version), disabled: !found,
    onchange: ({ target }) => compare(version, target.checked),
  });
  const trained = html("time", { datetime: made, title: new Date(made).toLocaleString() }, ago(made));
  const cells = found
    ? [found.dataset.name, html("span", { class: "recipe" }, recipeInWords(found.hyperparameters)), percent(found.evaluation.test.accuracy)]
    : ["", "It cannot be read.", ""];
  const serves = current ? html("strong", {}, `now, ${since(reigns)}`) : html("span", {},
    html("button", { id: `promote-${version}`, type: "button", disabled: !found, "aria-label": `Make ${digest} current`, onclick: () => promote(version) }, "Make current"),
    reigns ? ` served ${ago(reigns[0].since)}` : "");
  return html("tr", { class: current ? "current" : null, "data-version": version },
    html("td", {}, tick), html("th", { scope: "row" }, trained, html("code", {}, digest.slice(0, 8))),
    ...cells.map((cell) => html("td", {}, cell)), html("td", {}, serves));
}

const since = (reigns) => (reigns ? `since ${ago(reigns[0].since)}`.replace("since just now", "just made so") : "");

/** Show two versions side by side: the last two that were ticked. */
async function compare(version, wanted) {
  ticked.delete(version);
  if (wanted) ticked.add(version);
  while (ticked.size > 2) {
    const [oldest] = ticked;
    ticked.delete(oldest);
    const box = byId(`compare-${oldest}`);
    if (box) box.checked = false;
  }
  byId("comparison").hidden = ticked.size < 2;
  if (ticked.size < 2) return;
  const versions = [...ticked];
  const runs = await Promise.all((await runsOf(versions)).map((id) => (id ? get(`/train/${id}`).catch(() => null) : null)));
  if (versions.join() !== [...ticked].join()) return; // others were ticked meanwhile
  byId("comparison-models").replaceChildren(...versions.map((each, index) => beside(each, "AB"[index], runs[index])));
  draw(byId("comparison-chart"), runs.flatMap((run, index) => (run ? [curve(run, "AB"[index], index)] : [])),
    { x: "epoch", y: "validation loss" });
}

/** The runs that made the versions, as far as they are on record. */
async function runsOf(versions) {
  const runs = await get("/train?limit=100").catch(() => []);
  return versions.map((version) => runs.find(({ model_version: made }) => made === version)?.id);
}

function curve({ history }, name, index) {
  return {
    name, mode: "lines", line: { color: CURVES[index], width: 2 }, ...brokenLine(history, (score) => score.validation_loss),
  };
}

function beside(version, name, run) {
  const { species, evaluation, hyperparameters, dataset } = cards.get(version);
  return html("div", {},
    html("h3", {}, `${name}: ${version.split("-")[1].slice(0, 8)}${run ? "" : ", whose run is not on record any more"}`),
    html("p", { class: "hint" }, `${dataset.name}; ${recipeInWords(hyperparameters)}`),
    html("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": `Right and wrong of ${name}` }, confusion(species, evaluation.test.confusion)),
    html("dl", { class: "numbers" }, ...numbers(evaluation.test)));
}
