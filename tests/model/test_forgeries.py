"""A card or arrays that are not as they should be are refused as `ArtifactError`, with what was expected."""

from collections.abc import Callable

import numpy as np
import pytest

from model.artifact import Artifact, decode, encode
from model.errors import ArtifactError
from tests.model.forging import Forge, Json, declare, forged_arrays, forged_card, forged_header, with_number


@pytest.mark.parametrize(
    "forge",
    [forged_header(lambda _: None), forged_card(lambda _: None), forged_arrays(lambda _: None)],
    ids=["header", "card", "arrays"],
)
def test_a_forgery_that_changes_nothing_is_accepted(small: Artifact, forge: Forge) -> None:
    """Else the refusals below would prove nothing."""
    assert decode(forge(encode(small))).card == small.card


def swap_ranges(card: Json) -> None:
    card["feature_ranges"]["petal_width"].reverse()


def change(field: str, value: object) -> Callable[[Json], object]:
    """Another hyperparameter."""
    return lambda card: card["hyperparameters"].update({field: value})


def nudge_score(card: Json) -> None:
    card["self_test"]["scores"][0] += 1e-6


CARDS: dict[str, tuple[Callable[[Json], object], str]] = {
    "a field more": (lambda card: card.update(author="Mallory"), "its own fields and no others"),
    "a field less": (lambda card: card.pop("split_seed"), "ValidationError"),
    "a field of another type": (lambda card: card.update(split_seed="0"), "ValidationError"),
    "another format": (lambda card: card.update(format=1), "expected format 2"),
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
    "an evaluation less": (lambda card: card["evaluation"].pop("test"), "ValidationError"),
    "an evaluation of nothing": (lambda card: card["evaluation"].update(test=None), "ValidationError"),
    "an evaluation of no number": (lambda card: card["evaluation"]["test"].update(log_loss=None), "ValidationError"),
    "an epoch less": (lambda card: card.pop("kept"), "ValidationError"),
    "an ancestor less": (lambda card: card.pop("ancestor"), "ValidationError"),
    "an activation that nobody knows": (change("activation", "step"), "ValidationError"),
    "another activation": (change("activation", "tanh"), "does not answer its self-test"),
    "another output": (change("output", "softmax"), "does not answer its self-test"),
    "choices that do not go together": (change("optimizer", "adam"), "HyperparameterError"),
    "a choice more": (change("dropout", 0.5), "its own fields and no others"),
    "a mean of 0": (lambda card: card["feature_means"].update(petal_width=0.0), "a mean for each feature"),
    "a mean of 31": (lambda card: card["feature_means"].update(petal_width=31.0), "a mean for each feature"),
    "a mean less": (lambda card: card["feature_means"].pop("petal_width"), "a mean for each feature"),
    "a mean more": (lambda card: card["feature_means"].update(colour=1.0), "a mean for each feature"),
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
