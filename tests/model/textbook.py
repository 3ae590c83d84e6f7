"""Learning as the textbooks have it: formulas over whole parts, without a derivative worked out anywhere.

Independent of the code under test. Parameters are lists [W1, b1, W2, b2, ...] and may be complex,
so that derivatives can be had from complex steps: f(w + ih) = f(w) + ih f'(w) + O(h^2). Nothing is
subtracted there, so h may be tiny and the error is none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.network import Array

Numbers = NDArray[Any]
Parameters = Sequence[Numbers]

SQUASHES: dict[str, Callable[[Numbers], Numbers]] = {
    "sigmoid": lambda Z: 1 / (1 + np.exp(-Z)),
    "tanh": lambda Z: (np.exp(Z) - np.exp(-Z)) / (np.exp(Z) + np.exp(-Z)),
    "relu": lambda Z: Z * (Z.real > 0),
    "softmax": lambda Z: np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True),
}


@dataclass(frozen=True)
class Objective:
    """What is made small: the mean over rows of the loss, times the weight of the row's species, and the penalty."""

    activation: str = "sigmoid"
    output: str = "sigmoid"
    l2: float = 0.0
    class_weights: tuple[float, ...] = (1.0, 1.0, 1.0)

    def outputs(self, parameters: Parameters, X: Array) -> Numbers:
        A: Numbers = X
        for layer in range(0, len(parameters), 2):
            Z = A @ parameters[layer].T + parameters[layer + 1]
            A = SQUASHES[self.activation if layer + 2 < len(parameters) else self.output](Z)
        return A

    def losses(self, parameters: Parameters, X: Array, labels: NDArray[np.int64]) -> Numbers:
        """Of each row, (n,)."""
        outputs, targets = self.outputs(parameters, X), np.eye(len(self.class_weights))[labels]
        if self.output == "softmax":
            losses: Numbers = -np.sum(targets * np.log(outputs), axis=1)
        else:
            losses = np.sum((outputs - targets) ** 2, axis=1) / 2
        return losses

    def __call__(self, parameters: Parameters, X: Array, labels: NDArray[np.int64]) -> Any:
        counted = np.array(self.class_weights)[labels]
        penalty = self.l2 / 2 * sum(np.sum(W**2) for W in parameters[::2])
        return np.mean(counted * self.losses(parameters, X, labels)) + penalty

    def gradient(self, parameters: Parameters, X: Array, labels: NDArray[np.int64]) -> list[Array]:
        """The derivative by each number, from a complex step in it alone."""
        gradient = []
        for i, array in enumerate(parameters):
            slopes = np.empty(array.shape)
            for place in np.ndindex(array.shape):
                stepped: list[Numbers] = list(parameters)
                stepped[i] = array.astype(complex)
                stepped[i][place] += 1e-20j
                slopes[place] = self(stepped, X, labels).imag / 1e-20
            gradient.append(slopes)
        return gradient


Step = Callable[[Array, Array, float], Array]  # parameters, gradient, learning rate -> parameters


def momentum(share: float) -> Callable[[], Step]:
    """The heavy ball of Polyak (1964), as PyTorch and scikit-learn have it; with a share of 0 plain descent."""

    def begin() -> Step:
        velocity: Any = 0.0

        def step(parameters: Array, gradient: Array, rate: float) -> Array:
            nonlocal velocity
            velocity = share * velocity + gradient
            stepped: Array = parameters - rate * velocity
            return stepped

        return step

    return begin


def adam(epsilon: Callable[[int], float] = lambda _: 1e-8) -> Callable[[], Step]:
    """Algorithm 1 of Kingma and Ba (2015), with the epsilon of each step."""

    def begin() -> Step:
        m: Any = 0.0
        v: Any = 0.0
        t = 0

        def step(parameters: Array, gradient: Array, rate: float) -> Array:
            nonlocal m, v, t
            t += 1
            m = 0.9 * m + 0.1 * gradient
            v = 0.999 * v + 0.001 * gradient**2
            unbiased_m, unbiased_v = m / (1 - 0.9**t), v / (1 - 0.999**t)
            stepped: Array = parameters - rate * unbiased_m / (np.sqrt(unbiased_v) + epsilon(t))
            return stepped

        return step

    return begin


def learn(  # noqa: PLR0913, PLR0917 - what learning depends on
    objective: Objective,
    begin: Callable[[], Step],
    parameters: Parameters,
    X: Array,
    labels: NDArray[np.int64],
    batch_size: int,
    rates: Sequence[float],
) -> tuple[list[Array], list[tuple[float, float]]]:
    """The parameters after an epoch for each rate, and of each epoch mean loss and accuracy as the rows were met."""
    current, steps = [array.copy() for array in parameters], [begin() for _ in parameters]
    scores = []
    for rate in rates:
        losses: list[float] = []
        right: list[bool] = []
        for start in range(0, len(X), batch_size):
            batch = X[start : start + batch_size], labels[start : start + batch_size]
            losses.extend(objective.losses(current, *batch))
            right.extend(objective.outputs(current, batch[0]).argmax(axis=1) == batch[1])
            gradient = objective.gradient(current, *batch)
            current = [step(p, g, rate) for step, p, g in zip(steps, current, gradient, strict=True)]
        scores.append((float(np.mean(losses)), float(np.mean(right))))
    return current, scores
