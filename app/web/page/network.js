// The network as the service stores it: read from its artifact, and propagated forward. The mirror of
// model/artifact.py and model/network.py; weights are rows of neurons, as there.

const SQUASH = {
  sigmoid: (z) => 1 / (1 + Math.exp(-z)),
  tanh: Math.tanh,
  relu: (z) => Math.max(z, 0),
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
    return this.weights.reduce((sum, { length }) => sum + length, 0);
  }

  /** Activations of every layer, the standardised inputs first and the scores last, for centimetres. */
  propagate(flower) {
    const activations = [Float64Array.from(flower, (x, i) => (x - this.mean[i]) / this.scale[i])];
    const { activation, output } = this.card.hyperparameters;
    const last = this.weights.length - 1;
    this.weights.forEach((W, layer) => {
      const Z = this.#sums(W, this.biases[layer], activations[layer]);
      if (layer === last && output === "softmax") activations.push(softmax(Z));
      else activations.push(Z.map(SQUASH[layer === last ? output : activation]));
    });
    return activations;
  }

  /** The weight by which neuron j of layer + 1 hears neuron i of layer. */
  weight(layer, j, i) {
    return this.weights[layer][j * this.sizes[layer] + i];
  }

  #sums(W, b, A) {
    const Z = Float64Array.from(b);
    for (let j = 0, at = 0; j < Z.length; j++) {
      for (let i = 0; i < A.length; i++, at++) Z[j] += W[at] * A[i];
    }
    return Z;
  }
}

function softmax(Z) {
  const largest = Math.max(...Z);
  const raised = Z.map((z) => Math.exp(z - largest));
  const total = raised.reduce((sum, each) => sum + each, 0);
  return raised.map((each) => each / total);
}

/** The index of the winner among scores, and its share of their sum, from 0 where none stands out to 1. */
export function winner(scores) {
  let best = 0;
  let total = 0;
  scores.forEach((score, index) => {
    total += score;
    if (score > scores[best]) best = index;
  });
  const fair = 1 / scores.length;
  return { best, certainty: total > 0 ? (scores[best] / total - fair) / (1 - fair) : 0 };
}
