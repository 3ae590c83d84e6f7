// What the whole page shares: the flower that is measured, the model that serves, the rows of its table,
// and the two measurements that maps are drawn over. Parts of the page listen to "flower", "model", "rows"
// and "axes" and paint what they show; they never call one another.

import { bytes, get } from "./api.js";
import { FEATURES } from "./names.js";
import { Network } from "./network.js";

const MILLISECONDS_OF_CALM = 2000; // after a promotion, in which workers that have not heard of it are not believed
const MILLISECONDS_TO_AGREE = 1200; // in which all workers serve the same
const MILLISECONDS_TO_RETRY = 5000;

export const state = new (class extends EventTarget {
  flower = [5.8, 3.1, 3.8, 1.2]; // centimetres
  axes = [2, 3]; // features, across and up
  model = null; // {version, network, card}
  rows = null; // {specimens, gone} of the model, once they are there
  #wanted = null; // the version that is shown or being loaded
  #calmUntil = 0;
  #doubting = null;

  /** Measure another flower. */
  measure(flower) {
    this.flower = flower;
    this.#tell("flower");
  }

  /** Draw maps over two other measurements. */
  lookAt(axes) {
    this.axes = axes;
    this.#tell("axes");
  }

  /** From where to where maps go, across and up: the ranges that the model knows, with the flower in them. */
  get spans() {
    return this.axes.map((feature) => {
      const [lowest, highest] = this.model.card.feature_ranges[FEATURES[feature]];
      const low = Math.min(lowest, this.flower[feature]);
      const high = Math.max(highest, this.flower[feature]);
      const room = 0.12 * (high - low || 1);
      return [Math.max(0.01, low - room), high + room];
    });
  }

  /** Ask which model serves, and show it; rejects with a Problem if none does. */
  async refresh() {
    const { model_version: version } = await get("/health/ready");
    if (performance.now() > this.#calmUntil) await this.#show(version);
  }

  /** Show the model that has just been made current. */
  async promoted(version) {
    this.#calmUntil = performance.now() + MILLISECONDS_OF_CALM;
    await this.#show(version);
  }

  /** An answer named another version than the one that is shown: look again when all workers agree. */
  doubt(version) {
    if (version === this.#wanted || this.#doubting !== null) return;
    this.#doubting = setTimeout(() => {
      this.#doubting = null;
      this.refresh().catch(() => {}); // who follows the model tells what is wrong
    }, MILLISECONDS_TO_AGREE);
  }

  async #show(version) {
    if (version === this.#wanted) return;
    this.#wanted = version;
    try {
      const network = new Network(await bytes(`/models/${version}/artifact`));
      if (this.#wanted !== version) return; // another one came meanwhile
      this.model = { version, network, card: network.card };
      this.rows = null;
      this.#tell("model");
      this.#loadRows(version);
    } catch (problem) {
      if (this.#wanted === version) this.#wanted = this.model?.version ?? null;
      throw problem;
    }
  }

  async #loadRows(version) {
    let found;
    try {
      found = { ...(await get(`/models/${version}/rows`)), gone: false };
    } catch (problem) {
      if (problem.status !== 404) {
        setTimeout(() => this.model.version === version && this.#loadRows(version), MILLISECONDS_TO_RETRY);
        return;
      }
      found = { specimens: [], gone: true };
    }
    if (version !== this.model.version) return;
    this.rows = found;
    this.#tell("rows");
  }

  #tell(what) {
    this.dispatchEvent(new Event(what));
  }
})();

/** Call back now, if there is a model, and whenever another one serves. */
export function whenModel(callback) {
  state.addEventListener("model", callback);
  if (state.model) callback();
}

/** Call back now, if the rows of the model are there, and whenever those of another one are. */
export function whenRows(callback) {
  state.addEventListener("rows", callback);
  if (state.rows) callback();
}
