// The flower, drawn to measure and seen from above: three sepals, and three petals between them.

import { byId, everyFrame, svg } from "./elements.js";
import { colour, css, digits } from "./names.js";
import { state } from "./state.js";

const ROOM = 8.4; // centimetres from the heart to the edge of the drawing, as long as the flower fits

const drawing = byId("flower");
const sepals = [0, 120, 240].map((angle) => leaf("sepal", angle));
const petals = [60, 180, 300].map((angle) => leaf("petal", angle));
const ruler = svg("g", { class: "ruler" }, svg("line"), svg("text", { "text-anchor": "middle" }));

drawing.append(
  ...sepals.map(({ group }) => group),
  ...petals.map(({ group }) => group),
  svg("circle", { class: "heart", r: 0.45 }),
  ruler,
);
const paint = everyFrame(draw);
state.addEventListener("flower", () => paint(state.flower));
paint(state.flower);

/** Dress the flower in the colour of a species. */
export function dress(index) {
  drawing.style.setProperty("--colour", css(colour(index)));
}

function leaf(kind, angle) {
  const blade = svg("path", { class: kind });
  const vein = svg("path", { class: `${kind} vein` });
  return { blade, vein, group: svg("g", { transform: `rotate(${angle})` }, blade, vein) };
}

function draw([sepalLength, sepalWidth, petalLength, petalWidth]) {
  const room = Math.max(ROOM, sepalLength + 0.6, petalLength + 0.6);
  drawing.setAttribute("viewBox", [-room, -room, 2 * room, 2 * room].join(" "));
  for (const { blade, vein } of sepals) shape(blade, vein, sepalLength, sepalWidth);
  for (const { blade, vein } of petals) shape(blade, vein, petalLength, petalWidth);
  drawing.setAttribute("aria-label", `A flower with sepals of ${digits(sepalLength)} by ${digits(sepalWidth)} and petals`
    + ` of ${digits(petalLength)} by ${digits(petalWidth)} centimetres`);
  measure(room);
}

/** A blade from the heart upwards, as long and at its widest as wide as measured. */
function shape(blade, vein, length, width) {
  const half = width / 2 / 0.75; // the curve bulges to three quarters of its handles
  blade.setAttribute("d", `M0 0 C${-half} ${-0.35 * length} ${-half} ${-0.85 * length} 0 ${-length}`
    + ` C${half} ${-0.85 * length} ${half} ${-0.35 * length} 0 0Z`);
  vein.setAttribute("d", `M0 0V${-0.8 * length}`);
}

function measure(room) {
  const centimetres = room > 15 ? 5 : 1;
  const [line, text] = ruler.children;
  const left = -room + 0.05 * room;
  const y = 0.93 * room;
  for (const [name, value] of Object.entries({ x1: left, x2: left + centimetres, y1: y, y2: y })) line.setAttribute(name, value);
  text.setAttribute("x", left + centimetres / 2);
  text.setAttribute("y", y - 0.035 * room);
  text.setAttribute("font-size", 0.075 * room);
  text.textContent = `${centimetres} cm`;
}

