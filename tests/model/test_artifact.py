"""Bytes are an artifact in every respect, or refused as `ArtifactError` before anything is done with them."""

import pickle
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.artifact import MAX_BYTES, Artifact, SelfTest, decode, digest, encode, self_test
from model.dataset import Dataset
from model.errors import ArtifactError
from model.features import FEATURES
from model.hyperparameters import MAX_HIDDEN_LAYERS, MAX_LAYER_SIZE, Hyperparameters
from model.network import Array, Network
from model.pipeline import train
from model.store import Store
from tests.model.forging import declare, put_together
from tests.model.tables import IRIS

# What an honest artifact gives back.


def test_a_decoded_artifact_predicts_as_before_to_the_last_bit(iris: Dataset, small: Artifact) -> None:
    found = decode(encode(small))
    assert small.card == found.card
    assert small.network.scores(iris.X).tobytes() == found.network.scores(iris.X).tobytes()


@pytest.mark.parametrize("hidden", [(), (1,), (5, 10), (2, 3, 4, 5, 6, 7, 8, 9)], ids=str)
@pytest.mark.parametrize("standardize", [True, False], ids=["standardised", "centimetres"])
def test_every_array_of_every_shape_comes_back(iris: Dataset, hidden: tuple[int, ...], *, standardize: bool) -> None:
    artifact, _ = train(iris, Hyperparameters(hidden, epochs=1, standardize=standardize))
    before, after = artifact.network, decode(encode(artifact)).network
    for a, b in zip(everything(before), everything(after), strict=True):
        np.testing.assert_array_equal(a, b)


def everything(network: Network) -> list[Array]:
    return [network.mean, network.scale, *network.weights, *network.biases]


def test_encoding_is_deterministic_and_survives_a_round_trip(small: Artifact) -> None:
    data = encode(small)
    assert data == encode(small) == encode(decode(data))


def test_the_largest_network_that_hyperparameters_allow_fits(iris: Dataset) -> None:
    layers = (MAX_LAYER_SIZE,) * MAX_HIDDEN_LAYERS
    rows = iris.take(np.array([0, 1, 2, 3, 4, 50, 51, 52, 53, 54]))
    artifact, _ = train(rows, Hyperparameters(hidden_layers=layers, epochs=1))
    data = encode(artifact)
    assert len(data) < MAX_BYTES
    assert decode(data).network.layer_sizes == (4, *layers, 3)


def test_the_digest_is_the_start_of_the_sha_256() -> None:
    assert "e3b0c44298fc1c14" == digest(b"")


def test_the_self_test_refuses_a_network_that_answers_otherwise(small: Artifact) -> None:
    self_test(small.network, small.card)
    with pytest.raises(ArtifactError, match="does not answer its self-test"):
        self_test(replace(small.network, mean=small.network.mean + 1), small.card)


# What is refused.


NO_HEADER = "expected a header within the file and of at most 1048576 bytes"
BYTES = {
    "nothing": (b"", NO_HEADER),
    "one byte": (b"\x80", NO_HEADER),
    "a header of no bytes": (bytes(8), NO_HEADER),
    "text": (b"not an artifact at all", NO_HEADER),
    "a table": (IRIS.read_bytes(), NO_HEADER),
    "a pickle": (pickle.dumps({"weights": [1.0]}), NO_HEADER),
    "a header of 2^64 - 1 bytes": (b"\xff" * 8 + b"{}", NO_HEADER),
    "a header longer than the file by one": ((3).to_bytes(8, "little") + b"{}", NO_HEADER),
    "a header of a megabyte and one": (put_together(b" " * (2**20 + 1), b""), NO_HEADER),
    "a header not JSON": (put_together(b"{", b""), "JSONDecodeError"),
    "a header not UTF-8": (put_together(b'{"\xff":1}', b""), "UnicodeDecodeError"),
    "a header too deep": (put_together(b"[" * 200_000, b""), "RecursionError"),
    "a header that is a list": (put_together(b"[]", b""), "TypeError"),
    "no metadata": (put_together(b"{}", b""), "KeyError"),
    "no card": (put_together(b'{"__metadata__":{}}', b""), "KeyError"),
    "a card without fields": (put_together(b'{"__metadata__":{"card":"{}"}}', b""), "ValidationError"),
    "a card that is no text": (put_together(b'{"__metadata__":{"card":7}}', b""), "TypeError"),
    "more than the size cap": (bytes(MAX_BYTES + 1), f"expected at most {MAX_BYTES} bytes, found {MAX_BYTES + 1}"),
}


@pytest.mark.parametrize(("data", "found"), BYTES.values(), ids=BYTES)
def test_bytes_that_are_no_artifact_are_refused(data: bytes, found: str) -> None:
    with pytest.raises(ArtifactError, match=found):
        decode(data)


def test_a_pickle_is_never_executed(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
            return Path(tmp_path / "sprung").write_text, ("",)

    with pytest.raises(ArtifactError):
        decode(pickle.dumps(Trap()))
    assert not (tmp_path / "sprung").exists()


def test_a_huge_shape_is_refused_by_its_declaration_alone(small: Artifact) -> None:
    """Nothing of that size is ever allocated: the file itself stays small."""
    forged = declare("weights.1", shape=[2**40, 4], data_offsets=[112, 112 + 2**45])(encode(small))
    assert len(forged) < 2 * sys.getsizeof(encode(small))
    with pytest.raises(ArtifactError, match=r"weights.1: expected F64"):
        decode(forged)


def test_every_prefix_of_an_artifact_is_refused(small: Artifact) -> None:
    data = encode(small)
    for length in range(len(data)):
        with pytest.raises(ArtifactError):
            decode(data[:length])


def test_every_flip_of_a_bit_is_noticed_by_the_store(store: Store, small: Artifact) -> None:
    version = store.add_model(small)
    data = encode(small)
    path = store.root / "models" / f"{version}.safetensors"
    refused = 0
    with path.open("r+b", buffering=0) as file:
        for bit in range(8 * len(data)):
            place, flipped = bit // 8, data[bit // 8] ^ 1 << bit % 8
            file.seek(place)
            file.write(bytes([flipped]))
            try:
                store.model(version)
            except ArtifactError:
                refused += 1
            file.seek(place)
            file.write(data[place : place + 1])
    assert 8 * len(data) == refused
    assert store.model(version).card == small.card


@given(place=st.integers(0), junk=st.binary(min_size=1, max_size=16))
def test_whatever_bytes_are_changed_it_is_an_artifact_error_or_a_sound_artifact(
    small: Artifact, place: int, junk: bytes
) -> None:
    data = encode(small)
    place %= len(data)
    with np.errstate(all="ignore"):  # numbers at the edge of a float may overflow on their way to a refusal
        try:
            found = decode(data[:place] + junk + data[place + len(junk) :])
        except ArtifactError:
            return
    assert all(np.isfinite(array).all() for array in everything(found.network))
    assert tuple(found.card.feature_ranges) == FEATURES
    assert isinstance(found.card.self_test, SelfTest)
