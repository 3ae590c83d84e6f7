"""Learning, one number at a time: backpropagation and gradient descent in plain loops, compiled.

Source of the equations: Rumelhart, Hinton and Williams, "Learning representations by
back-propagating errors", Nature 323 (1986); numbered BP1 to BP4 as in Nielsen, "Neural Networks
and Deep Learning" (2015), chapter 2. `matrices.py` says the same of many rows at once.

Neuron j of layer l + 1 hears neuron i of layer l through `weights[l, j, i]`, and its bias is
`biases[l, j]`: see `state.py`.
"""

from typing import Final

import numpy as np

from model import network
from model.compilation import compiled, compiled_for_numbers, inlined
from model.exponential import exp
from model.network import Array
from model.state import Layers, Part, Recipe, State

SIGMOID: Final = 0
TANH: Final = 1
RELU: Final = 2
SOFTMAX: Final = 3

_BETA_1: Final = 0.9  # Adam's memory of gradients,
_BETA_2: Final = 0.999  # and of their squares
_EPSILON: Final = 1e-8
_SMALLEST: Final = 1e-300  # the logarithm of 0 is infinite

sigmoid_slope = compiled_for_numbers(network.sigmoid_slope)
tanh, tanh_slope = compiled_for_numbers(network.tanh), compiled_for_numbers(network.tanh_slope)
relu, relu_slope = compiled_for_numbers(network.relu), compiled_for_numbers(network.relu_slope)


@compiled
def train_epochs(recipe: Recipe, state: State, training: Part, validation: Part, rates: Array, steps: int) -> Array:
    """As many epochs as there are learning rates: float64 (epochs, 4), the scores after each.

    These are the loss and the accuracy of `train_epoch`, then those on the validation rows.
    `steps` have been taken in the epochs before.
    """
    scores = np.empty((len(rates), 4))
    for epoch in range(len(rates)):
        scores[epoch, 0], scores[epoch, 1] = train_epoch(recipe, state, training, rates[epoch], steps)
        scores[epoch, 2], scores[epoch, 3] = score(recipe, state.parameters, validation)
        steps += -(-len(training[1]) // recipe.batch_size)
    return scores


@inlined
def train_epoch(recipe: Recipe, state: State, part: Part, learning_rate: float, steps: int) -> tuple[float, float]:
    """One pass over the rows, in their order: a step down the gradient after each batch of them.

    Parameters
    ----------
    recipe : Recipe
    state : State
        Changed in place.
    part : pair of a float64 array, shape (n, d_in), and an int64 array, shape (n,)
        Standardised measurements and labels.
    learning_rate : float
    steps : int
        That have been taken in the epochs before; Adam counts them.

    Returns
    -------
    loss, accuracy : float
        Means over the rows, each as the network met it: before the step that it led to.
    """
    X, labels = part
    activations = np.empty((len(recipe.sizes), state.parameters.biases.shape[1]))
    deltas = np.empty_like(activations)
    # Where a step is nothing but the gradient of one row, it goes to the parameters at once.
    online = recipe.batch_size == 1 and not recipe.adam and recipe.momentum == 0 and recipe.l2 == 0
    into = state.parameters if online else state.gradient
    loss, right = 0.0, 0
    for start in range(0, len(X), recipe.batch_size):
        stop = min(start + recipe.batch_size, len(X))
        for row in range(start, stop):
            label = labels[row]
            forward(recipe, state.parameters, X, row, activations)
            loss += loss_of(recipe, activations, label)
            right += winner(recipe, activations) == label
            share = recipe.class_weights[label] / (stop - start)
            factor = -learning_rate * share if online else share
            backpropagate(recipe, state.parameters, activations, deltas, label, factor, into)
        if not online:
            steps += 1
            descend(recipe, state, learning_rate, steps)
    return loss / len(X), right / len(X)


@inlined
def score(recipe: Recipe, parameters: Layers, part: Part) -> tuple[float, float]:
    """Mean loss and accuracy over the rows of a part."""
    X, labels = part
    activations = np.empty((len(recipe.sizes), parameters.biases.shape[1]))
    loss, right = 0.0, 0
    for row in range(len(X)):
        forward(recipe, parameters, X, row, activations)
        loss += loss_of(recipe, activations, labels[row])
        right += winner(recipe, activations) == labels[row]
    return loss / len(X), right / len(X)


@inlined
def forward(recipe: Recipe, parameters: Layers, X: Array, row: int, activations: Array) -> None:
    """Write the activations of every layer for one row of X (n, d_in): the inputs first and the outputs last."""
    last = len(recipe.sizes) - 1
    for i in range(recipe.sizes[0]):
        activations[0, i] = X[row, i]
    for layer in range(last):
        below, above = recipe.sizes[layer], recipe.sizes[layer + 1]
        for j in range(above):
            z = parameters.biases[layer, j]
            for i in range(below):
                z += parameters.weights[layer, j, i] * activations[layer, i]
            activations[layer + 1, j] = z
        squash(activations, layer + 1, above, recipe.activation if layer + 1 < last else recipe.output)


@inlined
def backpropagate(
    recipe: Recipe, parameters: Layers, activations: Array, deltas: Array, label: int, factor: float, into: Layers
) -> None:
    """Add to `into` the gradient of one row's loss by every weight and bias, times the factor.

    `activations` are those of the forward pass, and `deltas` (same shape) is room for the
    derivatives of the loss by the weighted sums. `into` may be the parameters themselves: each
    weight has passed its error on before it is changed, so that it is the exact gradient.
    """
    blame_outputs(recipe, activations, deltas, label)
    for layer in range(len(recipe.sizes) - 2, 0, -1):
        below, above = recipe.sizes[layer], recipe.sizes[layer + 1]
        for i in range(below):
            deltas[layer, i] = 0.0
        for j in range(above):
            delta = deltas[layer + 1, j]
            if delta == 0.0:  # as of half of the neurons with relu, which have no share in the error
                continue
            step = factor * delta
            into.biases[layer, j] += step  # BP3
            for i in range(below):
                deltas[layer, i] += parameters.weights[layer, j, i] * delta  # BP2
            for i in range(below):
                into.weights[layer, j, i] += step * activations[layer, i]  # BP4
        for i in range(below):
            deltas[layer, i] *= slope(activations[layer, i], recipe.activation)
    for j in range(recipe.sizes[1]):  # nothing is below the first layer to pass an error on to
        step = factor * deltas[1, j]
        into.biases[0, j] += step
        for i in range(recipe.sizes[0]):
            into.weights[0, j, i] += step * activations[0, i]


@inlined
def blame_outputs(recipe: Recipe, activations: Array, deltas: Array, label: int) -> None:
    """Write the derivatives of one row's loss by the weighted sums of the outputs."""
    last = len(recipe.sizes) - 1
    for k in range(recipe.sizes[last]):
        deltas[last, k] = activations[last, k] - (k == label)  # BP1
        if recipe.output == SIGMOID:
            deltas[last, k] *= sigmoid_slope(activations[last, k])


@compiled
def step_down(recipe: Recipe, state: State, learning_rate: float, steps: int) -> None:
    """What `descend` does, for those who are not compiled."""
    descend(recipe, state, learning_rate, steps)


@inlined
def descend(recipe: Recipe, state: State, learning_rate: float, steps: int) -> None:
    """One step of the optimiser down the gradient, which is 0 afterwards; `steps` counts this one too."""
    # Adam's means begin at 0, and this makes up for it: Kingma and Ba (2015), end of section 2.
    bias = np.sqrt(1 - _BETA_2**steps) / (1 - _BETA_1**steps)
    rate = learning_rate * bias if recipe.adam else learning_rate
    for layer in range(len(recipe.sizes) - 1):
        above, below = recipe.sizes[layer + 1], recipe.sizes[layer]
        for j in range(above):
            advance(
                recipe,
                state.parameters.weights[layer, j, :below],
                state.gradient.weights[layer, j, :below],
                state.velocity.weights[layer, j, :below],
                state.energy.weights[layer, j, :below],
                recipe.l2,
                rate,
            )
        advance(
            recipe,
            state.parameters.biases[layer, :above],
            state.gradient.biases[layer, :above],
            state.velocity.biases[layer, :above],
            state.energy.biases[layer, :above],
            0.0,
            rate,
        )


@inlined
def advance(
    recipe: Recipe,
    parameters: Array,
    gradient: Array,
    velocity: Array,
    energy: Array,
    l2: float,
    learning_rate: float,
) -> None:
    """The step of some parameters (d,). Source of Adam: Kingma and Ba (2015), algorithm 1."""
    for i in range(len(parameters)):
        g = gradient[i] + l2 * parameters[i]
        if recipe.adam:
            velocity[i] = _BETA_1 * velocity[i] + (1 - _BETA_1) * g
            energy[i] = _BETA_2 * energy[i] + (1 - _BETA_2) * g * g
            parameters[i] -= learning_rate * velocity[i] / (np.sqrt(energy[i]) + _EPSILON)
        else:
            velocity[i] = recipe.momentum * velocity[i] + g
            parameters[i] -= learning_rate * velocity[i]
        gradient[i] = 0.0


@inlined
def sigmoid(z: float) -> float:
    """`network.sigmoid` of a single number, by the loops' own exponential function."""
    return 1.0 / (1.0 + exp(-z))


@inlined
def squash(activations: Array, layer: int, size: int, kind: int) -> None:
    """Turn the weighted sums of a layer into its activations, in place."""
    if kind == SIGMOID:
        for j in range(size):
            activations[layer, j] = sigmoid(activations[layer, j])
    elif kind == TANH:
        for j in range(size):
            activations[layer, j] = tanh(activations[layer, j])
    elif kind == RELU:
        for j in range(size):
            activations[layer, j] = relu(activations[layer, j])
    else:
        largest = activations[layer, 0]
        for j in range(1, size):
            largest = max(largest, activations[layer, j])
        total = 0.0
        for j in range(size):
            activations[layer, j] = exp(activations[layer, j] - largest)
            total += activations[layer, j]
        for j in range(size):
            activations[layer, j] /= total


@inlined
def slope(activation: float, kind: int) -> float:
    """The derivative of a hidden neuron's activation by its weighted sum."""
    if kind == SIGMOID:
        return sigmoid_slope(activation)
    if kind == TANH:
        return tanh_slope(activation)
    return relu_slope(activation)


@inlined
def loss_of(recipe: Recipe, activations: Array, label: int) -> float:
    """The loss of one row: cross-entropy for softmax outputs, else half the squared error."""
    last = len(recipe.sizes) - 1
    if recipe.output == SOFTMAX:
        return -float(np.log(max(activations[last, label], _SMALLEST)))
    total = 0.0
    for k in range(recipe.sizes[last]):
        total += 0.5 * (activations[last, k] - (k == label)) ** 2
    return total


@inlined
def winner(recipe: Recipe, activations: Array) -> int:
    """The first of the largest outputs."""
    # Numbers are chosen, not ways to go: which output is larger, a processor would guess wrongly too often.
    last, best = len(recipe.sizes) - 1, 0
    largest = activations[last, 0]
    for k in range(1, recipe.sizes[last]):
        larger = activations[last, k] > largest
        best = k if larger else best
        largest = activations[last, k] if larger else largest
    return best
