"""One version, ready to answer."""

import numpy as np
import pytest

from app.serving import ServingModel
from model.artifact import Artifact

X = np.random.default_rng(0).uniform((4, 2, 1, 0.1), (8, 5, 7, 3), (50, 4))


def test_one_flower_and_a_batch_agree(artifact: Artifact) -> None:
    model = ServingModel("v", artifact)
    batch = model.predict_batch(X).predictions
    singly = [model.predict(tuple(row)) for row in X.tolist()]

    assert [p.species for p in singly] == [p.species for p in batch]
    assert [p.out_of_range for p in singly] == [p.out_of_range for p in batch]
    for one, other in zip(singly, batch, strict=True):
        assert pytest.approx(one.scores, abs=1e-12) == other.scores
        assert pytest.approx(one.confidence, abs=1e-12) == other.confidence


def test_some_rows_are_out_of_range_and_some_are_not(artifact: Artifact) -> None:
    """So that the agreement above says something."""
    outside = [bool(p.out_of_range) for p in ServingModel("v", artifact).predict_batch(X).predictions]

    assert {True, False} == set(outside)


def test_the_species_is_that_of_the_largest_score(artifact: Artifact) -> None:
    for prediction in ServingModel("v", artifact).predict_batch(X).predictions:
        assert prediction.confidence == max(prediction.scores.values()) == prediction.scores[prediction.species]
