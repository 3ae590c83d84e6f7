"""The network: layers of neurons, each a weighted sum squashed by an activation function.

Read this file, then `kernel.py` for how the weights are learned.

Notation: n flowers, d_in and d_out the sizes of two neighbouring layers.
Weights W (d_out, d_in), biases b (d_out,), weighted sums Z (n, d_out), activations A (n, d).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Each function stands beside its derivative, which is had from the function's value. They are
# written so that they serve an array as well as the single number of the compiled loops.


def sigmoid(Z: Array) -> Array:
    """1 / (1 + exp(-Z)); where exp overflows to infinity, that is 0, as it should be."""
    return 1.0 / (1.0 + np.exp(-Z))


def sigmoid_slope(A: Array) -> Array:
    """The derivative of the sigmoid, from its value A = sigmoid(Z)."""
    return A * (1.0 - A)


def tanh(Z: Array) -> Array:
    """The hyperbolic tangent: a sigmoid from -1 to 1."""
    return np.tanh(Z)


def tanh_slope(A: Array) -> Array:
    """The derivative of tanh, from its value A = tanh(Z)."""
    return 1.0 - A * A


def relu(Z: Array) -> Array:
    """Z where it is positive, else 0."""
    return np.maximum(Z, 0.0)


def relu_slope(A: Array) -> Array:
    """The derivative of relu, from its value A = relu(Z), which is never negative; at 0, where there is none, 0."""
    return np.sign(A)


def softmax(Z: Array) -> Array:
    """exp(Z) as shares of their sum over the last axis; the largest is taken off, so that none overflows."""
    raised = np.exp(Z - Z.max(axis=-1, keepdims=True))
    shares: Array = raised / raised.sum(axis=-1, keepdims=True)
    return shares


ACTIVATIONS: Final = {"sigmoid": (sigmoid, sigmoid_slope), "tanh": (tanh, tanh_slope), "relu": (relu, relu_slope)}
OUTPUTS: Final = {"sigmoid": sigmoid, "softmax": softmax}


@dataclass(frozen=True, eq=False)
class Network:
    """Weights and biases of every layer, how they are squashed, and the scale on which the inputs are read.

    Attributes
    ----------
    mean, scale : float64 arrays, shape (4,)
        Centimetres x enter the first layer as (x - mean) / scale.
    weights : tuple of float64 arrays, shapes (d_out, d_in)
    biases : tuple of float64 arrays, shapes (d_out,)
    activation : str
        Of the hidden layers: a name in `ACTIVATIONS`.
    output : str
        Of the last layer: a name in `OUTPUTS`.
    """

    mean: Array
    scale: Array
    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    activation: str = "sigmoid"
    output: str = "sigmoid"

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """Neurons of every layer, inputs and outputs included: (4, 5, 10, 3) by default."""
        return (self.weights[0].shape[1], *(len(b) for b in self.biases))

    def standardize(self, X: Array) -> Array:
        """Centimetres (n, 4) on the scale of the first layer's inputs."""
        return (X - self.mean) / self.scale

    @np.errstate(over="ignore")  # of exp in the sigmoid
    def propagate(self, A: Array) -> list[Array]:
        """Activations of every layer, the inputs first and the outputs last.

        Parameters
        ----------
        A : float64 array, shape (n, 4) for n flowers or (4,) for one
            Inputs of the first layer, standardised.

        Returns
        -------
        list of float64 arrays, shapes (n, d) or (d,)
            One more than there are weights.
        """
        squash, _ = ACTIVATIONS[self.activation]
        activations = [A]
        for W, b in zip(self.weights[:-1], self.biases[:-1], strict=True):
            activations.append(squash(activations[-1] @ W.T + b))  # (n, d_out)
        Z = activations[-1] @ self.weights[-1].T + self.biases[-1]  # (n, k)
        return [*activations, OUTPUTS[self.output](Z)]

    def scores(self, X: Array) -> Array:
        """Output activations, one for each species.

        Parameters
        ----------
        X : float64 array, shape (n, 4) for n flowers or (4,) for one
            Centimetres.

        Returns
        -------
        float64 array, shape (n, species) or (species,)
            Each in [0, 1]. Softmax outputs sum to 1; sigmoid outputs need not, as each output
            neuron decides for itself.
        """
        return self.propagate(self.standardize(X))[-1]

    def predict(self, X: Array) -> NDArray[np.int64]:
        """Label of the species with the largest score: int64 (n,) for X (n, 4)."""
        labels: NDArray[np.int64] = np.argmax(self.scores(X), axis=-1)
        return labels


def probabilities(scores: Array) -> Array:
    """Scores (n, k) as shares of their sum; those of softmax outputs are such shares already.

    Where all scores are 0, so that nothing speaks for any species, all shares are the same.
    """
    scores = np.maximum(scores, 1e-300)
    shares: Array = scores / scores.sum(axis=-1, keepdims=True)
    return shares


def initial_layers(
    layer_sizes: Sequence[int], scheme: str, rng: np.random.Generator
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Weights and biases of a network that has learned nothing.

    `uniform` draws both from [-1, 1], as the tutorial does. `glorot` and `he` draw weights from
    [-r, r] with r = sqrt(6 / (d_in + d_out)) and sqrt(6 / d_in), so that signals neither fade nor
    grow from layer to layer, and leave biases at 0. Sources: Glorot and Bengio (2010), eq. 16;
    He et al. (2015), eq. 10 (as a uniform draw of that variance).
    """
    pairs = list(pairwise(layer_sizes))
    reaches = {
        "uniform": [1.0 for _ in pairs],
        "glorot": [float(np.sqrt(6 / (d_in + d_out))) for d_in, d_out in pairs],
        "he": [float(np.sqrt(6 / d_in)) for d_in, _ in pairs],
    }[scheme]
    weights = tuple(rng.uniform(-r, r, (d_out, d_in)) for r, (d_in, d_out) in zip(reaches, pairs, strict=True))
    bias_reach = 1.0 if scheme == "uniform" else 0.0
    return weights, tuple(rng.uniform(-bias_reach, bias_reach, d_out) for _, d_out in pairs)
