"""One version of the network, ready to answer."""

from dataclasses import fields
from itertools import compress

import numpy as np

from app.schemas import BatchPrediction, ExplainedPrediction, Explanation, FlowerPrediction, Prediction
from model.artifact import Artifact
from model.explanation import gradient, integrated_gradients
from model.features import FEATURES
from model.network import Array


class ServingModel:
    """An artifact under its version; it never changes, so that an answer is of one model throughout."""

    def __init__(self, version: str, artifact: Artifact) -> None:
        self.version = version
        self.card = artifact.card
        self._network = artifact.network
        self._ranges = [self.card.feature_ranges[feature] for feature in FEATURES]

    def predict(self, measurements: tuple[float, float, float, float]) -> Prediction:
        """What the network makes of one flower: centimetres in the order of `FEATURES`."""
        scores = self._network.scores(np.array(measurements)).tolist()
        outside = [
            feature
            for feature, value, (lowest, highest) in zip(FEATURES, measurements, self._ranges, strict=True)
            if not lowest <= value <= highest
        ]
        confidence = max(scores)
        species = self.card.species
        return Prediction(
            species=species[scores.index(confidence)],
            confidence=confidence,
            scores=dict(zip(species, scores, strict=True)),
            out_of_range=outside,
            model_version=self.version,
        )

    def explain(self, measurements: tuple[float, float, float, float]) -> ExplainedPrediction:
        """What the network makes of one flower, and why."""
        prediction = self.predict(measurements)
        label = self.card.species.index(prediction.species)
        flower, baseline = np.array(measurements), np.array(list(self.card.feature_means.values()))
        contributions = integrated_gradients(self._network, flower, baseline, label)
        explanation = Explanation(
            baseline=self.card.feature_means,
            baseline_score=contributions.baseline_score,
            gradient=_by_feature(gradient(self._network, flower[None], label)[0]),
            contributions=_by_feature(contributions.features),
        )
        told = {field.name: getattr(prediction, field.name) for field in fields(prediction)}
        return ExplainedPrediction(**told, explanation=explanation)

    def predict_batch(self, X: Array) -> BatchPrediction:
        """What the network makes of each row of X (n, 4), centimetres."""
        scores = self._network.scores(X)
        lowest, highest = np.array(self._ranges).T
        outside = (lowest > X) | (highest < X)
        species = self.card.species
        predictions = [
            FlowerPrediction(
                species=species[best],
                confidence=row[best],
                scores=dict(zip(species, row, strict=True)),
                out_of_range=list(compress(FEATURES, flags)),
            )
            for best, row, flags in zip(scores.argmax(axis=1).tolist(), scores.tolist(), outside.tolist(), strict=True)
        ]
        return BatchPrediction(predictions, self.version)


def _by_feature(values: Array) -> dict[str, float]:
    return dict(zip(FEATURES, values.tolist(), strict=True))
