"""Networks that have only begun to learn, so that epochs alone are measured: no reading, no scaling, no evaluation."""

import time

import numpy as np

from model.dataset import Split
from model.hyperparameters import Hyperparameters
from model.learner import Learner
from model.network import Network, initial_layers


def learner(split: Split, recipe: Hyperparameters) -> Learner:
    """As `fit` makes one, but on the scale of the built-in table, whatever the rows."""
    sizes = (4, *recipe.hidden_layers, len(split.training.species))
    layers = initial_layers(sizes, recipe.initial_weights, np.random.default_rng(recipe.seed))
    mean, scale = np.array([5.8, 3.1, 3.8, 1.2]), np.array([0.8, 0.4, 1.8, 0.8])
    return Learner(Network(mean, scale, *layers, recipe.activation, recipe.output), split, recipe)


def seconds_per_epoch(learning: Learner, recipe: Hyperparameters, epochs: int = 1) -> float:
    rates = np.full(epochs, recipe.learning_rate)
    began = time.perf_counter()
    learning.train_epochs(rates, 0)
    return (time.perf_counter() - began) / epochs
