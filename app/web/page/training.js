// Asking for a run, and watching it: progress and curves as the service tells them, and what came of it.

import { administer, administerJson, get } from "./api.js";
import { beginCurves, showScores } from "./curves.js";
import { byId, html } from "./elements.js";
import { percent } from "./names.js";
import { complain, prepareForm, recipe } from "./recipe.js";
import { state } from "./state.js";
import { listTables, table } from "./tables.js";
import { promote } from "./versions.js";

const MILLISECONDS_BETWEEN_LOOKS = 3000;

const form = byId("recipe");
const start = byId("start");
const cancel = byId("cancel");
let asking = false;
let watched = null; // {id, source, scores, quarter} of the run that is shown while it goes on
let newest = null; // the id of the newest run that the page knows of

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!asking) train();
});
form.addEventListener("reset", () => complain([]));
cancel.addEventListener("click", end);
until(prepareForm).then(() => { start.disabled = false; });
until(listTables);
look();

/** Do it, again and again for as long as the service refuses. */
async function until(done) {
  try {
    await done();
  } catch (problem) {
    byId("recipe-told").textContent = problem.message;
    await new Promise((resolve) => { setTimeout(resolve, MILLISECONDS_BETWEEN_LOOKS); });
    await until(done);
    byId("recipe-told").textContent = "";
  }
}

/** Look for runs that others have begun, now and again. */
async function look() {
  const runs = await get("/train?limit=5").catch(() => []);
  const [latest] = runs;
  if (latest && latest.id !== newest && !watched && !asking) {
    const going = runs.find(({ status }) => status === "running") ?? runs.find(({ status }) => status === "queued");
    if (going) watch(going, "A run that was started elsewhere: ");
    else {
      if (newest === null) showLast(latest.id);
      newest = latest.id;
      document.dispatchEvent(new Event("run-ended"));
    }
  }
  setTimeout(look, MILLISECONDS_BETWEEN_LOOKS);
}

async function showLast(id) {
  const { history, kept } = await get(`/train/${id}`).catch(() => ({}));
  if (history && !watched) showScores(history, kept);
}

async function train() {
  byId("recipe-told").textContent = "";
  byId("verdict").replaceChildren();
  complain([]);
  asking = true;
  try {
    watch(await administerJson("/train?wait=0", { ...recipe(), dataset: table() || null }), "");
  } catch (problem) {
    const strange = complain(problem.errors ?? []);
    byId("recipe-told").textContent = [problem.message, ...strange].join(" ");
    form.querySelector("[aria-invalid]")?.focus();
  } finally {
    asking = false;
  }
}

async function end() {
  try {
    await administer(`/train/${watched.id}`, { method: "DELETE" });
  } catch (problem) {
    if (problem.status !== 409) byId("recipe-told").textContent = problem.message; // it was just about to end
  }
}

function watch(run, whose) {
  watched?.source.close();
  const source = new EventSource(`/train/${run.id}/events`);
  const mine = { id: run.id, source, scores: [], quarter: 0 };
  watched = mine;
  newest = run.id;
  cancel.disabled = false;
  byId("verdict").replaceChildren();
  beginCurves();
  tell(`${whose}${run.status === "queued" ? "Waiting for its turn …" : "Training …"}`, run.progress);
  announce("Training has been asked for.");
  source.addEventListener("progress", ({ data, lastEventId }) => {
    const { scores, progress } = JSON.parse(data);
    mine.scores.length = Number(lastEventId) - scores.length; // what is told once more after a break is not kept twice
    mine.scores.push(...scores);
    advance(mine, progress, whose);
  });
  source.addEventListener("finished", ({ data }) => finish(mine, JSON.parse(data)));
  source.addEventListener("error", () => { if (source.readyState === EventSource.CLOSED) ask(mine, whose); });
}

function advance(mine, progress, whose) {
  const { epoch, epochs } = progress;
  const what = epoch > mine.scores.length ? "Cross-validation, epoch" : "Epoch";
  tell(`${whose}${what} ${epoch} of at most ${epochs}`, progress);
  showScores(mine.scores);
  const quarter = Math.floor((4 * epoch) / epochs);
  if (quarter > mine.quarter) announce(`${25 * quarter} percent of the epochs are over.`);
  mine.quarter = quarter;
}

/** The service refused to tell of the run as it happens: ask how it is, and watch on. */
async function ask(mine, whose) {
  if (mine !== watched) return;
  try {
    const { history, ...run } = await get(`/train/${mine.id}`);
    mine.scores = history;
    if (run.finished_at) {
      finish(mine, run);
      return;
    }
    tell(`${whose}Training …`, run.progress);
    setTimeout(() => mine === watched && watch(run, whose), MILLISECONDS_BETWEEN_LOOKS);
  } catch (problem) {
    if (problem.status === 404) finish(mine, { status: "failed", reason: "The service does not know the run any more.", progress: { epoch: 0, epochs: 1 } });
    else setTimeout(() => ask(mine, whose), MILLISECONDS_BETWEEN_LOOKS);
  }
}

function tell(text, { epoch, epochs }) {
  byId("progress-told").textContent = text;
  const bar = byId("progress");
  bar.max = epochs;
  bar.value = epoch;
}

function announce(text) {
  byId("progress-spoken").textContent = text;
}

async function finish(mine, run) {
  mine.source.close();
  if (mine !== watched) return;
  watched = null;
  if (document.activeElement === cancel) start.focus(); // what is disabled loses the focus
  cancel.disabled = true;
  const word = { succeeded: "ended", failed: "failed", cancelled: "been cancelled" }[run.status];
  tell(`The run has ${word}.`, run.status === "succeeded" ? { epoch: 1, epochs: 1 } : run.progress);
  showScores(mine.scores, run.kept);
  if (run.promoted) await state.promoted(run.model_version).catch(() => {}); // who follows the model tells what is wrong
  byId("verdict").replaceChildren(...verdict(run));
  document.dispatchEvent(new Event("run-ended"));
}

function verdict({ status, promoted, reason, evaluation, model_version: version }) {
  const word = { failed: "Failed", cancelled: "Cancelled" }[status] ?? (promoted ? "Promoted" : "Not promoted");
  const parts = [html("p", { class: promoted ? "promoted" : "refused" }, html("strong", {}, word), ` ${reason}`)];
  if (evaluation) parts.push(html("p", {}, `Testing accuracy ${percent(evaluation.test.accuracy)} on ${evaluation.test.rows} rows.`));
  const crossed = evaluation?.cross_validation;
  if (crossed) {
    parts.push(html("p", {}, `Cross-validation: ${percent(crossed.mean)}, 95 % interval ${crossed.interval.map(percent).join(" to ")}.`));
  }
  if (version && !promoted) {
    parts.push(html("button", { type: "button", onclick: () => promote(version) }, "Make it current all the same"));
  }
  return parts;
}
