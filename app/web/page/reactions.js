// What each neuron reacts to: a small map of its activation over the two measurements of the decision map.

import { html } from "./elements.js";

const CELLS = 20; // across and up
const MOST_WORK = 50_000_000; // multiplications; of a network that takes more, none are shown
const POSITIVE = [122, 92, 240];
const NEGATIVE = [224, 132, 30];

const canvas = html("canvas", { width: CELLS, height: CELLS });
const pen = canvas.getContext("2d", { willReadFrequently: true });

/** Whether there is time to find out. */
export const isQuick = (network) => network.work * CELLS ** 2 <= MOST_WORK;

/** Activations by layer, neuron and cell, the cells row by row from the top. */
export function reactionsOf(network, flower, [x, y], [[left, right], [low, high]]) {
  const found = network.sizes.map((size) => Array.from({ length: size }, () => new Float64Array(CELLS ** 2)));
  const room = network.room();
  const there = flower.slice();
  for (let cell = 0; cell < CELLS ** 2; cell++) {
    there[x] = left + ((cell % CELLS + 0.5) / CELLS) * (right - left);
    there[y] = high - ((Math.floor(cell / CELLS) + 0.5) / CELLS) * (high - low);
    network.propagate(there, room).forEach((activations, layer) => {
      activations.forEach((activation, j) => { found[layer][j][cell] = activation; });
    });
  }
  return found;
}

/** The address of a picture of a neuron's activations, in a colour or in those of the signs. */
export function pictureOf(activations, colour = null) {
  const most = activations.reduce((largest, activation) => Math.max(largest, Math.abs(activation)), 1);
  const image = new ImageData(CELLS, CELLS);
  activations.forEach((activation, cell) => {
    image.data.set(colour ?? (activation < 0 ? NEGATIVE : POSITIVE), 4 * cell);
    image.data[4 * cell + 3] = (255 * Math.abs(activation)) / most;
  });
  pen.putImageData(image, 0, 0);
  return canvas.toDataURL();
}
