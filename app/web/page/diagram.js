// The network as it is: every layer, every weight, and how much of each this flower makes use of.
// Layers that are wider than there is room for are drawn in groups of neighbours.

import { byId, everyFrame, svg } from "./elements.js";
import { colour, css, digits, FEATURES, short, squeezed, words } from "./names.js";
import { isQuick, pictureOf, reactionsOf } from "./reactions.js";
import { state, whenModel } from "./state.js";

const MOST = 14; // neurons or groups of a hidden layer
const MOST_OUTPUTS = 40;
const MARGIN = { top: 30, bottom: 14 };
const NARROW = 480; // pixels
const NARROW_MARGIN = 94; // for labels
const WIDE_MARGIN = 118;
const LETTER = 5; // pixels that one takes at least
const NEAR = 7; // pixels from a line, to point at it
const MILLISECONDS_OF_REST = 80; // before it is found out what neurons react to

const drawing = byId("diagram");
let layers = []; // of neurons or groups: {x, y, first, last, node}
let lines = []; // {layer, from, to, weight, line}
let margin = WIDE_MARGIN;
let radius = 10;
let resting = null;
let cursor = null; // [layer, index] of the neuron that the arrow keys have reached

const paint = everyFrame(light);
new ResizeObserver(() => state.model && build()).observe(drawing.parentElement);
whenModel(build);
state.addEventListener("flower", () => state.model && paint());
state.addEventListener("axes", () => state.model && react());
byId("reactions").addEventListener("change", react);
drawing.addEventListener("pointermove", point);
drawing.addEventListener("pointerleave", () => tell(null));
drawing.addEventListener("keydown", move);
drawing.addEventListener("blur", () => tell(null));

function build() {
  const { network } = state.model;
  const width = drawing.parentElement.clientWidth;
  const most = Math.max(...network.sizes.map(shownOf));
  const height = Math.max(260, Math.min(540, 46 * most + 60));
  margin = width < NARROW ? NARROW_MARGIN : WIDE_MARGIN;
  radius = Math.max(4, Math.min(17, (height - MARGIN.top - MARGIN.bottom) / most / 2.6, (width - 2 * margin) / network.sizes.length / 4));
  drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
  drawing.style.height = `${height}px`;
  layers = network.sizes.map((size, layer) => place(size, layer, width, height));
  lines = network.weights.flatMap((_, layer) => connect(layer));
  cursor = null;
  drawing.replaceChildren(
    svg("g", { class: "lines" }, ...lines.map(({ line }) => line)),
    svg("g", { class: "nodes" }, ...layers.flat().flatMap(({ picture, node }) => [node, picture])),
    svg("g", { class: "labels" }, ...labels()),
  );
  for (const label of drawing.querySelectorAll(".name")) fit(label, margin - radius - 8);
  light();
}

/** Take out the middle of a label that is longer than so many pixels. */
function fit(label, room) {
  const whole = label.lastChild.data;
  for (let letters = Math.ceil(room / LETTER); label.getComputedTextLength() > room && letters > 1; letters--) {
    label.lastChild.data = squeezed(whole, letters);
  }
}

/** How many neurons or groups of a layer are drawn. */
function shownOf(size, layer) {
  return Math.min(size, layer === state.model.network.sizes.length - 1 ? MOST_OUTPUTS : MOST);
}

function place(size, layer, width, height) {
  const { sizes } = state.model.network;
  const shown = shownOf(size, layer);
  const across = width - 2 * margin;
  const down = height - MARGIN.top - MARGIN.bottom;
  const gap = Math.min(down / shown, 64);
  return Array.from({ length: shown }, (_, index) => {
    const x = margin + (across * layer) / (sizes.length - 1);
    const y = MARGIN.top + down / 2 + (index - (shown - 1) / 2) * gap;
    const first = Math.floor((index * size) / shown);
    const last = Math.floor(((index + 1) * size) / shown) - 1;
    const picture = svg("image", { x: x - radius, y: y - radius, width: 2 * radius, height: 2 * radius, class: "picture" });
    const node = svg("circle", { cx: x, cy: y, r: radius, class: last > first ? "group" : null });
    if (layer === sizes.length - 1) node.style.setProperty("--light", css(colour(first)));
    return { x, y, first, last, node, picture };
  });
}

function connect(layer) {
  const found = layers[layer + 1].flatMap((to) => layers[layer].map((from) => ({ layer, from, to, weight: mean(layer, from, to) })));
  const heaviest = Math.max(...found.map(({ weight }) => Math.abs(weight)));
  for (const each of found) {
    each.line = svg("line", {
      x1: each.from.x, y1: each.from.y, x2: each.to.x, y2: each.to.y,
      class: each.weight < 0 ? "negative" : "positive",
      "stroke-width": 0.4 + (3.6 * Math.abs(each.weight)) / (heaviest || 1),
    });
  }
  return found;
}

/** The mean weight from a group to a group; of single neurons their weight. */
function mean(layer, from, to) {
  const { network } = state.model;
  let total = 0;
  for (let j = to.first; j <= to.last; j++) {
    for (let i = from.first; i <= from.last; i++) total += network.weight(layer, j, i);
  }
  return total / countOf(from) / countOf(to);
}

const countOf = ({ first, last }) => last - first + 1;

function labels() {
  const { card, network } = state.model;
  const [inputs, outputs] = [layers[0], layers.at(-1)];
  const text = (x, y, anchor, content) =>
    svg("text", { x, y, "text-anchor": anchor, class: `label ${anchor === "middle" ? "" : "name"}` }, svg("title", {}, content), content);
  return [
    ...inputs.map(({ x, y, first }) => text(x - radius - 6, y + 4, "end", words(FEATURES[first]))),
    ...outputs.map(({ x, y, first, last }) => {
      const name = first === last ? short(card.species[first]) : `${last - first + 1} species`;
      return text(x + radius + 6, y + 4, "start", name);
    }),
    ...network.sizes.slice(1, -1).map((count, index) => text(layers[index + 1][0].x, 14, "middle",
      count > MOST && margin === WIDE_MARGIN ? `${count} in ${MOST} groups` : `${count}`)),
  ];
}

/** Light up what this flower makes use of. */
function light() {
  const activations = state.model.network.propagate(state.flower);
  layers.forEach((nodes, layer) => {
    const values = nodes.map((node) => average(activations[layer], node));
    const most = Math.max(1, ...values.map(Math.abs));
    nodes.forEach((each, index) => {
      each.value = values[index];
      each.node.style.setProperty("--lit", `${8 + (92 * Math.abs(values[index])) / most}%`);
      each.node.classList.toggle("negative", values[index] < 0);
    });
  });
  const most = mostHeard();
  for (const { layer, from, weight, line } of lines) {
    line.style.strokeOpacity = 0.1 + (0.9 * Math.abs(weight * from.value)) / most[layer];
  }
  drawing.dataset.flower = state.flower.join(" ");
  if (cursor) tellNeuron(cursor);
  react();
}

/** Show in each neuron what it reacts to, if that is wanted; in groups and in networks that are too slow, it is not. */
function react() {
  const { network } = state.model;
  const wanted = byId("reactions").checked && isQuick(network);
  drawing.classList.toggle("reacting", wanted);
  clearTimeout(resting);
  if (wanted) resting = setTimeout(picture, MILLISECONDS_OF_REST);
}

function picture() {
  const { network } = state.model;
  const found = reactionsOf(network, state.flower, state.axes, state.spans);
  layers.forEach((nodes, layer) => {
    for (const { first, last, picture: there } of nodes) {
      const hue = layer === layers.length - 1 ? colour(first) : null;
      if (first === last) there.setAttribute("href", pictureOf(found[layer][first], hue));
    }
  });
  drawing.dataset.reactions = [...state.flower, ...state.axes, state.model.version].join(" ");
}

/** By layer, the most that any of its neurons is heard by another. */
function mostHeard() {
  const most = layers.map(() => 1e-9);
  for (const { layer, from, weight } of lines) most[layer] = Math.max(most[layer], Math.abs(weight * from.value));
  return most;
}

function average(values, { first, last }) {
  let total = 0;
  for (let i = first; i <= last; i++) total += values[i];
  return total / (last - first + 1);
}

function point({ offsetX, offsetY }) {
  for (const [layer, nodes] of layers.entries()) {
    const index = nodes.findIndex(({ x, y }) => Math.hypot(x - offsetX, y - offsetY) < radius + 4);
    if (index >= 0) return tellNeuron([layer, index]);
  }
  let nearest = null;
  let least = NEAR;
  for (const each of lines) {
    const away = distance(each, offsetX, offsetY);
    if (away < least) [nearest, least] = [each, away];
  }
  if (nearest) {
    const { layer, from, to, weight } = nearest;
    const product = `weight ${digits(weight)} × activation ${digits(from.value)} = ${digits(weight * from.value)}`;
    tell(`${nameOf(layer, from)} → ${nameOf(layer + 1, to)}: ${countOf(from) * countOf(to) > 1 ? "mean " : ""}${product}`, [nearest.line]);
  } else tell(null);
}

function distance({ from, to }, x, y) {
  const along = ((x - from.x) * (to.x - from.x) + (y - from.y) * (to.y - from.y))
    / ((to.x - from.x) ** 2 + (to.y - from.y) ** 2);
  const t = Math.max(0, Math.min(1, along));
  return Math.hypot(from.x + t * (to.x - from.x) - x, from.y + t * (to.y - from.y) - y);
}

function move(event) {
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (!step) return;
  event.preventDefault();
  const [layer, index] = cursor ?? [0, -1];
  const to = Math.max(0, Math.min(layers.length - 1, layer + (cursor ? step[0] : 0)));
  cursor = [to, Math.max(0, Math.min(layers[to].length - 1, index + (cursor ? step[1] : 1)))];
  tellNeuron(cursor);
}

/** Tell the numbers of a neuron, and show it with its lines. */
function tellNeuron([layer, index]) {
  const each = layers[layer][index];
  const { biases } = state.model.network;
  const bias = layer > 0 ? `, ${countOf(each) > 1 ? "mean " : ""}bias ${digits(average(biases[layer - 1], each))}` : "";
  const what = layer === 0 ? `${digits(state.flower[each.first])} cm, standardised ${digits(each.value)}` : `activation ${digits(each.value)}`;
  const mine = lines.filter(({ from, to }) => from === each || to === each).map(({ line }) => line);
  tell(`${nameOf(layer, each)}: ${countOf(each) > 1 ? "mean " : ""}${what}${bias}`, [each.node, ...mine]);
}

function nameOf(layer, { first, last }) {
  if (layer === 0) return words(FEATURES[first]);
  if (layer === layers.length - 1 && first === last) return short(state.model.card.species[first]);
  return `layer ${layer}, ${first === last ? `neuron ${first + 1}` : `neurons ${first + 1} to ${last + 1}`}`;
}

function tell(text, shown = []) {
  for (const each of drawing.querySelectorAll(".shown")) each.classList.remove("shown");
  for (const each of shown) each.classList.add("shown");
  if (text === null && document.activeElement !== drawing) cursor = null;
  byId("diagram-told").textContent = text ?? "\u00a0";
}
