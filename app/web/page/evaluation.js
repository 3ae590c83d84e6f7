// How good the model that serves is: where it is right and wrong, and whether it is as sure as it should be.

import { CURVES, draw } from "./charts.js";
import { byId, html } from "./elements.js";
import { percent, short } from "./names.js";
import { state, whenModel, whenRows } from "./state.js";

const BINS = 10;

byId("part").addEventListener("change", evaluate);
whenModel(evaluate);
whenRows(calibrate);

function evaluate() {
  const { species, evaluation } = state.model.card;
  const found = evaluation[byId("part").value];
  byId("confusion").replaceChildren(confusion(species, found.confusion));
  byId("by-species").replaceChildren(bySpecies(species, found.species));
  byId("honesty").replaceChildren(...numbers(found));
}

/** A table of rows by their species and by what they were taken for. */
export function confusion(species, counts) {
  const cell = (count, row, column) => {
    const total = counts[row].reduce((sum, each) => sum + each, 0);
    const made = html("td", { class: row === column ? "right" : count > 0 ? "wrong" : "" }, `${count}`);
    made.style.setProperty("--share", total ? count / total : 0);
    return made;
  };
  const heads = species.map((name) => html("th", { scope: "col" }, short(name)));
  return html("table", { class: "confusion" },
    html("caption", {}, "Rows: what it is. Columns: what it was taken for."),
    html("thead", {}, html("tr", {}, html("td"), ...heads)),
    html("tbody", {}, ...counts.map((row, index) => html("tr", {},
      html("th", { scope: "row" }, short(species[index])), ...row.map((count, column) => cell(count, index, column))))));
}

function bySpecies(species, scores) {
  const columns = ["precision", "recall", "f1"];
  return html("table", {},
    html("thead", {}, html("tr", {}, html("th", { scope: "col" }, "Species"),
      ...["Precision", "Recall", "F1", "Rows"].map((name) => html("th", { scope: "col" }, name)))),
    html("tbody", {}, ...species.map((name) => html("tr", {},
      html("th", { scope: "row" }, short(name)),
      ...columns.map((column) => html("td", {}, scores[name][column].toFixed(3))), html("td", {}, `${scores[name].rows}`)))));
}

/** Pairs of a definition list: the figures of an evaluation. */
export function numbers({ rows, accuracy, loss, log_loss: logLoss, brier_score: brier, calibration_error: calibration }) {
  const told = [["Accuracy", `${percent(accuracy)} of ${rows}`], ["Loss", loss.toFixed(4)], ["Log loss", logLoss.toFixed(3)],
    ["Brier score", brier.toFixed(3)], ["Calibration error", calibration.toFixed(3)]];
  return told.map(([name, value]) => html("div", {}, html("dt", {}, name), html("dd", {}, value)));
}

function calibrate() {
  const bins = binned(state.model.network, state.rows.specimens.filter(({ part }) => part === "test" || part === "validation"));
  const line = { x: [0, 1], y: [0, 1], mode: "lines", line: { dash: "dot", color: "#8884a0" }, hoverinfo: "skip" };
  const dots = {
    x: bins.map(({ sure }) => sure),
    y: bins.map(({ right }) => right),
    text: bins.map(({ rows }) => `${rows} rows`),
    mode: "markers",
    cliponaxis: false,
    marker: { size: bins.map(({ rows }) => 8 + 3 * Math.sqrt(rows)), color: CURVES[0] },
    hovertemplate: "sure %{x:.2f}, right %{y:.2f}, %{text}<extra></extra>",
  };
  const told = bins.map(({ sure, right, rows }) => `of ${rows} rows with a confidence of ${sure.toFixed(2)}, ${percent(right)} right`);
  byId("calibration").setAttribute("aria-label", `Calibration: ${told.join("; ") || "the table is not stored any more"}`);
  draw(byId("calibration"), [line, dots], {
    x: "how sure it is", y: "how often it is right", range: [-0.1, 1.1], xRange: [0, 1.05], legend: false,
  });
}

/** Rows by tenths of the winner's share of all scores: as the evaluation of a model counts them. */
function binned(network, specimens) {
  const bins = Array.from({ length: BINS }, () => ({ rows: 0, sure: 0, right: 0 }));
  for (const { features, species, predicted } of specimens) {
    const scores = network.propagate(features).at(-1);
    const share = Math.max(...scores) / scores.reduce((sum, each) => sum + each, 0);
    const bin = bins[Math.min(BINS - 1, Math.floor(share * BINS))];
    bin.rows += 1;
    bin.sure += share;
    bin.right += species === predicted ? 1 : 0;
  }
  return bins.filter(({ rows }) => rows > 0).map(({ rows, sure, right }) => ({ rows, sure: sure / rows, right: right / rows }));
}
