// How things are called, written and coloured.

export const FEATURES = ["sepal_length", "sepal_width", "petal_length", "petal_width"];

/** sepal_length -> sepal length */
export const words = (name) => name.replaceAll("_", " ");

/** sepal_length -> Sepal length */
export const title = (name) => words(name)[0].toUpperCase() + words(name).slice(1);

/** Iris-setosa -> setosa */
export const short = (species) => species.replace(/^iris[ -]/i, "");

/** A long name without its middle, in so many letters. */
export function squeezed(name, letters) {
  if (name.length <= letters) return name;
  const end = Math.floor((letters - 1) / 2);
  return `${name.slice(0, letters - 1 - end)}…${name.slice(name.length - end)}`;
}

export const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** A number to three digits that count. */
export const digits = (value) => Number(value.toPrecision(3)).toString().replace("-", "−");

// Told apart by people who see few colours too; past these the hue goes round by the golden angle.
const COLOURS = [[20, 150, 143], [232, 148, 26], [128, 90, 232], [214, 73, 119], [72, 133, 237], [124, 148, 40]];

/** Red, green and blue of the species of an index. */
export function colour(index) {
  if (index < COLOURS.length) return COLOURS[Math.max(0, index)];
  const hue = (index * 137.508) % 360;
  const channel = (offset) => {
    const k = (offset + hue / 30) % 12;
    return Math.round(255 * (0.5 - 0.28 * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}

export const css = ([red, green, blue], alpha = 1) => `rgb(${red} ${green} ${blue} / ${alpha})`;

const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** How long ago a moment was. */
export function ago(moment) {
  const seconds = (Date.now() - new Date(moment)) / 1000;
  for (const [unit, length] of UNITS) {
    if (seconds >= length) return relative.format(-Math.floor(seconds / length), unit);
  }
  return "just now";
}

/** A recipe in a line: layers, activation, epochs, rate, and what else is not as in the tutorial. */
export function recipeInWords(recipe) {
  const told = [recipe.hidden_layers.length ? recipe.hidden_layers.join("–") : "no hidden layer", recipe.activation,
    `${recipe.epochs} epochs`, `rate ${recipe.learning_rate}`];
  const also = [
    [recipe.output !== "sigmoid", recipe.output],
    [recipe.initial_weights !== "uniform", `${recipe.initial_weights} weights`],
    [recipe.optimizer !== "sgd", recipe.optimizer],
    [recipe.momentum, `momentum ${recipe.momentum}`],
    [recipe.learning_rate_decay, `decay ${recipe.learning_rate_decay}`],
    [recipe.batch_size > 1, `batches of ${recipe.batch_size}`],
    [recipe.patience, `patience ${recipe.patience}`],
    [recipe.l2, `l2 ${recipe.l2}`],
    [recipe.class_weight, `${recipe.class_weight} species`],
    [recipe.restarts > 1, `${recipe.restarts} starts`],
    [recipe.warm_start, "warm start"],
    [!recipe.standardize, "raw centimetres"],
  ];
  return [...told, ...also.flatMap(([holds, name]) => (holds ? [name] : []))].join(", ");
}
