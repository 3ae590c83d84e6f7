"""The exponential function of the loops is the one that everybody knows."""

import math

import numpy as np
import pytest

from model import network
from model.compilation import compiled
from model.exponential import exp
from model.kernel import sigmoid
from model.network import Array


@compiled
def exp_of(x: Array) -> Array:
    powers = np.empty_like(x)
    for i in range(len(x)):
        powers[i] = exp(x[i])
    return powers


@compiled
def sigmoid_of(x: Array) -> Array:
    values = np.empty_like(x)
    for i in range(len(x)):
        values[i] = sigmoid(x[i])
    return values


def numbers() -> Array:
    """Of every magnitude, on both sides of 0."""
    tiny = np.geomspace(1e-300, 700, 10_000)
    return np.concatenate([np.linspace(-708, 708, 200_001), tiny, -tiny])


def test_it_is_the_power_of_e_as_exact_as_if_the_last_digit_were_off() -> None:
    expected = np.array([math.exp(x) for x in numbers()])
    error = np.abs(exp_of(numbers()) / expected - 1)
    assert np.all(error < 5e-16 + np.abs(numbers()) * np.finfo(float).eps)
    assert error[np.abs(numbers()) < 1].max() < 5e-16


def test_at_0_it_is_exactly_1() -> None:
    assert [1.0, 1.0] == exp_of(np.array([0.0, -0.0])).tolist()


@pytest.mark.parametrize("far", [709.0, 1e9, math.inf])
def test_beyond_what_a_float_holds_it_stays_what_it_was_at_the_border(far: float) -> None:
    expected = [math.exp(-708), math.exp(708)]
    np.testing.assert_allclose(exp_of(np.array([-far, far])), expected, rtol=1e-13)


def test_what_is_no_number_stays_none() -> None:
    """By that a fit that has gone astray is known."""
    many = np.full(20, math.nan)  # more than a vector of any processor holds
    assert np.isnan(exp_of(many)).all()
    assert np.isnan(sigmoid_of(many)).all()


def test_the_sigmoid_of_the_loops_is_the_networks() -> None:
    np.testing.assert_allclose(sigmoid_of(numbers()), network.sigmoid(numbers()), rtol=2e-13)
    usual = np.linspace(-10, 10, 10_001)
    np.testing.assert_allclose(sigmoid_of(usual), network.sigmoid(usual), rtol=3e-15)
    beyond = np.array([-1e9, -745.0, 745.0, 1e9, -math.inf, math.inf])
    with np.errstate(over="ignore"):
        expected = network.sigmoid(beyond)
    np.testing.assert_allclose(sigmoid_of(beyond), expected, rtol=2e-13, atol=1e-300)
