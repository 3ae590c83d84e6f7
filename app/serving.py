"""One version of the network, ready to answer."""

from itertools import compress

import numpy as np

from app.schemas import BatchPrediction, FlowerPrediction, Prediction
from model.artifact import Artifact
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
