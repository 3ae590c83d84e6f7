"""The network: layers of neurons, each a weighted sum squashed by a sigmoid.

Read this file, then `kernel.py` for how the weights are learned.

Notation: n flowers, d_in and d_out the sizes of two neighbouring layers.
Weights W (d_out, d_in), biases b (d_out,), activations A (n, d).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def sigmoid(Z: Array) -> Array:
    """1 / (1 + exp(-Z)), written with tanh because that cannot overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * Z))


def sigmoid_slope(A: Array) -> Array:
    """The derivative of the sigmoid, from its value A = sigmoid(Z)."""
    return A * (1.0 - A)


def propagate(weights: Sequence[Array], biases: Sequence[Array], A: Array) -> list[Array]:
    """Activations of every layer, the inputs first and the outputs last.

    Parameters
    ----------
    weights, biases : sequences of float64 arrays, shapes (d_out, d_in) and (d_out,)
    A : float64 array, shape (n, d_in) for n flowers or (d_in,) for one
        Inputs of the first layer, standardised.

    Returns
    -------
    list of float64 arrays, shapes (n, d) or (d,)
        One more than there are weights.
    """
    activations = [A]
    for W, b in zip(weights, biases, strict=True):
        activations.append(sigmoid(activations[-1] @ W.T + b))  # (n, d_out)
    return activations


@dataclass(frozen=True, eq=False)
class Network:
    """Weights and biases of every layer, and the scale on which the inputs are read.

    Attributes
    ----------
    mean, scale : float64 arrays, shape (4,)
        Centimetres x enter the first layer as (x - mean) / scale.
    weights : tuple of float64 arrays, shapes (d_out, d_in)
    biases : tuple of float64 arrays, shapes (d_out,)
    """

    mean: Array
    scale: Array
    weights: tuple[Array, ...]
    biases: tuple[Array, ...]

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """Neurons of every layer, inputs and outputs included: (4, 5, 10, 3) by default."""
        return (self.weights[0].shape[1], *(len(b) for b in self.biases))

    def standardize(self, X: Array) -> Array:
        """Centimetres (n, 4) on the scale of the first layer's inputs."""
        return (X - self.mean) / self.scale

    def scores(self, X: Array) -> Array:
        """Output activations, one for each species.

        Parameters
        ----------
        X : float64 array, shape (n, 4) for n flowers or (4,) for one
            Centimetres.

        Returns
        -------
        float64 array, shape (n, species) or (species,)
            Each in [0, 1]; they need not sum to 1, as each output neuron decides for itself.
        """
        return propagate(self.weights, self.biases, self.standardize(X))[-1]

    def predict(self, X: Array) -> NDArray[np.int64]:
        """Label of the species with the largest score: int64 (n,) for X (n, 4)."""
        labels: NDArray[np.int64] = np.argmax(self.scores(X), axis=-1)
        return labels


def initialise(layer_sizes: Sequence[int], mean: Array, scale: Array, rng: np.random.Generator) -> Network:
    """A network that has learned nothing: weights and biases uniform in [-1, 1]."""
    pairs = list(pairwise(layer_sizes))
    return Network(
        mean=mean,
        scale=scale,
        weights=tuple(rng.uniform(-1.0, 1.0, (d_out, d_in)) for d_in, d_out in pairs),
        biases=tuple(rng.uniform(-1.0, 1.0, d_out) for _, d_out in pairs),
    )
