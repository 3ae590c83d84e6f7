"""Why a network scores a flower as it does: the gradient of a score, and what each feature contributes to it."""

from typing import Final, NamedTuple

import numpy as np

from model.network import ACTIVATIONS, Array, Network

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)
_PLACES: Final = (1 + _NODES) / 2  # of the nodes of Gauss and Legendre's quadrature between 0 and 1
_FIRST_PANELS: Final = 8
_MAX_PANELS: Final = 1024
_TOLERANCE: Final = 1e-9  # of the contributions of a panel, whose sum is known


class Contributions(NamedTuple):
    """What each feature (4,) adds to the score of the baseline, which is where nothing is told of the flower."""

    features: Array
    baseline_score: float


def gradient(network: Network, X: Array, label: int) -> Array:
    """The derivative of one species' score by each measurement.

    Parameters
    ----------
    network : Network
    X : float64 array, shape (n, 4)
        Centimetres.
    label : int
        Of the species.

    Returns
    -------
    float64 array, shape (n, 4)
        Score per centimetre.
    """
    activations = network.propagate(network.standardize(X))
    outputs, this = activations[-1], np.eye(activations[-1].shape[1])[label]
    score = outputs[:, [label]]
    delta = score * (this - outputs) if network.output == "softmax" else score * (1 - score) * this
    _, slope = ACTIVATIONS[network.activation]
    for layer in reversed(range(1, len(network.weights))):
        delta = (delta @ network.weights[layer]) * slope(activations[layer])  # (n, d_in)
    slopes: Array = delta @ network.weights[0] / network.scale
    return slopes


def integrated_gradients(network: Network, x: Array, baseline: Array, label: int) -> Contributions:
    """How much of the difference between a flower's score and the baseline's is due to each feature.

    Parameters
    ----------
    network : Network
    x, baseline : float64 arrays, shape (4,)
        Centimetres.
    label : int
        Of the species whose score is explained.

    Notes
    -----
    The gradient, averaged over the straight way from the baseline to the flower, times the distance.
    The contributions sum to the difference of the scores. By that, panels of the integral in which
    the gradient jumps, as that of relu does, are known, and halved until it no longer matters.
    Source: Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks" (2017), eq. 1.
    """
    way = x - baseline
    edges = np.linspace(0, 1, _FIRST_PANELS + 1)
    starts, ends, panels = edges[:-1], edges[1:], 0
    features = np.zeros(len(x))
    while len(starts):
        panels += len(starts)
        found = _of_panels(network, baseline, way, starts, ends, label)
        gained = network.scores(_between(baseline, way, ends)) - network.scores(_between(baseline, way, starts))
        rough = (np.abs(found.sum(axis=1) - gained[:, label]) > _TOLERANCE) & (panels < _MAX_PANELS)
        features += found[~rough].sum(axis=0)
        starts, middles, ends = starts[rough], (starts[rough] + ends[rough]) / 2, ends[rough]
        starts, ends = np.concatenate([starts, middles]), np.concatenate([middles, ends])
    return Contributions(features, float(network.scores(baseline)[label]))


def _of_panels(network: Network, baseline: Array, way: Array, starts: Array, ends: Array, label: int) -> Array:
    """The contributions of parts of the way: float64 (panels, 4) for starts and ends (panels,), from 0 to 1."""
    widths = (ends - starts)[:, None]
    places = starts[:, None] + widths * _PLACES  # (panels, nodes)
    slopes = gradient(network, _between(baseline, way, places.ravel()), label)
    means: Array = np.einsum("n,pnf->pf", _WEIGHTS / 2, slopes.reshape(*places.shape, -1))
    return means * widths * way


def _between(baseline: Array, way: Array, places: Array) -> Array:
    """Flowers on the way: float64 (n, 4) for places (n,), from 0 to 1."""
    return baseline + places[:, None] * way
