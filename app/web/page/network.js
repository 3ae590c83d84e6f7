// The network as the service stores it: read from its artifact, and propagated forward. The mirror of
// model/artifact.py and model/network.py; weights are rows of neurons, as there.

// In place: weighted sums become activations.
const SQUASH = {
  sigmoid: (Z) => { for (let j = 0; j < Z.length; j++) Z[j] = 1 / (1 + Math.exp(-Z[j])); },
  tanh: (Z) => { for (let j = 0; j < Z.length; j++) Z[j] = Math.tanh(Z[j]); },
  relu: (Z) => { for (let j = 0; j < Z.length; j++) Z[j] = Math.max(Z[j], 0); },
  softmax: (Z) => {
    const largest = Z.reduce((most, z) => Math.max(most, z));
    let total = 0;
    for (let j = 0; j < Z.length; j++) total += Z[j] = Math.exp(Z[j] - largest);
    for (let j = 0; j < Z.length; j++) Z[j] /= total;
  },
};

export class Network {
  /** From the bytes of an artifact: the length of a header, the header in JSON, then the arrays. */
  constructor(artifact) {
    const length = Number(new DataView(artifact).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(artifact, 8, length)));
    const data = artifact.slice(8 + length); // so that numbers lie where the machine wants them
    const array = (name) => {
      const [start, end] = header[name].data_offsets;
      return new Float64Array(data, start, (end - start) / 8);
    };
    this.card = JSON.parse(header.__metadata__.card);
    this.sizes = this.card.layer_sizes;
    const layers = this.sizes.slice(1).map((_, index) => index + 1);
    this.mean = array("mean");
    this.scale = array("scale");
    this.weights = layers.map((layer) => array(`weights.${layer}`));
    this.biases = layers.map((layer) => array(`biases.${layer}`));
  }

  /** How many multiplications a flower costs. */
  get work() {
    return this.weights.reduce((total, { length }) => total + length, 0);
  }

  /** Room for the activations of every layer. */
  room() {
    return this.sizes.map((size) => new Float64Array(size));
  }

  /**
   * Activations of every layer, the standardised inputs first and the scores last, for centimetres; who
   * propagates many flowers brings the room for them, to use again.
   */
  propagate(flower, activations = this.room()) {
    const { activation, output } = this.card.hyperparameters;
    for (let i = 0; i < flower.length; i++) activations[0][i] = (flower[i] - this.mean[i]) / this.scale[i];
    for (let layer = 0; layer < this.weights.length; layer++) {
      sum(this.weights[layer], this.biases[layer], activations[layer], activations[layer + 1]);
      SQUASH[layer === this.weights.length - 1 ? output : activation](activations[layer + 1]);
    }
    return activations;
  }

  /** The weight by which neuron j of layer + 1 hears neuron i of layer. */
  weight(layer, j, i) {
    return this.weights[layer][j * this.sizes[layer] + i];
  }
}

/** Write the weighted sums of activations A, by weights W and biases b, into Z. */
function sum(W, b, A, Z) {
  for (let j = 0, at = 0; j < Z.length; j++) {
    let z = b[j];
    for (let i = 0; i < A.length; i++, at++) z += W[at] * A[i];
    Z[j] = z;
  }
}

/** The index of the winner among scores, and its share of their sum, from 0 where none stands out to 1. */
export function winner(scores) {
  let best = 0;
  let total = 0;
  for (let index = 0; index < scores.length; index++) {
    total += scores[index];
    if (scores[index] > scores[best]) best = index;
  }
  const fair = 1 / scores.length;
  return { best, certainty: total > 0 ? (scores[best] / total - fair) / (1 - fair) : 0 };
}
