import numpy as np
import pytest

from model.artifact import DatasetReference, decode, encode
from model.dataset import Dataset, parse_csv, split
from model.errors import DatasetError
from model.evaluation import EpochScore, evaluate
from model.features import FEATURES
from model.hyperparameters import Hyperparameters
from model.pipeline import SPLIT_SEED, train

BRIEF = Hyperparameters(epochs=3)


def test_the_card_says_what_the_network_is_and_what_it_was_trained_on(iris: Dataset) -> None:
    artifact, history = train(iris, BRIEF, split_seed=5)
    parts = split(iris, np.random.default_rng(5))
    card = artifact.card
    assert 1 == card.format
    assert card.species == iris.species
    assert card.layer_sizes == artifact.network.layer_sizes == (4, 5, 10, 3)
    assert card.hyperparameters == BRIEF
    assert card.dataset == DatasetReference("iris", 150, iris.sha256)
    assert 5 == card.split_seed
    assert 3 == len(history)
    assert card.evaluation == {
        "training": evaluate(artifact.network, parts.training),
        "validation": evaluate(artifact.network, parts.validation),
        "test": evaluate(artifact.network, parts.test),
    }


def test_the_ranges_are_those_of_the_training_rows(iris: Dataset) -> None:
    card = train(iris, BRIEF)[0].card
    X = split(iris, np.random.default_rng(SPLIT_SEED)).training.X
    assert card.feature_ranges == {name: (min(x), max(x)) for name, x in zip(FEATURES, X.T.tolist(), strict=True)}


def test_the_self_test_holds_a_flower_and_its_scores(iris: Dataset) -> None:
    artifact, _ = train(iris, BRIEF)
    features, scores = artifact.card.self_test.features, artifact.card.self_test.scores
    assert list(features) in iris.X.tolist()
    assert list(scores) == artifact.network.scores(np.array(features)).tolist()


def test_the_report_hears_of_every_epoch(iris: Dataset) -> None:
    heard: list[EpochScore] = []
    _, history = train(iris, BRIEF, heard.append)
    assert heard == history
    assert 3 == len(history)


def test_the_same_training_gives_the_same_bytes(iris: Dataset) -> None:
    first, again = encode(train(iris, BRIEF)[0]), encode(train(iris, BRIEF)[0])
    assert first == again
    assert first != encode(train(iris, Hyperparameters(epochs=3, seed=1))[0])
    assert first != encode(train(iris, BRIEF, split_seed=1)[0])


def test_a_trained_artifact_knows_iris(iris: Dataset) -> None:
    artifact = decode(encode(train(iris, Hyperparameters())[0]))
    assert np.mean(artifact.network.predict(iris.X) == iris.labels) > 0.95
    assert artifact.card.evaluation["test"].accuracy > 0.9


@pytest.mark.parametrize("species", [100, 600])
def test_whatever_table_is_accepted_makes_an_artifact_that_can_be_read(species: int) -> None:
    rng = np.random.default_rng(0)
    flowers = ([*map(str, rng.uniform(1, 8, 4).round(1)), f"s{i}"] for i in range(species) for _ in range(5))
    text = "\n".join(map(",".join, [[*FEATURES, "species"], *flowers]))
    try:
        table = parse_csv(text.encode(), name="many", source="many.csv")
    except DatasetError as error:
        assert "species" in str(error)  # noqa: PT017 - too many may be refused, but then at once
        return
    artifact, _ = train(table, Hyperparameters(epochs=1))
    assert decode(encode(artifact)).card == artifact.card
