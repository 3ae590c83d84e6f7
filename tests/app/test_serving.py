"""One version, ready to answer."""

from dataclasses import asdict

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


def test_an_explained_prediction_is_the_prediction_and_more(artifact: Artifact) -> None:
    model = ServingModel("v", artifact)
    for row in X[:5].tolist():
        plain, explained = model.predict(tuple(row)), model.explain(tuple(row))
        assert {name: getattr(explained, name) for name in plain.__dataclass_fields__} == asdict(plain)


def test_contributions_lead_from_the_mean_flower_to_the_confidence(artifact: Artifact) -> None:
    model = ServingModel("v", artifact)
    for row in X[:5].tolist():
        found = model.explain(tuple(row))
        gained = sum(found.explanation.contributions.values())
        assert pytest.approx(found.confidence - found.explanation.baseline_score, abs=1e-9) == gained
        assert artifact.card.feature_means == found.explanation.baseline
