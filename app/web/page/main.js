// The page: its parts, each of which paints what it shows, and whether there is a model to show.

import { byId, html } from "./elements.js";
import { percent, recipeInWords } from "./names.js";
import { state, whenModel } from "./state.js";
import "./flower.js";
import "./measure.js";
import "./diagram.js";
import "./map.js";
import "./evaluation.js";
import "./versions.js";
import "./training.js";

const MILLISECONDS_BETWEEN_LOOKS = 3000;

whenModel(() => {
  const { version, card } = state.model;
  const told = [["Serves", version.split("-")[1].slice(0, 8)], ["Table", card.dataset.name],
    ["Recipe", recipeInWords(card.hyperparameters)], ["Test accuracy", percent(card.evaluation.test.accuracy)]];
  byId("serving").replaceChildren(...told.map(([name, value]) => html("div", {}, html("dt", {}, name), html("dd", {}, value))));
  byId("serving").dataset.version = version;
});

/** Follow the model that serves: somebody else may promote another one. */
async function follow() {
  const notice = byId("notice");
  try {
    await state.refresh();
    notice.hidden = true;
  } catch (problem) {
    notice.textContent = problem.status === 503 ? `The service is not ready: ${problem.message}` : problem.message;
    notice.hidden = false;
  }
  setTimeout(follow, MILLISECONDS_BETWEEN_LOOKS);
}

follow();
