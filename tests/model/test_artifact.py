"""Bytes are an artifact in every respect, or refused as `ArtifactError` before anything is done with them."""

import json
import pickle
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import safetensors.numpy
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
from tests.model.tables import IRIS

Json = dict[str, Any]
Forge = Callable[[bytes], bytes]


def taken_apart(data: bytes) -> tuple[Json, bytes]:
    """The header and what follows it."""
    end = 8 + int.from_bytes(data[:8], "little")
    header: Json = json.loads(data[8:end])
    return header, data[end:]


def put_together(header: bytes | Json, body: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def forged_header(edit: Callable[[Json], object]) -> Forge:
    def forge(data: bytes) -> bytes:
        header, body = taken_apart(data)
        edit(header)
        return put_together(header, body)

    return forge


def forged_card(edit: Callable[[Json], object]) -> Forge:
    def of_header(header: Json) -> None:
        card = json.loads(header["__metadata__"]["card"])
        edit(card)
        header["__metadata__"]["card"] = msgspec.json.encode(card).decode()

    return forged_header(of_header)


def forged_arrays(edit: Callable[[dict[str, Any]], object]) -> Forge:
    def forge(data: bytes) -> bytes:
        arrays: dict[str, Any] = dict(safetensors.numpy.load(data))
        edit(arrays)
        return safetensors.numpy.save(arrays, metadata=taken_apart(data)[0]["__metadata__"])

    return forge


def with_number(name: str, number: float) -> Forge:
    def put(arrays: dict[str, Any]) -> None:
        arrays[name].flat[0] = number

    return forged_arrays(put)


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


@pytest.mark.parametrize(
    "forge",
    [forged_header(lambda _: None), forged_card(lambda _: None), forged_arrays(lambda _: None)],
    ids=["header", "card", "arrays"],
)
def test_a_forgery_that_changes_nothing_is_accepted(small: Artifact, forge: Forge) -> None:
    """Else the refusals below would prove nothing."""
    assert decode(forge(encode(small))).card == small.card


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


def swap_ranges(card: Json) -> None:
    card["feature_ranges"]["petal_width"].reverse()


def nudge_score(card: Json) -> None:
    card["self_test"]["scores"][0] += 1e-6


CARDS: dict[str, tuple[Callable[[Json], object], str]] = {
    "a field more": (lambda card: card.update(author="Mallory"), "its own fields and no others"),
    "a field less": (lambda card: card.pop("split_seed"), "ValidationError"),
    "a field of another type": (lambda card: card.update(split_seed="0"), "ValidationError"),
    "another format": (lambda card: card.update(format=2), "expected format 1"),
    "a species less": (lambda card: card["species"].pop(), "an output for each of two species"),
    "a species more": (lambda card: card["species"].append("Iris-nova"), "an output for each of two species"),
    "one species": (lambda card: card.update(species=["a"], layer_sizes=[4, 3, 1]), "two species or more"),
    "a species twice": (lambda card: card["species"].append("Iris-setosa"), "no species twice"),
    "a species replaced by another": (
        lambda card: card["species"].__setitem__(0, "Iris-virginica"),
        "an output for each of two species",
    ),
    "three inputs": (lambda card: card.update(layer_sizes=[3, 3, 3]), "4 inputs"),
    "no layers": (lambda card: card.update(layer_sizes=[]), "IndexError"),
    "layers other than the recipe's": (lambda card: card.update(layer_sizes=[4, 4, 3]), "the hidden layers"),
    "layers other than the arrays'": (
        lambda card: (card.update(layer_sizes=[4, 5, 3]), card["hyperparameters"].update(hidden_layers=[5])),
        r"weights.1: expected F64 \[5, 4\], found F64 \[3, 4\]",
    ),
    "a layer of more than is allowed": (
        lambda card: (card.update(layer_sizes=[4, 10**9, 3]), card["hyperparameters"].update(hidden_layers=[10**9])),
        "HyperparameterError",
    ),
    "a layer of less than none": (
        lambda card: (card.update(layer_sizes=[4, -3, 3]), card["hyperparameters"].update(hidden_layers=[-3])),
        "HyperparameterError",
    ),
    "a range reversed": (swap_ranges, "a range for each feature"),
    "a range from 0": (lambda card: card["feature_ranges"].update(petal_width=[0.0, 1.0]), "a range for each feature"),
    "a range to 31": (lambda card: card["feature_ranges"].update(petal_width=[1.0, 31.0]), "a range for each feature"),
    "a range less": (lambda card: card["feature_ranges"].pop("petal_width"), "a range for each feature"),
    "a range more": (lambda card: card["feature_ranges"].update(colour=[1.0, 2.0]), "a range for each feature"),
    "an evaluation less": (lambda card: card["evaluation"].pop("test"), "an evaluation of each part"),
    "a score less": (lambda card: card["self_test"]["scores"].pop(), "a score of the self-test for each species"),
    "another score": (lambda card: card["self_test"]["scores"].__setitem__(0, 0.5), "does not answer its self-test"),
    "a score that differs by a millionth": (nudge_score, "does not answer its self-test"),
    "another flower": (
        lambda card: card["self_test"].update(features=[1.0, 2.0, 3.0, 4.0]),
        "does not answer its self-test",
    ),
}


@pytest.mark.parametrize(("edit", "found"), CARDS.values(), ids=CARDS)
def test_a_card_that_is_not_consistent_is_refused(small: Artifact, edit: Callable[[Json], object], found: str) -> None:
    with pytest.raises(ArtifactError, match=found):
        decode(forged_card(edit)(encode(small)))


def declare(name: str, **changed: object) -> Forge:
    return forged_header(lambda header: header[name].update(changed))


ARRAYS: dict[str, tuple[Forge, str]] = {
    "one more": (forged_arrays(lambda a: a.update(extra=np.ones(2))), "expected the arrays mean, scale"),
    "one less": (forged_arrays(lambda a: a.pop("biases.2")), "expected the arrays mean, scale"),
    "one by another name": (
        forged_arrays(lambda a: a.update({"weights.3": a.pop("weights.2")})),
        "expected the arrays mean, scale",
    ),
    "single precision": (
        forged_arrays(lambda a: a.update(scale=a["scale"].astype(np.float32))),
        r"scale: expected F64 \[4\], found F32 \[4\]",
    ),
    "whole numbers": (
        forged_arrays(lambda a: a.update(scale=np.ones(4, dtype=np.int64))),
        r"scale: expected F64 \[4\], found I64 \[4\]",
    ),
    "transposed": (
        forged_arrays(lambda a: a.update({"weights.1": np.ascontiguousarray(a["weights.1"].T)})),
        r"weights.1: expected F64 \[3, 4\], found F64 \[4, 3\]",
    ),
    "a dimension more": (
        forged_arrays(lambda a: a.update(mean=a["mean"][None])),
        r"mean: expected F64 \[4\], found F64 \[1, 4\]",
    ),
    "declared huge": (declare("weights.1", shape=[2**31, 2**31]), "weights.1: expected F64"),
    "declared huge to the end": (declare("weights.2", data_offsets=[0, 2**62]), "SafetensorError"),
    "declared to overlap": (declare("weights.2", data_offsets=[0, 72]), "SafetensorError"),
    "without a shape": (forged_header(lambda header: header["mean"].pop("shape")), "KeyError"),
    "declared as text": (forged_header(lambda header: header.update(mean="4")), "TypeError"),
    "more bytes than declared": (lambda data: data + b"\0" * 8, "SafetensorError"),
    "not a number": (with_number("weights.1", float("nan")), "weights.1: expected finite numbers"),
    "infinite": (with_number("biases.2", float("inf")), "biases.2: expected finite numbers"),
    "infinite below": (with_number("mean", float("-inf")), "mean: expected finite numbers"),
    "scale of zero": (with_number("scale", 0.0), "scale: expected numbers greater than 0"),
    "scale below zero": (with_number("scale", -1.0), "scale: expected numbers greater than 0"),
    "another weight": (with_number("weights.2", 7.0), "does not answer its self-test"),
    "another bias": (with_number("biases.1", 7.0), "does not answer its self-test"),
}


@pytest.mark.parametrize(("forge", "found"), ARRAYS.values(), ids=ARRAYS)
def test_arrays_other_than_the_cards_are_refused(small: Artifact, forge: Forge, found: str) -> None:
    with pytest.raises(ArtifactError, match=found):
        decode(forge(encode(small)))


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
