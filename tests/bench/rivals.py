"""Others that learn what ours learns, with the same settings: scikit-learn and, where it is installed, PyTorch.

    python -m tests.bench.rivals {ours,scikit-learn} <rows> <epochs>

fits mini-batches and prints the seconds that it took: a process of its own, for how many threads
the linear algebra has is decided when a process starts. The matrices of ours take one in any case.
"""

import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from typing import Any, Final

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from model.dataset import Dataset, Split
from model.hyperparameters import Activation, Hyperparameters, InitialWeights, Optimizer, Output
from model.network import Array, Network
from model.training import fit
from tests.bench.tables import split_of

TUTORIAL: Final = Hyperparameters(standardize=False)
MINI_BATCHES: Final = Hyperparameters(
    hidden_layers=(64, 64),
    activation=Activation.RELU,
    output=Output.SOFTMAX,
    initial_weights=InitialWeights.GLOROT,
    optimizer=Optimizer.ADAM,
    learning_rate=0.001,
    batch_size=256,
)
_ACTIVATIONS: Final = {Activation.SIGMOID: "logistic", Activation.TANH: "tanh", Activation.RELU: "relu"}
_NEVER: Final = 10**9


def scikit_learn(X: Array, table: Dataset, recipe: Hyperparameters) -> MLPClassifier:
    """Fit an MLPClassifier to X (n, 4), the inputs of the table, as the recipe says.

    Its outputs are softmax in any case, which costs about what ours do. It stops neither early nor
    for want of progress.
    """
    network = MLPClassifier(
        recipe.hidden_layers,
        activation=_ACTIVATIONS[recipe.activation],
        solver=recipe.optimizer.value,
        alpha=recipe.l2,
        batch_size=recipe.batch_size,
        learning_rate_init=recipe.learning_rate,
        momentum=recipe.momentum,
        nesterovs_momentum=False,
        max_iter=recipe.epochs,
        shuffle=False,
        tol=0.0,
        n_iter_no_change=_NEVER,
        random_state=recipe.seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(X, table.labels)
    if network.n_iter_ != recipe.epochs:
        raise RuntimeError(f"{network.n_iter_} epochs instead of {recipe.epochs}")
    return network


def has_pytorch() -> bool:
    return find_spec("torch") is not None


def pytorch(X: Array, targets: Array, begun: Network, epochs: int, learning_rate: float) -> list[Array]:
    """The tutorial's recipe: X (n, 4), targets (n, k), one step per row; the weights that come of it.

    It begins with the weights of a network, so that they can be compared with those of ours.
    """
    torch: Any = import_module("torch")
    torch.set_num_threads(1)
    layers: list[Any] = []
    for (d_in, d_out), W, b in zip(pairwise(begun.layer_sizes), begun.weights, begun.biases, strict=True):
        layer = torch.nn.Linear(d_in, d_out, dtype=torch.float64)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(W))
            layer.bias.copy_(torch.tensor(b))
        layers += [layer, torch.nn.Sigmoid()]
    network = torch.nn.Sequential(*layers)
    optimizer = torch.optim.SGD(network.parameters(), lr=learning_rate)
    rows = list(zip(torch.tensor(X), torch.tensor(targets), strict=True))
    for _ in range(epochs):
        for x, target in rows:
            loss = 0.5 * ((network(x) - target) ** 2).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return [layer.weight.detach().numpy() for layer in layers[::2]]


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def mini_batches(who: str, split: Split, recipe: Hyperparameters) -> object:
    if who == "ours":
        return fit(split, recipe)
    training = split.training
    return scikit_learn((training.X - training.X.mean(axis=0)) / training.X.std(axis=0), training, recipe)


def main() -> None:
    who, rows, epochs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    mini_batches(who, split_of(MINI_BATCHES.batch_size), MINI_BATCHES)  # warm
    split, recipe = split_of(rows), replace(MINI_BATCHES, epochs=epochs)
    print(seconds(lambda: mini_batches(who, split, recipe)))


if __name__ == "__main__":
    main()
