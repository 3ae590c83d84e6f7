"""Several recipes, learned for a moment: `python -m tests.model.recipes` tells what came of it, for other processes."""

import sys

import msgspec

from model.hyperparameters import Activation, ClassWeight, Hyperparameters, Optimizer, Output
from model.learner import Learner
from tests.model.learning import by_loops, by_matrices, network, parameters, split_of

ROWS = 17
RATES = [0.1, 0.05]
RECIPES = (
    Hyperparameters((3, 4)),
    Hyperparameters((3, 4), Activation.TANH, Output.SOFTMAX),
    Hyperparameters((3, 4), Activation.RELU, Output.SOFTMAX, batch_size=5, momentum=0.9),
    Hyperparameters((3, 4), Activation.TANH, optimizer=Optimizer.ADAM, learning_rate=0.1, batch_size=5, l2=0.01),
    Hyperparameters((), output=Output.SOFTMAX, batch_size=17, class_weight=ClassWeight.BALANCED, l2=0.01),
)


def outcome() -> list[list[float]]:
    """Of every recipe, in both forms: the parameters one after another, then the scores of the epochs."""
    told = []
    for recipe in RECIPES:
        for learn in (by_loops, by_matrices):
            learner = Learner(network(recipe), split_of(ROWS), recipe)
            scores = learn(learner, RATES)
            arrays = [*parameters(learner.network()), scores]
            told.append([number for array in arrays for number in array.ravel().tolist()])
    return told


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(outcome()))
