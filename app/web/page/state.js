// What the whole page shares: the flower that is measured and the model that serves. Parts of the page
// listen to "flower" and to "model" and paint what they show; they never call one another.

import { bytes, get } from "./api.js";
import { Network } from "./network.js";

export const state = new (class extends EventTarget {
  flower = [5.8, 3.1, 3.8, 1.2]; // centimetres
  model = null; // {version, network, card}
  #loading = null;

  /** Measure another flower. */
  measure(flower) {
    this.flower = flower;
    this.dispatchEvent(new Event("flower"));
  }

  /** Show the model of a version, which has turned out to be the one that serves. */
  async serve(version) {
    if (version === this.model?.version || version === this.#loading) return;
    this.#loading = version;
    try {
      const network = new Network(await bytes(`/models/${version}/artifact`));
      if (this.#loading !== version) return; // another one came meanwhile
      this.model = { version, network, card: network.card };
      this.dispatchEvent(new Event("model"));
    } finally {
      if (this.#loading === version) this.#loading = null;
    }
  }

  /** Ask which model serves; rejects with a Problem if none does. */
  async refresh() {
    await this.serve((await get("/health/ready")).model_version);
  }
})();

/** Call back now, if there is a model, and whenever another one serves. */
export function whenModel(callback) {
  state.addEventListener("model", callback);
  if (state.model) callback();
}
