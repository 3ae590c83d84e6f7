// The decision map: what the network would say of every flower that differs from this one in two
// measurements, and where the rows of its table lie.

import { byId, everyFrame, html } from "./elements.js";
import { colour, css, digits, FEATURES, short, words } from "./names.js";
import { shapeOf, stamp } from "./marks.js";
import { winner } from "./network.js";
import { state, whenModel, whenRows } from "./state.js";

const CELLS = 100; // across and up
const COARSE = 5; // cells of a first glimpse are so many times wider
const MARGIN = { left: 38, right: 10, top: 10, bottom: 34 };
const MILLISECONDS_AT_ONCE = 12; // the map of a wide network takes many frames, so that the page stays quick
const WORK_AT_ONCE = 100_000; // weights, between two looks at the clock
const MILLISECONDS_OF_REST = 150;
const MILLISECONDS_BETWEEN_GLIMPSES = 150;
const NEAR = 9; // pixels from a row of the table, to point at it

const canvas = byId("map");
const pen = canvas.getContext("2d");
const cells = new OffscreenCanvas(CELLS, CELLS);
const image = new ImageData(CELLS, CELLS);
const pixels = new Uint32Array(image.data.buffer);
const marker = byId("marker");
const selects = [byId("map-x"), byId("map-y")];
let spans = [[0, 1], [0, 1]]; // centimetres across and up
let painting = null;
let beginning = null;

selects.forEach((select, at) => {
  select.append(...FEATURES.map((feature, index) => html("option", { value: index }, words(feature))));
  select.value = state.axes[at];
  select.addEventListener("change", () => {
    const other = selects[1 - at];
    if (other.value === select.value) other.value = (Number(select.value) + 1) % FEATURES.length;
    state.lookAt(selects.map(({ value }) => Number(value)));
  });
});
const restart = everyFrame(() => state.model && begin());
new ResizeObserver(restart).observe(canvas.parentElement);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restart);
state.addEventListener("flower", restart);
state.addEventListener("axes", restart);
whenModel(restart);
whenRows(() => {
  legend();
  listWrong();
  restart();
});
canvas.addEventListener("pointerdown", drag);
canvas.addEventListener("pointermove", point);
canvas.addEventListener("pointerleave", () => { byId("map-told").textContent = "\u00a0"; });
marker.addEventListener("pointerdown", drag);
marker.addEventListener("keydown", nudge);

/** Where centimetres lie, in pixels of the page. */
function scales() {
  const { clientWidth: width, clientHeight: height } = canvas;
  const [[left, right], [low, high]] = spans;
  const across = (x) => MARGIN.left + ((x - left) / (right - left)) * (width - MARGIN.left - MARGIN.right);
  const up = (y) => height - MARGIN.bottom - ((y - low) / (high - low)) * (height - MARGIN.top - MARGIN.bottom);
  return { across, up, width, height };
}

/** Paint anew: at once, or if that takes its time when the hand rests. */
function begin() {
  spans = state.spans;
  cancelAnimationFrame(painting);
  clearTimeout(beginning);
  place();
  if (state.model.network.work * CELLS < WORK_AT_ONCE) compute();
  else beginning = setTimeout(compute, MILLISECONDS_OF_REST);
}

function compute() {
  const work = cellsOf(state.model.network, state.flower.slice(), state.axes);
  let shown = performance.now();
  const go = () => {
    const until = performance.now() + MILLISECONDS_AT_ONCE;
    let done = false;
    while (!done && performance.now() < until) done = work.next().done;
    if (done || performance.now() - shown > MILLISECONDS_BETWEEN_GLIMPSES) {
      paint();
      shown = performance.now();
    }
    if (done) canvas.dataset.flower = [...state.flower, ...state.axes, state.model.version].join(" ");
    else painting = requestAnimationFrame(go);
  };
  go();
}

/** Colour the cells, yielding now and then: of a network that takes its time, first some of them. */
function* cellsOf(network, flower, features) {
  const cellsAtOnce = Math.ceil(WORK_AT_ONCE / network.work);
  for (const size of cellsAtOnce < CELLS ? [COARSE, 1] : [1]) {
    for (let row = 0; row < CELLS; row += size) yield* rowOf(network, flower, features, row, size, cellsAtOnce);
  }
}

function* rowOf(network, flower, [x, y], row, size, cellsAtOnce) {
  const room = network.room();
  const [[left, right], [low, high]] = spans;
  flower[y] = high - ((row + size / 2) / CELLS) * (high - low);
  for (let column = 0, done = 1; column < CELLS; column += size, done++) {
    flower[x] = left + ((column + size / 2) / CELLS) * (right - left);
    const { best, certainty } = winner(network.propagate(flower, room).at(-1));
    for (let below = 0; below < size; below++) {
      const at = (row + below) * CELLS + column;
      pixels.fill(pixel(colour(best), 25 + 150 * certainty), at, at + size);
    }
    if (done % cellsAtOnce === 0) yield;
  }
  yield;
}

/** A pixel as the bytes of an image hold it. */
const pixel = ([red, green, blue], alpha) => (alpha << 24) | (blue << 16) | (green << 8) | red;

function paint() {
  cells.getContext("2d").putImageData(image, 0, 0);
  const { across, up, width, height } = scales();
  const sharpness = devicePixelRatio;
  canvas.width = width * sharpness;
  canvas.height = height * sharpness;
  pen.scale(sharpness, sharpness);
  pen.imageSmoothingQuality = "high";
  const [[left, right], [low, high]] = spans;
  pen.drawImage(cells, across(left), up(high), across(right) - across(left), up(low) - up(high));
  ticks(across, up, height);
  const [x, y] = state.axes;
  const ink = getComputedStyle(canvas).color;
  for (const row of specimens()) {
    stamp(pen, row, state.model.card.species.indexOf(row.species), [across(row.features[x]), up(row.features[y])], ink);
  }
  describe(x, y);
}

function place() {
  const { across, up } = scales();
  const [x, y] = state.axes;
  marker.style.left = `${across(state.flower[x])}px`;
  marker.style.top = `${up(state.flower[y])}px`;
}

function ticks(across, up, height) {
  const ink = getComputedStyle(canvas);
  pen.fillStyle = ink.color;
  pen.font = "11px system-ui, sans-serif";
  const [[left, right], [low, high]] = spans;
  pen.textAlign = "center";
  for (const x of round(left, right)) pen.fillText(digits(x), across(x), height - 19);
  pen.textAlign = "right";
  for (const y of round(low, high)) pen.fillText(digits(y), MARGIN.left - 6, up(y) + 4);
  const [x, y] = state.axes.map((feature) => `${words(FEATURES[feature])}, cm`);
  pen.textAlign = "center";
  pen.fillText(x, (across(left) + across(right)) / 2, height - 4);
  pen.save();
  pen.translate(10, (up(low) + up(high)) / 2);
  pen.rotate(-Math.PI / 2);
  pen.fillText(y, 0, 0);
  pen.restore();
}

/** Some round numbers of a span. */
function round(low, high) {
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, index) => (first + index) * step);
}

function legend() {
  const { card } = state.model;
  const swatch = (index) => {
    const sample = html("i", { class: `swatch ${shapeOf(index).name}` });
    sample.style.setProperty("--colour", css(colour(index)));
    return sample;
  };
  const some = card.species.slice(0, 12).map((name, index) => html("li", {}, swatch(index), short(name)));
  if (card.species.length > some.length) some.push(html("li", {}, `and ${card.species.length - some.length} more`));
  const told = state.rows.gone ? "The table that it has learned from is not stored any more."
    : "Large: test rows, never seen. Hollow: validation rows. Small: training rows. Crossed: taken for another species.";
  byId("map-legend").replaceChildren(...some, html("li", { class: "key" }, told));
}

const specimens = () => state.rows?.specimens ?? [];

const isWrong = ({ species, predicted }) => species !== predicted;

/** The rows that are taken for another species, to read and to measure. */
function listWrong() {
  const wrong = specimens().filter(isWrong);
  byId("wrong").hidden = wrong.length === 0;
  byId("wrong-title").textContent = `Rows that it takes for another species: ${wrong.length}`;
  byId("wrong-rows").replaceChildren(...wrong.map((row) => html("li", {},
    html("button", { type: "button", onclick: () => state.measure(row.features) }, row.features.map(digits).join(" · ")), ` ${inWords(row)}`)));
}

const inWords = ({ species, part, predicted }) =>
  `${part} row: ${short(species)}${species === predicted ? "" : `, taken for ${short(predicted)}`}`;

/** Tell of the row that is pointed at. */
function point({ offsetX, offsetY }) {
  if (!state.model) return;
  const { across, up } = scales();
  const [x, y] = state.axes;
  const away = ({ features }) => Math.hypot(across(features[x]) - offsetX, up(features[y]) - offsetY);
  const nearest = specimens().reduce((best, row) => (away(row) < (best ? away(best) : NEAR) ? row : best), null);
  byId("map-told").textContent = nearest ? `${nearest.features.map(digits).join(" · ")} cm, ${inWords(nearest)}` : "\u00a0";
}

function describe(x, y) {
  const wrong = specimens().filter(isWrong).length;
  canvas.setAttribute("aria-label", `Decision map over ${words(FEATURES[x])} and ${words(FEATURES[y])}; `
    + `${specimens().length} rows, of which ${wrong} are taken for another species. `
    + `Your flower is at ${digits(state.flower[x])} and ${digits(state.flower[y])} centimetres.`);
}

function drag(event) {
  event.preventDefault();
  marker.focus();
  const frame = canvas.getBoundingClientRect();
  const held = [...spans];
  const follow = ({ clientX, clientY }) => {
    const share = (at, margin, other, length) => Math.max(0, Math.min(1, (at - margin) / (length - margin - other)));
    const right = share(clientX - frame.left, MARGIN.left, MARGIN.right, frame.width);
    const upwards = 1 - share(clientY - frame.top, MARGIN.top, MARGIN.bottom, frame.height);
    put([right, upwards].map((part, at) => held[at][0] + part * (held[at][1] - held[at][0])));
  };
  follow(event);
  const target = event.currentTarget;
  target.setPointerCapture(event.pointerId);
  target.addEventListener("pointermove", follow);
  target.addEventListener("lostpointercapture", () => target.removeEventListener("pointermove", follow), { once: true });
}

function nudge(event) {
  const step = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] }[event.key];
  if (!step) return;
  event.preventDefault();
  put(state.axes.map((feature, at) => state.flower[feature] + step[at]));
}

/** Move the flower on the map. */
function put(centimetres) {
  const flower = state.flower.slice();
  state.axes.forEach((feature, at) => { flower[feature] = Math.max(0.1, Math.min(30, Math.round(centimetres[at] * 100) / 100)); });
  state.measure(flower);
}

