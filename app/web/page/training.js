// Asking for a run, and watching it: progress and curves as the service tells them, and what came of it.

import { administer, administerJson, get } from "./api.js";
import { draw } from "./charts.js";
import { byId, everyFrame, html } from "./elements.js";
import { percent } from "./names.js";
import { complain, prepare, recipe } from "./recipe.js";
import { state } from "./state.js";
import { list, table } from "./tables.js";
import { promote } from "./versions.js";

const MILLISECONDS_BETWEEN_LOOKS = 200;
const LOOKS = 15; // until this worker serves what another one has made current

const button = byId("start");
const cancel = byId("cancel");
let watched = null; // {id, source, scores}

byId("recipe").addEventListener("submit", (event) => {
  event.preventDefault();
  start();
});
byId("recipe").addEventListener("reset", () => complain([]));
cancel.addEventListener("click", end);
const paint = everyFrame(curves);

Promise.all([prepare(), list()]).then(resume, (problem) => { byId("recipe-told").textContent = problem.message; });

/** Watch the run that goes on already, if there is one. */
async function resume() {
  const runs = await get("/train?limit=5").catch(() => []);
  const going = runs.find(({ status }) => status === "running") ?? runs.find(({ status }) => status === "queued");
  if (going) watch(going);
  else if (runs.length) curves((await get(`/train/${runs[0].id}`)).history);
}

async function start() {
  const told = byId("recipe-told");
  told.textContent = "";
  complain([]);
  button.disabled = true;
  try {
    watch(await administerJson("/train?wait=0", { ...recipe(), dataset: table() }));
  } catch (problem) {
    button.disabled = false;
    const strange = complain(problem.errors ?? []);
    told.textContent = [problem.message, ...strange].join(" ");
    byId("recipe").querySelector("[aria-invalid]")?.focus();
  }
}

async function end() {
  cancel.disabled = true;
  try {
    await administer(`/train/${watched.id}`, { method: "DELETE" });
  } catch (problem) {
    if (problem.status !== 409) byId("recipe-told").textContent = problem.message; // it was just about to end
  }
}

function watch(run) {
  watched?.source.close();
  const source = new EventSource(`/train/${run.id}/events`);
  watched = { id: run.id, source, scores: [] };
  button.disabled = true;
  cancel.disabled = false;
  byId("verdict").replaceChildren();
  tell(run.status === "queued" ? "Waiting for its turn …" : "Training …", run.progress);
  const { scores } = watched;
  paint(scores);
  source.addEventListener("progress", ({ data, lastEventId }) => {
    const found = JSON.parse(data);
    scores.length = Number(lastEventId) - found.scores.length; // told once more after a break
    scores.push(...found.scores);
    const { epoch, epochs } = found.progress;
    tell(`Epoch ${epoch} of at most ${epochs}`, found.progress);
    paint(scores);
  });
  source.addEventListener("finished", ({ data }) => {
    source.close();
    finish(JSON.parse(data), scores);
  });
}

function tell(text, { epoch, epochs }) {
  byId("progress-told").textContent = text;
  const bar = byId("progress");
  bar.max = epochs;
  bar.value = epoch;
}

async function finish(run, scores) {
  button.disabled = false;
  cancel.disabled = true;
  tell(`The run has ${run.status === "succeeded" ? "ended" : run.status === "failed" ? "failed" : "been cancelled"}.`,
    run.status === "succeeded" ? { epoch: 1, epochs: 1 } : run.progress);
  paint(scores);
  if (run.promoted) await serve(run.model_version);
  verdict(run);
  document.dispatchEvent(new Event("run-ended"));
}

/** Wait until the worker that answers serves the new model, so that the page never goes back. */
async function serve(version) {
  for (let look = 0; look < LOOKS && state.model?.version !== version; look++) {
    await state.refresh().catch(() => {});
    if (state.model?.version !== version) await new Promise((resolve) => { setTimeout(resolve, MILLISECONDS_BETWEEN_LOOKS); });
  }
}

function verdict(run) {
  const word = { failed: "Failed", cancelled: "Cancelled" }[run.status] ?? (run.promoted ? "Promoted" : "Not promoted");
  const parts = [html("p", { class: run.promoted ? "promoted" : "refused" }, html("strong", {}, word), ` ${run.reason}`)];
  if (run.evaluation) parts.push(html("p", {}, `Testing accuracy ${percent(run.evaluation.test.accuracy)} on ${run.evaluation.test.rows} rows.`));
  const crossed = run.evaluation?.cross_validation;
  if (crossed) {
    parts.push(html("p", {}, `Cross-validation: ${percent(crossed.mean)}, 95 % interval ${crossed.interval.map(percent).join(" to ")}.`));
  }
  if (run.model_version && !run.promoted) {
    parts.push(html("button", { type: "button", onclick: () => promote(run.model_version) }, "Make it current all the same"));
  }
  byId("verdict").replaceChildren(...parts);
}

/** Loss and accuracy by epoch; those of several starts one after the other. */
function curves(scores) {
  const epochs = scores.map((_, index) => index + 1);
  const traces = (measure) => ["training", "validation"].map((part, index) => ({
    name: part, x: epochs, y: scores.map((score) => score[`${part}_${measure}`]), mode: "lines",
    line: { color: ["#7a5cf0", "#e8941a"][index], width: 2 },
  }));
  byId("loss").dataset.epochs = scores.length;
  const last = scores.at(-1);
  byId("curves-title").textContent = last ? "How it learned" : "Nothing has been learned yet";
  for (const [name, range] of [["loss", "tozero"], ["accuracy", [0, 1.03]]]) {
    draw(byId(name), traces(name), { x: "epoch", y: name, range }).catch(() => {});
    byId(name).setAttribute("aria-label", last ? `After ${scores.length} epochs: training ${name} ${last[`training_${name}`].toFixed(4)},`
      + ` validation ${name} ${last[`validation_${name}`].toFixed(4)}` : `No curve of ${name} yet`);
  }
}
