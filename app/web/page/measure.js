// Four sliders with their fields, some flowers to try, and what the service says of the flower: at each
// moment one question is under way, and the latest flower waits.

import { post, Problem } from "./api.js";
import { byId, html } from "./elements.js";
import { dress } from "./flower.js";
import { colour, css, digits, FEATURES, percent, short, title, words } from "./names.js";
import { state, whenModel, whenRows } from "./state.js";

const LEAST = 0.1; // centimetres
const MOST = 30;
const STEP = 0.1;
const LEAST_PULL = 0.1; // of a score, that fills a bar
const MILLISECONDS_OF_REST = 250; // before it is asked why, and the prediction is read out
const MILLISECONDS_OF_TYPING = 400; // before it is said that what is typed is wrong
const MILLISECONDS_TO_RETRY = 2000;

const controls = FEATURES.map(control);
byId("sliders").append(...controls.map(({ row }) => row));

let asking = false;
let waiting = null;
let resting = null;
let retrying = null;

state.addEventListener("flower", follow);
whenModel(suit);
whenRows(offer);
follow();

function control(feature, index) {
  const field = html("input", { id: feature, type: "number", min: 0, max: MOST, step: "any", inputmode: "decimal", "aria-describedby": `${feature}-told` });
  const slider = html("input", { type: "range", min: LEAST, max: 10, step: STEP, "aria-label": `${title(feature)} in centimetres, slider` });
  const told = html("span", { id: `${feature}-told`, class: "problem" });
  let typing = null;
  const take = (value) => {
    clearTimeout(typing);
    if (value > 0 && value <= MOST) state.measure(state.flower.with(index, value));
    else typing = setTimeout(() => complain(index, value), MILLISECONDS_OF_TYPING);
  };
  field.addEventListener("input", () => take(field.valueAsNumber));
  field.addEventListener("keydown", (event) => {
    const step = { ArrowUp: STEP, ArrowDown: -STEP }[event.key];
    if (!step) return;
    event.preventDefault(); // else it would step by whole centimetres
    take(Math.max(LEAST, Math.round((state.flower[index] + step) * 100) / 100));
  });
  slider.addEventListener("input", () => take(slider.valueAsNumber));
  const row = html("div", { class: "slider" },
    html("label", { for: feature }, title(feature)), html("span", { class: "unit" }, field, " cm"), slider, told);
  return { row, field, slider, told };
}

/** Say at a field what is wrong with its value, in the words of the service where there is something to send. */
function complain(index, value) {
  if (Number.isNaN(value)) mark(index, "Enter a number of centimetres.");
  else ask(state.flower.with(index, value));
}

function mark(index, message) {
  const { field, told } = controls[index];
  told.textContent = message;
  if (message) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}

/** Show the flower, and ask about it. */
function follow() {
  controls.forEach(({ field, slider }, index) => {
    const value = state.flower[index];
    if (field.valueAsNumber !== value) field.value = value;
    if (value > slider.max) scale(index, Math.min(Math.ceil(value), MOST));
    slider.value = value;
  });
  ask(state.flower);
}

/** Have a slider reach so far, its coloured part being what the network has learned from. */
function scale(index, most) {
  const { slider } = controls[index];
  slider.max = most;
  const [lowest, highest] = state.model?.card.feature_ranges[FEATURES[index]] ?? [LEAST, LEAST];
  for (const [end, value] of [["--from", lowest], ["--to", highest]]) {
    const share = (value - LEAST) / (most - LEAST); // of the way that the middle of the thumb can go
    slider.style.setProperty(end, `calc(${share} * (100% - 1.25rem) + 0.625rem)`);
  }
}

async function ask(flower) {
  if (asking) {
    waiting = flower;
    return;
  }
  asking = true;
  clearTimeout(retrying);
  const began = performance.now();
  try {
    show(await post("/predict", measurements(flower)), flower, performance.now() - began);
  } catch (problem) {
    refuse(problem, flower);
  } finally {
    asking = false;
    if (waiting) {
      const next = waiting;
      waiting = null;
      ask(next);
    }
  }
}

function measurements(flower) {
  return Object.fromEntries(FEATURES.map((feature, index) => [feature, flower[index]]));
}

function show({ species, confidence, scores, out_of_range: outside, model_version: version }, flower, milliseconds) {
  state.doubt(version);
  const names = order(scores);
  const best = names.indexOf(species);
  byId("species").textContent = short(species);
  byId("species").style.setProperty("--colour", css(colour(best)));
  bars(names, names.map((name) => scores[name]), best);
  controls.forEach(({ field }, index) => { if (field.valueAsNumber === flower[index]) mark(index, ""); });
  const warning = outside.length === 0 ? ""
    : `Not like any flower that it has learned from: ${outside.map(words).join(", ")}.`;
  byId("out-of-range").hidden = !warning;
  byId("out-of-range").textContent = warning;
  byId("took").textContent = `Answered in ${digits(milliseconds)} ms.`;
  byId("prediction").dataset.flower = flower.join(" ");
  dress(best);
  rest(() => {
    byId("spoken").textContent = `${short(species)}, confidence ${percent(confidence)}. ${warning}`;
    explain(flower);
  });
}

/** The species in the order of the network's outputs; an object would have names that are numbers first. */
function order(scores) {
  const known = state.model?.card.species ?? [];
  const names = Object.keys(scores);
  return known.length === names.length && known.every((name) => name in scores) ? known : names;
}

function rest(then) {
  clearTimeout(resting);
  resting = setTimeout(then, MILLISECONDS_OF_REST);
}

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

async function explain(flower) {
  const { explanation, confidence } = await post("/predict?explain=true", measurements(flower)).catch(() => ({}));
  if (!explanation || flower !== state.flower) return;
  const { contributions, baseline_score: before } = explanation;
  const most = Math.max(LEAST_PULL, ...Object.values(contributions).map(Math.abs));
  byId("why").hidden = false;
  byId("why-told").textContent = `The mean flower has a score of ${before.toFixed(3)} for it, yours ${confidence.toFixed(3)}. What each measurement adds on the way:`;
  byId("reasons").replaceChildren(...FEATURES.map((feature) => {
    const value = contributions[feature];
    const pull = html("i", { class: value < 0 ? "negative" : "" });
    pull.style.setProperty("--pull", value / most);
    return html("div", { class: "reason" }, words(feature),
      html("span", { class: "value" }, `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3)}`), html("span", { class: "pull" }, pull));
  }));
}

/** Show nothing that is not so any more. */
function refuse(problem, flower) {
  if (!(problem instanceof Problem)) throw problem;
  for (const { field, message } of problem.errors) {
    if (FEATURES.includes(field)) mark(FEATURES.indexOf(field), message);
  }
  byId("species").textContent = "–";
  byId("scores").replaceChildren();
  delete byId("scores").dataset.names;
  byId("out-of-range").hidden = true;
  byId("why").hidden = true;
  const told = problem.status === 422 ? "That is no flower that can be measured." : problem.message;
  byId("took").textContent = told;
  rest(() => { byId("spoken").textContent = [told, ...problem.errors.map(({ message }) => message)].join(" "); });
  if (problem.status !== 422) retrying = setTimeout(() => ask(flower), MILLISECONDS_TO_RETRY);
}

/** Fit the sliders to what the model has learned from. */
function suit() {
  controls.forEach((_, index) => {
    const [, highest] = state.model.card.feature_ranges[FEATURES[index]];
    scale(index, Math.min(MOST, Math.max(Math.ceil(1.3 * highest), Math.ceil(state.flower[index]))));
  });
  offer();
  follow();
}

/** Offer flowers of the model's table, and one unlike them. */
function offer() {
  const { card } = state.model;
  const specimens = state.rows?.specimens ?? [];
  const tried = card.species.slice(0, 6).flatMap((species) => {
    const found = specimens.find((row) => row.species === species && row.part === "test");
    return found ? [[short(species), found.features]] : [];
  });
  const [unsure] = specimens.toSorted((one, other) => one.confidence - other.confidence);
  if (unsure) tried.push(["a hard one", unsure.features]);
  tried.push(["a stranger", FEATURES.map((feature) => Math.min(MOST, Math.round(13 * card.feature_ranges[feature][1]) / 10))]);
  byId("examples").replaceChildren(...tried.map(([name, features]) =>
    html("button", { type: "button", onclick: () => state.measure(features) }, name)));
}
