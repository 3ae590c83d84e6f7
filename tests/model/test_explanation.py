"""Gradients of a score, and contributions that add up to it."""

from itertools import product

import numpy as np
import pytest

from model.explanation import gradient, integrated_gradients
from model.network import ACTIVATIONS, OUTPUTS, Array, Network, initial_layers

MEAN, SCALE = np.array([5.8, 3.1, 3.8, 1.2]), np.array([0.8, 0.4, 1.8, 0.8])
FLOWERS = np.array([[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3], [5.7, 2.8, 4.1, 1.3], [30.0, 0.1, 30.0, 0.1]])
KINDS = list(product(ACTIVATIONS, OUTPUTS))


def network(activation: str, output: str, *hidden: int, gain: float = 1.0, seed: int = 0) -> Network:
    weights, biases = initial_layers((4, *hidden, 3), "uniform", np.random.default_rng(seed))
    return Network(MEAN, SCALE, tuple(gain * W for W in weights), biases, activation, output)


def difference(net: Network, x: Array, label: int) -> float:
    return float(net.scores(x)[label] - net.scores(MEAN)[label])


@pytest.mark.parametrize(("activation", "output"), KINDS)
@pytest.mark.parametrize("hidden", [(), (5, 10), (8, 8, 8)])
def test_the_gradient_is_that_of_central_differences(activation: str, output: str, hidden: tuple[int, ...]) -> None:
    net, h = network(activation, output, *hidden), 1e-6
    for label in range(3):
        up, down = (net.scores(FLOWERS[:3, None] + sign * h * np.eye(4))[..., label] for sign in (1, -1))
        np.testing.assert_allclose(gradient(net, FLOWERS[:3], label), (up - down) / (2 * h), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("activation", "output"), KINDS)
@pytest.mark.parametrize("gain", [1.0, 10.0], ids=["gentle", "steep"])
def test_contributions_sum_to_the_difference_of_the_scores(activation: str, output: str, gain: float) -> None:
    net = network(activation, output, 5, 10, gain=gain)
    for x, label in product(FLOWERS, range(3)):
        found = integrated_gradients(net, x, MEAN, label)
        assert pytest.approx(difference(net, x, label), abs=1e-7) == found.features.sum()
        assert net.scores(MEAN)[label] == found.baseline_score


def test_contributions_are_the_gradient_averaged_over_the_way() -> None:
    net, x = network("tanh", "softmax", 6), FLOWERS[1]
    places = (np.arange(200_000) + 0.5)[:, None] / 200_000
    averaged = gradient(net, MEAN + places * (x - MEAN), 2).mean(axis=0) * (x - MEAN)
    np.testing.assert_allclose(integrated_gradients(net, x, MEAN, 2).features, averaged, rtol=1e-7, atol=1e-10)


def test_a_feature_that_is_the_baselines_contributes_nothing() -> None:
    found = integrated_gradients(network("sigmoid", "sigmoid", 5), np.array([6.7, MEAN[1], 5.2, 2.3]), MEAN, 2)
    assert 0 == found.features[1]
    assert np.all(found.features[[0, 2, 3]] != 0)


def test_a_feature_that_the_network_does_not_hear_contributes_nothing() -> None:
    net = network("relu", "softmax", 5)
    net.weights[0][:, 3] = 0
    assert 0 == integrated_gradients(net, FLOWERS[1], MEAN, 0).features[3]


def test_a_network_of_many_kinks_is_explained_in_bounded_work() -> None:
    net = network("relu", "sigmoid", 256, 256)
    found = integrated_gradients(net, FLOWERS[1], MEAN, 1)
    assert pytest.approx(difference(net, FLOWERS[1], 1), abs=1e-4) == found.features.sum()
