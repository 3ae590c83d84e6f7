from typing import cast

import numpy as np
import pytest

from model.network import (
    ACTIVATIONS,
    Array,
    Network,
    initial_layers,
    probabilities,
    relu,
    sigmoid,
    softmax,
    tanh,
)
from tests.model.textbook import SQUASHES, Objective

IDENTITY = np.zeros(4), np.ones(4)
SHAPES = [(4, 3), (4, 5, 10, 3), (4, 8, 7, 6, 5, 2)]


def network(*layer_sizes: int, seed: int = 0, activation: str = "sigmoid", output: str = "sigmoid") -> Network:
    weights, biases = initial_layers(layer_sizes, "uniform", np.random.default_rng(seed))
    return Network(*IDENTITY, weights, biases, activation, output)


# Activations.


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_the_textbooks_where_that_does_not_overflow(name: str) -> None:
    Z = np.linspace(-20, 20, 402)
    np.testing.assert_allclose(ACTIVATIONS[name][0](Z), SQUASHES[name](Z), rtol=0, atol=1e-15)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_slope_of_an_activation_is_the_derivative_by_complex_step(name: str) -> None:
    squash, slope = ACTIVATIONS[name]
    Z = np.linspace(-10, 10, 202)  # without 0, the kink of relu
    stepped = squash(cast("Array", Z + 1e-20j))
    np.testing.assert_allclose(slope(squash(Z)), np.imag(stepped) / 1e-20, rtol=1e-7, atol=1e-16)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_of_a_number_is_that_of_an_array_of_one(name: str) -> None:
    """The compiled loops use the same functions for single numbers."""
    squash, slope = ACTIVATIONS[name]
    for z in (-1.5, 0.0, 2.5):
        number = cast("Array", z)
        assert float(squash(number)) == squash(np.array([z]))[0]
        assert float(slope(squash(number))) == slope(squash(np.array([z])))[0]


def test_activations_saturate_where_they_should() -> None:
    far = np.array([-1e4, 0.0, 1e4])
    with np.errstate(over="ignore"):
        assert [0.0, 0.5, 1.0] == sigmoid(far).tolist()
    assert [-1.0, 0.0, 1.0] == tanh(far).tolist()
    assert [0.0, 0.0, 1e4] == relu(far).tolist()


def test_the_slope_of_relu_at_its_kink_is_0() -> None:
    assert [0.0, 0.0, 1.0] == ACTIVATIONS["relu"][1](np.array([-0.0, 0.0, 1e-300])).tolist()


def test_softmax_is_the_textbooks_and_sums_to_1() -> None:
    Z = np.random.default_rng(0).normal(scale=5, size=(50, 7))
    np.testing.assert_allclose(softmax(Z), SQUASHES["softmax"](Z), rtol=1e-13)
    np.testing.assert_allclose(softmax(Z).sum(axis=1), 1, rtol=1e-15)


def test_softmax_of_huge_sums_neither_overflows_nor_warns() -> None:
    Z = np.array([[1e4, 0.0, -1e4], [-1e4, -1e4, -1e4]])
    np.testing.assert_allclose(softmax(Z), [[1.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3]], rtol=1e-15)
    np.testing.assert_array_equal(softmax(Z[0]), softmax(Z)[0])


# The forward pass.


def test_propagation_keeps_the_activations_of_every_layer() -> None:
    net = network(4, 5, 10, 3, activation="tanh", output="softmax")
    X = np.random.default_rng(1).normal(size=(7, 4))
    activations = net.propagate(X)
    assert [(7, 4), (7, 5), (7, 10), (7, 3)] == [A.shape for A in activations]
    assert activations[0] is X
    squashes = [SQUASHES["tanh"], SQUASHES["tanh"], SQUASHES["softmax"]]
    layers = zip(squashes, activations, activations[1:], net.weights, net.biases, strict=False)
    for squash, below, above, W, b in layers:
        np.testing.assert_allclose(above, squash(below @ W.T + b), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("layer_sizes", SHAPES, ids=str)
def test_scores_are_those_of_the_textbook(layer_sizes: tuple[int, ...], activation: str, output: str) -> None:
    net = network(*layer_sizes, activation=activation, output=output)
    X = np.random.default_rng(1).normal(size=(7, 4))
    layers = [array for pair in zip(net.weights, net.biases, strict=True) for array in pair]
    np.testing.assert_allclose(net.scores(X), Objective(activation, output).outputs(layers, X), rtol=1e-12)


@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_one_flower_is_propagated_as_in_a_batch(activation: str, output: str) -> None:
    net = network(4, 5, 10, 3, activation=activation, output=output)
    X = np.random.default_rng(1).normal(size=(7, 4))
    batch = net.propagate(X)
    for i, x in enumerate(X):
        for A, a in zip(batch, net.propagate(x), strict=True):
            np.testing.assert_allclose(a, A[i], rtol=1e-12, atol=1e-14)


def test_sums_beyond_what_exp_can_take_score_0_or_1_without_a_warning() -> None:
    net = Network(*IDENTITY, weights=(1e4 * np.eye(2, 4),), biases=(np.zeros(2),))
    assert [0.0, 1.0] == net.scores(np.array([-1.0, 1.0, 0.0, 0.0])).tolist()


@pytest.mark.parametrize("layer_sizes", SHAPES, ids=str)
def test_a_network_knows_its_layer_sizes(layer_sizes: tuple[int, ...]) -> None:
    net = network(*layer_sizes)
    assert layer_sizes == net.layer_sizes
    assert list(zip(layer_sizes[1:], layer_sizes, strict=False)) == [W.shape for W in net.weights]
    assert [(size,) for size in layer_sizes[1:]] == [b.shape for b in net.biases]


def test_standardisation_subtracts_the_mean_and_divides_by_the_scale() -> None:
    drawn = network(4, 3)
    net = Network(np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 4, 0.5]), drawn.weights, drawn.biases)
    assert [[4.0, 1.5, 0.5, -6.0]] == net.standardize(np.array([[5.0, 5, 5, 1]])).tolist()


def test_scores_are_the_outputs_for_standardised_centimetres() -> None:
    mean, scale = np.array([5.8, 3.0, 3.8, 1.2]), np.array([0.8, 0.4, 1.8, 0.8])
    drawn = network(4, 5, 3)
    net = Network(mean, scale, drawn.weights, drawn.biases)
    X = np.array([[5.1, 3.5, 1.4, 0.2], [6.3, 3.3, 6.0, 2.5]])
    np.testing.assert_array_equal(drawn.propagate((X - mean) / scale)[-1], net.scores(X))
    assert (3,) == net.scores(X[0]).shape


def test_the_prediction_is_the_species_with_the_largest_score() -> None:
    # Each output neuron looks at one feature only, so the largest feature names the label.
    net = Network(*IDENTITY, weights=(np.eye(3, 4),), biases=(np.zeros(3),))
    assert [2, 0, 1] == net.predict(np.array([[1.0, 2, 3, 9], [3, 2, 1, 9], [1, 3, 2, 9]])).tolist()
    assert 2 == net.predict(np.array([1.0, 2, 3, 9]))


def test_probabilities_are_scores_as_shares_of_their_sum() -> None:
    np.testing.assert_allclose(
        probabilities(np.array([[0.9, 0.3, 0.6], [0.2, 0.2, 0.0]])),
        [[1 / 2, 1 / 6, 1 / 3], [1 / 2, 1 / 2, 0]],
        atol=1e-290,
    )
    shares = softmax(np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(probabilities(shares), shares, rtol=1e-15)


def test_where_all_scores_are_0_no_species_is_likelier_than_another() -> None:
    assert [[1 / 4] * 4, [0.0, 0.0, 1.0, 0.0]] == probabilities(np.array([[0.0] * 4, [0.0, 0.0, 1e-200, 0.0]])).round(
        99
    ).tolist()


# Initial weights.


def test_uniform_weights_and_biases_fill_the_range_from_minus_1_to_1() -> None:
    weights, biases = initial_layers((4, 500, 500, 3), "uniform", np.random.default_rng(0))
    for drawn in (*weights, *biases[:2]):
        assert -1 <= drawn.min() < -0.95
        assert 0.95 < drawn.max() <= 1
        assert abs(drawn.mean()) < 0.1


@pytest.mark.parametrize(
    ("scheme", "reaches"),
    [("glorot", [(6 / 504) ** 0.5, (6 / 800) ** 0.5]), ("he", [(6 / 4) ** 0.5, (6 / 500) ** 0.5])],
)
def test_glorot_and_he_draw_weights_from_their_range_and_leave_biases_at_0(scheme: str, reaches: list[float]) -> None:
    weights, biases = initial_layers((4, 500, 300), scheme, np.random.default_rng(0))
    for W, reach in zip(weights, reaches, strict=True):
        assert -reach <= W.min() < -0.95 * reach
        assert 0.95 * reach < W.max() <= reach
        assert W.var() == pytest.approx(reach**2 / 3, rel=0.05)
    assert not any(b.any() for b in biases)


@pytest.mark.parametrize("scheme", ["uniform", "glorot", "he"])
def test_initial_weights_come_from_the_generator_that_is_passed_and_from_no_other(scheme: str) -> None:
    first, again, other = (initial_layers((4, 5, 3), scheme, np.random.default_rng(seed))[0] for seed in (1, 1, 2))
    for a, b, c in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.any(a == c)


def test_an_unknown_scheme_is_an_error() -> None:
    with pytest.raises(KeyError):
        initial_layers((4, 3), "zeros", np.random.default_rng(0))
