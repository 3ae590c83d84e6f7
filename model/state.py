"""What the loops of learning work on: the numbers of all layers in one place.

Neuron j of layer l + 1 hears neuron i of layer l through `weights[l, j, i]`, and its bias is
`biases[l, j]`. All layers share one array that is as wide as the widest of them, so that the loops
need no other arithmetic than these indices; what a narrower layer leaves of it is never touched.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.network import Array

Integers = NDArray[np.int64]
Part = tuple[Array, Integers]  # X (n, d_in), standardised, and labels (n,)


class Layers(NamedTuple):
    """A number for each weight and each bias: the parameters of a network, or a gradient by them.

    `weights` is float64 (layers, widest, widest or more), `biases` float64 (layers, widest).
    """

    weights: Array
    biases: Array


class State(NamedTuple):
    """What changes while a network learns: its parameters, their gradient, and what the optimiser remembers."""

    parameters: Layers
    gradient: Layers
    velocity: Layers  # a running sum (momentum) or mean (Adam) of gradients
    energy: Layers  # Adam's running mean of squared gradients


class Recipe(NamedTuple):
    """What the loops need to know of the hyperparameters.

    `sizes` is int64 (layers + 1,), neurons by layer with inputs and outputs; `class_weights` is
    float64 (k,), how much a row of each species counts.
    """

    sizes: Integers
    activation: int
    output: int
    adam: bool
    momentum: float
    l2: float
    batch_size: int
    class_weights: Array
