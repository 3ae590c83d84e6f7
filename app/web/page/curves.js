// The curves of a run: they grow as its epochs pass, and grow all the same if a run is over in no time.

import { CURVES, draw } from "./charts.js";
import { byId } from "./elements.js";

const MILLISECONDS_BETWEEN_STEPS = 80;
const SHARE_OF_A_STEP = 0.3; // of what is left to show

const calm = matchMedia("(prefers-reduced-motion: reduce)");
let scores = [];
let kept = null; // the score of the epoch whose weights were kept
let shown = 0;
let growing = null;

/** Show curves from the beginning. */
export function beginCurves() {
  shown = 0;
  showScores([]);
}

/** Show these scores of epochs: of the run that is shown already, and maybe more of them. */
export function showScores(these, best = null) {
  scores = these;
  kept = best;
  shown = Math.min(shown, scores.length);
  growing ??= setTimeout(grow);
}

function grow() {
  const left = scores.length - shown;
  shown += calm.matches ? left : Math.ceil(left * SHARE_OF_A_STEP);
  paint(scores.slice(0, shown));
  growing = shown < scores.length ? setTimeout(grow, MILLISECONDS_BETWEEN_STEPS) : null;
}

function paint(these) {
  const last = these.at(-1);
  byId("curves-title").textContent = last ? "How it learned" : "Nothing has been learned yet";
  byId("loss").dataset.epochs = these.length;
  for (const [measure, range] of [["loss", "tozero"], ["accuracy", [0, 1.03]]]) {
    draw(byId(measure), traces(these, measure), { x: "epoch", y: measure, range });
    byId(measure).setAttribute("aria-label", last ? `After ${these.length} epochs: training ${measure} ${last[`training_${measure}`].toFixed(4)},`
      + ` validation ${measure} ${last[`validation_${measure}`].toFixed(4)}` : `No curve of ${measure} yet`);
  }
}

function traces(these, measure) {
  const lines = ["training", "validation"].map((part, index) => ({
    name: part, mode: "lines", line: { color: CURVES[index], width: 2 }, ...brokenLine(these, (score) => score[`${part}_${measure}`]),
  }));
  const at = these.findIndex(({ epoch, start }) => kept && epoch === kept.epoch && start === kept.start);
  if (at >= 0 && at < scores.length - 1) {
    lines.push({ name: "kept", mode: "markers", marker: { size: 10, color: CURVES[1], symbol: "star" }, x: [at + 1], y: [these[at][`validation_${measure}`]] });
  }
  return lines;
}

/** Points of a line by epoch that begins anew with each start. */
export function brokenLine(these, value) {
  const points = these.flatMap((score, index) => {
    const begins = index > 0 && score.start !== these[index - 1].start;
    return [...(begins ? [[null, null]] : []), [index + 1, value(score)]];
  });
  return { x: points.map(([x]) => x), y: points.map(([, y]) => y), ...(alone(these) && { mode: "lines+markers" }) };
}

/** Whether there are starts of a single epoch, of which no line can be drawn. */
const alone = (these) => these.some(({ start }, index) => start !== these[index - 1]?.start && start !== these[index + 1]?.start);
