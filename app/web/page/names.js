// How things are called, written and coloured.

export const FEATURES = ["sepal_length", "sepal_width", "petal_length", "petal_width"];

/** sepal_length -> sepal length */
export const words = (name) => name.replaceAll("_", " ");

/** sepal_length -> Sepal length */
export const title = (name) => words(name)[0].toUpperCase() + words(name).slice(1);

/** Iris-setosa -> setosa */
export const short = (species) => species.replace(/^iris[ -]/i, "");

export const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** A number to three digits that count. */
export const digits = (value) => Number(value.toPrecision(3)).toString().replace("-", "−");

// Told apart by people who see few colours too; past these the hue goes round by the golden angle.
const COLOURS = [[20, 150, 143], [232, 148, 26], [128, 90, 232], [214, 73, 119], [72, 133, 237], [124, 148, 40]];

/** Red, green and blue of the species of an index. */
export function colour(index) {
  if (index < COLOURS.length) return COLOURS[index];
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

/** 5-10 neurons, tanh, 100 epochs ... : what of a recipe is not the default's. */
export function recipe(hyperparameters) {
  const { hidden_layers: layers, activation, output, optimizer, learning_rate: rate, epochs, standardize } = hyperparameters;
  const told = [layers.length ? layers.join("–") : "no hidden layer", activation, `${epochs} epochs`, `rate ${rate}`];
  if (output !== "sigmoid") told.push(output);
  if (optimizer !== "sgd") told.push(optimizer);
  if (hyperparameters.batch_size > 1) told.push(`batches of ${hyperparameters.batch_size}`);
  if (!standardize) told.push("raw centimetres");
  return told.join(", ");
}
