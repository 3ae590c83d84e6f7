"""A network and its card as bytes, and back: the one place that decides what a sound artifact is.

The format is safetensors: a JSON header that names every array, then the arrays. The card (what
the network is, what it was trained on, how good it is) rides in the header's metadata. There is no
time and no random name in it: the same training gives the same bytes.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from itertools import pairwise
from mmap import mmap
from typing import Any, Final

import msgspec
import numpy as np
import safetensors
import safetensors.numpy

from model.errors import ArtifactError
from model.evaluation import EpochScore, Evaluations
from model.features import FEATURES, MAX_CENTIMETRES
from model.hyperparameters import Hyperparameters
from model.network import Array, Network

FORMAT: Final = 2
MAX_BYTES: Final = 32 * 2**20  # the largest network that hyperparameters allow takes 15 MiB
_MAX_HEADER_BYTES: Final = 2**20
_SPARE_BYTES: Final = 4 * 2**20  # of memory, beyond the artifact and a copy of it
_LENGTH_BYTES: Final = 8  # safetensors starts with the length of its header


@dataclass(frozen=True)
class DatasetReference:
    """Which table a network was trained on."""

    name: str
    rows: int
    sha256: str


@dataclass(frozen=True)
class SelfTest:
    """A flower and the scores that the network gave it when it was stored."""

    features: tuple[float, float, float, float]
    scores: tuple[float, ...]


@dataclass(frozen=True)
class Card:
    """What an artifact says of itself.

    `feature_means` and `feature_ranges` hold the mean and the smallest and largest value of each
    feature in the training rows, in centimetres. `ancestor` is the version that a warm start went
    on from. `kept` is the epoch whose weights the network has.
    """

    format: int
    species: tuple[str, ...]
    layer_sizes: tuple[int, ...]
    feature_means: dict[str, float]
    feature_ranges: dict[str, tuple[float, float]]
    hyperparameters: Hyperparameters
    dataset: DatasetReference
    split_seed: int
    ancestor: str | None
    kept: EpochScore
    evaluation: Evaluations
    self_test: SelfTest


@dataclass(frozen=True, eq=False)
class Artifact:
    """A network and its card."""

    network: Network
    card: Card


def digest(data: bytes) -> str:
    """The start of the SHA-256 of an artifact's bytes: 16 hex digits, the end of its version."""
    return hashlib.sha256(data).hexdigest()[:16]


def encode(artifact: Artifact) -> bytes:
    """The artifact as bytes; the same artifact gives the same bytes."""
    card = msgspec.json.encode(artifact.card).decode()
    arrays = _arrays(artifact.network)
    _check_memory(len(card) + sum(array.nbytes for array in arrays.values()))
    return safetensors.numpy.save(arrays, metadata={"card": card})


def decode(data: bytes) -> Artifact:
    """The artifact in some bytes.

    Raises
    ------
    ArtifactError
        Unless the bytes hold exactly the finite float64 arrays that the card speaks of, the card is
        of this format and consistent in itself, and the network answers the self-test as it did.
    """
    try:
        header = _header(data)
        card = _card(header)
        _check_declared(header, _shapes(card.layer_sizes))
        _check_memory(len(data))
        network = _network(safetensors.numpy.load(data), card)
    except (ArtifactError, MemoryError):  # want of memory says nothing about the bytes
        raise
    except Exception as error:  # whatever a hostile file makes a parser raise, it is one thing to us
        raise ArtifactError(f"not a readable artifact: {type(error).__name__}") from error
    self_test(network, card)
    return Artifact(network, card)


def self_test(network: Network, card: Card) -> None:
    """Raise `ArtifactError` unless the network scores the card's flower as it did when it was stored."""
    with np.errstate(all="ignore"):  # weights may be finite and absurd: the comparison tells
        found = network.scores(np.array(card.self_test.features))
    if not np.allclose(found, card.self_test.scores, rtol=0, atol=1e-9):
        raise ArtifactError("the network does not answer its self-test as it did when it was stored")


def _check_memory(n_bytes: int) -> None:
    """Raise `MemoryError` if there is too little to handle so many bytes: the library would end the process."""
    try:
        mmap(-1, 2 * n_bytes + _SPARE_BYTES).close()  # costs nothing: what is not written to is only promised
    except OSError as error:
        raise MemoryError from error


def _arrays(network: Network) -> dict[str, Array]:
    layers = enumerate(zip(network.weights, network.biases, strict=True), start=1)
    named = {
        f"{kind}.{i}": array for i, pair in layers for kind, array in zip(("weights", "biases"), pair, strict=True)
    }
    return {"mean": network.mean, "scale": network.scale, **named}


def _shapes(layer_sizes: tuple[int, ...]) -> dict[str, list[int]]:
    """Name and shape of every array of a network of these layers."""
    shapes = {"mean": [layer_sizes[0]], "scale": [layer_sizes[0]]}
    for i, (d_in, d_out) in enumerate(pairwise(layer_sizes), start=1):
        shapes |= {f"weights.{i}": [d_out, d_in], f"biases.{i}": [d_out]}
    return shapes


def _network(arrays: dict[str, Array], card: Card) -> Network:
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ArtifactError(f"{name}: expected finite numbers, found NaN or infinity")
    if not (arrays["scale"] > 0).all():
        raise ArtifactError("scale: expected numbers greater than 0")
    layers = len(card.layer_sizes) - 1
    return Network(
        mean=arrays["mean"],
        scale=arrays["scale"],
        weights=tuple(arrays[f"weights.{i}"] for i in range(1, layers + 1)),
        biases=tuple(arrays[f"biases.{i}"] for i in range(1, layers + 1)),
        activation=card.hyperparameters.activation,
        output=card.hyperparameters.output,
    )


def _header(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_BYTES:
        raise ArtifactError(f"expected at most {MAX_BYTES} bytes, found {len(data)}")
    length = int.from_bytes(data[:_LENGTH_BYTES], "little")
    if not 0 < length <= min(_MAX_HEADER_BYTES, len(data) - _LENGTH_BYTES):
        raise ArtifactError(f"expected a header within the file and of at most {_MAX_HEADER_BYTES} bytes")
    text = data[_LENGTH_BYTES : _LENGTH_BYTES + length]
    header: dict[str, Any] = json.loads(text, object_pairs_hook=_once_each)
    return header


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; of a key that stands there twice, readers disagree which one counts."""
    if len(dict(pairs)) < len(pairs):
        raise ArtifactError("the header: expected every name once")
    return dict(pairs)


def _card(header: dict[str, Any]) -> Card:
    text: str = header.pop("__metadata__")["card"]
    card = msgspec.json.decode(text, type=Card)
    if msgspec.json.encode(asdict(card)).decode() != text:  # of a card itself, fields that were left out stay out
        raise ArtifactError("the card: expected its own fields and no others")
    _check_consistent(card)
    return card


def _check_consistent(card: Card) -> None:
    expectations = {
        f"format {FORMAT}": card.format == FORMAT,
        f"{len(FEATURES)} inputs": card.layer_sizes[0] == len(FEATURES),
        "the hidden layers of the hyperparameters": card.layer_sizes[1:-1] == card.hyperparameters.hidden_layers,
        "an output for each of two species or more": card.layer_sizes[-1] == len(set(card.species)) >= 2,
        "no species twice": len(set(card.species)) == len(card.species),
        "a mean for each feature": tuple(card.feature_means) == FEATURES
        and all(0 < mean <= MAX_CENTIMETRES for mean in card.feature_means.values()),
        "a range for each feature": tuple(card.feature_ranges) == FEATURES
        and all(0 < low <= high <= MAX_CENTIMETRES for low, high in card.feature_ranges.values()),
        "a score of the self-test for each species": len(card.self_test.scores) == len(card.species),
    }
    for expected, holds in expectations.items():
        if not holds:
            raise ArtifactError(f"the card: expected {expected}")


def _check_declared(header: dict[str, Any], shapes: dict[str, list[int]]) -> None:
    """Refuse arrays other than the card's before any of them is allocated."""
    if header.keys() != shapes.keys():
        raise ArtifactError(f"expected the arrays {', '.join(shapes)}, found {len(header)} others or fewer")
    for name, shape in shapes.items():
        found = header[name]["dtype"], header[name]["shape"]
        if found != ("F64", shape):
            raise ArtifactError(f"{name}: expected F64 {shape}, found {found[0]} {found[1]}")
