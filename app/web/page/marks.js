// The marks of the table's rows on the decision map: a shape for each species, so that colours are not
// all that tells them apart.

import { colour, css } from "./names.js";

const SHAPES = [disc, square, triangle, diamond];

/** The shape of the species of an index. */
export const shapeOf = (index) => SHAPES[index % SHAPES.length];

/** Draw a row where it lies: large and filled for test rows, hollow for validation rows, crossed if it is mistaken. */
export function stamp(pen, { species, part, predicted }, index, [x, y], ink) {
  pen.beginPath();
  shapeOf(index)(pen, x, y, part === "test" ? 5 : 3.2);
  if (part !== "validation") {
    pen.fillStyle = css(colour(index));
    pen.fill();
  }
  pen.lineWidth = part === "test" ? 1.8 : 0.9;
  pen.strokeStyle = ink;
  pen.stroke();
  if (species !== predicted) cross(pen, x, y);
}

function cross(pen, x, y) {
  pen.beginPath();
  for (const way of [1, -1]) {
    pen.moveTo(x - 8, y - 8 * way);
    pen.lineTo(x + 8, y + 8 * way);
  }
  pen.lineWidth = 2.2;
  pen.strokeStyle = "#e5143c";
  pen.stroke();
}

function disc(pen, x, y, r) {
  pen.arc(x, y, r, 0, 2 * Math.PI);
}

function square(pen, x, y, r) {
  pen.rect(x - 0.9 * r, y - 0.9 * r, 1.8 * r, 1.8 * r);
}

function triangle(pen, x, y, r) {
  polygon(pen, [x, y - 1.2 * r], [x + 1.1 * r, y + 0.8 * r], [x - 1.1 * r, y + 0.8 * r]);
}

function diamond(pen, x, y, r) {
  polygon(pen, [x, y - 1.3 * r], [x + 1.3 * r, y], [x, y + 1.3 * r], [x - 1.3 * r, y]);
}

function polygon(pen, ...corners) {
  for (const [x, y] of corners) pen.lineTo(x, y);
  pen.closePath();
}
