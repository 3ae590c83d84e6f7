// Four sliders with their fields, some flowers to try, and what the service says of the flower: at each
// moment one question is under way, and the latest flower waits.

import { get, post, Problem } from "./api.js";
import { byId, html } from "./elements.js";
import { dress } from "./flower.js";
import { colour, css, digits, FEATURES, percent, short, title, words } from "./names.js";
import { state, whenModel } from "./state.js";

const LEAST = 0.1; // centimetres
const MOST = 30;
const LEAST_PULL = 0.1; // of a score, that fills a bar
const MILLISECONDS_OF_REST = 250; // before it is asked why, and the prediction is read out

const controls = FEATURES.map(control);
byId("sliders").append(...controls.map(({ row }) => row));
state.addEventListener("flower", follow);
whenModel(suit);

let asking = false;
let waiting = null;
let resting = null;
follow();

function control(feature, index) {
  const field = html("input", { id: feature, type: "number", min: LEAST, max: MOST, step: 0.1, inputmode: "decimal", "aria-describedby": `${feature}-told` });
  const slider = html("input", { type: "range", min: LEAST, max: 10, step: 0.1, "aria-label": `${title(feature)} in centimetres, slider` });
  const told = html("span", { id: `${feature}-told`, class: "problem" });
  const measured = ({ target }) => {
    const value = target.valueAsNumber;
    tell(told, field, Number.isNaN(value) ? "Enter a number of centimetres." : "");
    if (!Number.isNaN(value)) state.measure(state.flower.with(index, value));
  };
  field.addEventListener("input", measured);
  slider.addEventListener("input", measured);
  const row = html("div", { class: "slider" },
    html("label", { for: feature }, title(feature)), html("span", { class: "unit" }, field, " cm"), slider, told);
  return { row, field, slider, told };
}

function tell(place, field, message) {
  place.textContent = message;
  if (message) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}

/** Show the flower, and ask about it. */
function follow() {
  controls.forEach(({ field, slider }, index) => {
    const value = state.flower[index];
    if (field.valueAsNumber !== value) field.value = Math.round(value * 1000) / 1000;
    slider.max = Math.max(Number(slider.max), Math.min(Math.ceil(value), MOST));
    slider.value = value;
  });
  if (asking) waiting = state.flower;
  else ask(state.flower);
}

async function ask(flower) {
  asking = true;
  const began = performance.now();
  try {
    const prediction = await post("/predict", measurements(flower));
    show(prediction, flower, performance.now() - began);
  } catch (problem) {
    refuse(problem);
  } finally {
    asking = false;
    if (waiting) {
      const next = waiting;
      waiting = null;
      ask(next);
    }
  }
}

function show({ species, confidence, scores, out_of_range: outside, model_version: version }, flower, milliseconds) {
  state.serve(version).catch(() => {}); // the next answer names it again
  const names = Object.keys(scores);
  const best = names.indexOf(species);
  byId("species").textContent = short(species);
  byId("species").style.setProperty("--colour", css(colour(best)));
  bars(names, Object.values(scores), best);
  for (const { told, field } of controls) tell(told, field, "");
  const warning = byId("out-of-range");
  warning.hidden = outside.length === 0;
  warning.textContent = warn(outside);
  byId("took").textContent = `Answered in ${digits(milliseconds)} ms.`;
  byId("prediction").dataset.flower = flower.join(" ");
  dress(best);
  clearTimeout(resting);
  resting = setTimeout(() => {
    byId("spoken").textContent = `${short(species)}, confidence ${percent(confidence)}. ${warn(outside)}`;
    explain(flower);
  }, MILLISECONDS_OF_REST);
}

async function explain(flower) {
  const { explanation } = await post("/predict?explain=true", measurements(flower)).catch(() => ({}));
  if (!explanation || flower !== state.flower) return;
  const { contributions } = explanation;
  const most = Math.max(LEAST_PULL, ...Object.values(contributions).map(Math.abs));
  byId("why").hidden = false;
  byId("reasons").replaceChildren(...FEATURES.map((feature) => {
    const value = contributions[feature];
    const pull = html("i", { class: value < 0 ? "negative" : "" });
    pull.style.setProperty("--pull", value / most);
    return html("div", { class: "reason" }, words(feature),
      html("span", { class: "value" }, `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3)}`), html("span", { class: "pull" }, pull));
  }));
}

function measurements(flower) {
  return Object.fromEntries(FEATURES.map((feature, index) => [feature, flower[index]]));
}

const warn = (outside) => outside.length === 0 ? ""
  : `Not like any flower that it has learned from: ${outside.map(words).join(", ")}.`;

function bars(names, scores, best) {
  const list = byId("scores");
  if (list.dataset.names !== names.join()) {
    list.dataset.names = names.join();
    list.replaceChildren(...names.map((name, index) => {
      const bar = html("div", { class: "score" },
        html("span", { class: "name" }, short(name)), html("span", { class: "bar" }, html("i")), html("span", { class: "value" }));
      bar.style.setProperty("--colour", css(colour(index)));
      return bar;
    }));
  }
  [...list.children].forEach((bar, index) => {
    bar.classList.toggle("best", index === best);
    bar.style.setProperty("--score", scores[index]);
    bar.lastChild.textContent = scores[index].toFixed(3);
  });
}

function refuse(problem) {
  if (!(problem instanceof Problem)) throw problem;
  for (const { field, message } of problem.errors) {
    const at = FEATURES.indexOf(field);
    if (at >= 0) tell(controls[at].told, controls[at].field, message);
  }
  byId("species").textContent = "–";
  byId("took").textContent = problem.errors.length ? "That is no flower that can be measured." : problem.message;
}

/** Fit the sliders to what the model has learned from, and offer flowers of its table. */
async function suit() {
  const { version, card } = state.model;
  const ranges = FEATURES.map((feature) => card.feature_ranges[feature]);
  controls.forEach(({ slider }, index) => {
    const [lowest, highest] = ranges[index];
    const most = Math.min(MOST, Math.max(Math.ceil(1.3 * highest), Math.ceil(state.flower[index])));
    slider.max = most;
    for (const [end, value] of [["--from", lowest], ["--to", highest]]) {
      const share = (value - LEAST) / (most - LEAST); // of the way that the middle of the thumb can go
      slider.style.setProperty(end, `calc(${share} * (100% - 1.25rem) + 0.625rem)`);
    }
  });
  follow();
  const { specimens } = await get(`/models/${version}/rows`).catch(() => ({ specimens: [] }));
  if (version === state.model.version) offer(card, specimens);
}

function offer(card, specimens) {
  const tried = card.species.slice(0, 6).flatMap((species) => {
    const found = specimens.find((row) => row.species === species && row.part === "test");
    return found ? [[short(species), found.features]] : [];
  });
  const unsure = specimens.toSorted((one, other) => one.confidence - other.confidence)[0];
  if (unsure) tried.push(["a hard one", unsure.features]);
  tried.push(["a stranger", FEATURES.map((feature) => Math.round(13 * card.feature_ranges[feature][1]) / 10)]);
  byId("examples").replaceChildren(...tried.map(([name, features]) =>
    html("button", { type: "button", onclick: () => state.measure(features) }, name)));
}
