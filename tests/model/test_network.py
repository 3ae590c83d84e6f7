from typing import cast

import numpy as np
import pytest

from model.network import Array, Network, initialise, propagate, sigmoid, sigmoid_slope

IDENTITY = np.zeros(4), np.ones(4)


def network(*layer_sizes: int, seed: int = 0) -> Network:
    return initialise(layer_sizes, *IDENTITY, np.random.default_rng(seed))


def test_sigmoid_is_the_textbooks_where_that_does_not_overflow() -> None:
    Z = np.linspace(-20, 20, 401)
    np.testing.assert_allclose(sigmoid(Z), 1 / (1 + np.exp(-Z)), rtol=0, atol=1e-15)


def test_sigmoid_saturates_without_a_warning() -> None:
    assert [0.0, 0.5, 1.0] == sigmoid(np.array([-1e4, 0.0, 1e4])).tolist()


def test_sigmoid_slope_is_the_derivative_by_complex_step() -> None:
    Z = np.linspace(-10, 10, 201)
    stepped = sigmoid(cast("Array", Z + 1e-20j))
    np.testing.assert_allclose(sigmoid_slope(sigmoid(Z)), np.imag(stepped) / 1e-20, rtol=1e-9)


def test_propagation_keeps_the_activations_of_every_layer() -> None:
    net = network(4, 5, 10, 3)
    X = np.random.default_rng(1).normal(size=(7, 4))
    activations = propagate(net.weights, net.biases, X)
    assert [(7, 4), (7, 5), (7, 10), (7, 3)] == [A.shape for A in activations]
    assert activations[0] is X
    for below, above, W, b in zip(activations, activations[1:], net.weights, net.biases, strict=False):
        np.testing.assert_allclose(above, 1 / (1 + np.exp(-(below @ W.T + b))), rtol=1e-13)


def test_one_flower_is_propagated_as_in_a_batch() -> None:
    net = network(4, 5, 10, 3)
    X = np.random.default_rng(1).normal(size=(7, 4))
    batch = propagate(net.weights, net.biases, X)
    for i, x in enumerate(X):
        for A, a in zip(batch, propagate(net.weights, net.biases, x), strict=True):
            np.testing.assert_allclose(a, A[i], rtol=1e-13)


@pytest.mark.parametrize("layer_sizes", [(4, 3), (4, 5, 10, 3), (4, 8, 7, 6, 5, 2)])
def test_a_network_knows_its_layer_sizes(layer_sizes: tuple[int, ...]) -> None:
    net = network(*layer_sizes)
    assert layer_sizes == net.layer_sizes
    assert list(zip(layer_sizes[1:], layer_sizes, strict=False)) == [W.shape for W in net.weights]
    assert [(size,) for size in layer_sizes[1:]] == [b.shape for b in net.biases]


def test_initial_weights_and_biases_fill_the_range_from_minus_1_to_1() -> None:
    net = network(4, 500, 500, 3)
    for drawn in (*net.weights, *net.biases[:2]):
        assert -1 <= drawn.min() < -0.95
        assert 0.95 < drawn.max() <= 1
        assert abs(drawn.mean()) < 0.1


def test_initial_weights_come_from_the_generator_that_is_passed_and_from_no_other() -> None:
    first, again, other = network(4, 5, 3, seed=1), network(4, 5, 3, seed=1), network(4, 5, 3, seed=2)
    for a, b, c in zip(first.weights, again.weights, other.weights, strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.any(a == c)


def test_standardisation_subtracts_the_mean_and_divides_by_the_scale() -> None:
    net = initialise((4, 3), np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 4, 0.5]), np.random.default_rng(0))
    assert [[4.0, 1.5, 0.5, -6.0]] == net.standardize(np.array([[5.0, 5, 5, 1]])).tolist()


def test_scores_are_the_outputs_for_standardised_centimetres() -> None:
    mean, scale = np.array([5.8, 3.0, 3.8, 1.2]), np.array([0.8, 0.4, 1.8, 0.8])
    net = initialise((4, 5, 3), mean, scale, np.random.default_rng(0))
    X = np.array([[5.1, 3.5, 1.4, 0.2], [6.3, 3.3, 6.0, 2.5]])
    expected = propagate(net.weights, net.biases, (X - mean) / scale)[-1]
    np.testing.assert_array_equal(expected, net.scores(X))
    assert (3,) == net.scores(X[0]).shape


def test_the_prediction_is_the_species_with_the_largest_score() -> None:
    # Each output neuron looks at one feature only, so the largest feature names the label.
    net = Network(*IDENTITY, weights=(np.eye(3, 4),), biases=(np.zeros(3),))
    assert [2, 0, 1] == net.predict(np.array([[1.0, 2, 3, 9], [3, 2, 1, 9], [1, 3, 2, 9]])).tolist()
    assert 2 == net.predict(np.array([1.0, 2, 3, 9]))
