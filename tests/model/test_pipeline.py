from dataclasses import replace
from statistics import fmean

import numpy as np
import pytest

from model.artifact import Artifact, DatasetReference, decode, encode
from model.crossvalidation import cross_validate
from model.dataset import Dataset, parse_csv, split
from model.errors import DatasetError, TrainingError
from model.evaluation import EpochScore, Evaluations, evaluate
from model.features import FEATURES
from model.hyperparameters import CrossValidationPlan, Hyperparameters
from model.pipeline import SPLIT_SEED, Circumstances, deal, train
from model.training import fit

BRIEF = Hyperparameters(epochs=3)


def test_the_card_says_what_the_network_is_and_what_it_was_trained_on(iris: Dataset) -> None:
    artifact, history = train(iris, BRIEF, circumstances=Circumstances(split_seed=5))
    parts = split(iris, np.random.default_rng(5))
    card = artifact.card
    assert 2 == card.format
    assert card.species == iris.species
    assert card.layer_sizes == artifact.network.layer_sizes == (4, 5, 10, 3)
    assert card.hyperparameters == BRIEF
    assert card.dataset == DatasetReference("iris", 150, iris.sha256)
    assert 5 == card.split_seed
    assert 3 == len(history)
    assert card.evaluation == Evaluations(
        training=evaluate(artifact.network, parts.training),
        validation=evaluate(artifact.network, parts.validation),
        test=evaluate(artifact.network, parts.test),
        cross_validation=None,
    )
    assert card.kept == history[-1]
    assert card.ancestor is None


def test_means_and_ranges_are_those_of_the_training_rows(iris: Dataset) -> None:
    card = train(iris, BRIEF)[0].card
    X = split(iris, np.random.default_rng(SPLIT_SEED)).training.X
    assert card.feature_ranges == {name: (min(x), max(x)) for name, x in zip(FEATURES, X.T.tolist(), strict=True)}
    assert list(FEATURES) == list(card.feature_means)
    np.testing.assert_allclose(list(card.feature_means.values()), [fmean(x) for x in X.T.tolist()], rtol=1e-14)


def test_the_self_test_holds_a_flower_and_its_scores(iris: Dataset) -> None:
    artifact, _ = train(iris, BRIEF)
    features, scores = artifact.card.self_test.features, artifact.card.self_test.scores
    assert list(features) in iris.X.tolist()
    assert list(scores) == artifact.network.scores(np.array(features)).tolist()


def test_the_report_hears_of_every_epoch(iris: Dataset) -> None:
    heard: list[EpochScore | None] = []
    _, history = train(iris, BRIEF, heard.append)
    assert heard == history
    assert 3 == len(history)


def test_the_same_training_gives_the_same_bytes(iris: Dataset) -> None:
    first, again = encode(train(iris, BRIEF)[0]), encode(train(iris, BRIEF)[0])
    assert first == again
    assert first != encode(train(iris, Hyperparameters(epochs=3, seed=1))[0])
    assert first != encode(train(iris, BRIEF, circumstances=Circumstances(split_seed=1))[0])


def test_a_trained_artifact_knows_iris(iris: Dataset) -> None:
    artifact = decode(encode(train(iris, Hyperparameters())[0]))
    assert np.mean(artifact.network.predict(iris.X) == iris.labels) > 0.95
    assert artifact.card.evaluation.test.accuracy > 0.9


def test_the_card_says_which_epoch_the_network_is_of(iris: Dataset) -> None:
    recipe = Hyperparameters((3,), learning_rate=5.0, epochs=200, patience=5, restarts=3)
    artifact, history = train(iris, recipe)
    kept = artifact.card.kept
    assert kept == min(history, key=lambda score: score.validation_loss)
    assert artifact.card.evaluation.validation.loss == pytest.approx(kept.validation_loss, rel=1e-12)
    assert artifact.card.evaluation.validation.accuracy == kept.validation_accuracy
    assert (recipe.hidden_layers, recipe) == (artifact.card.layer_sizes[1:-1], artifact.card.hyperparameters)


def test_a_recipe_is_cross_validated_beside_the_fit_if_that_is_asked(iris: Dataset) -> None:
    plan = CrossValidationPlan(folds=3, repeats=2)
    heard: list[EpochScore | None] = []
    artifact, history = train(iris, BRIEF, heard.append, Circumstances(split_seed=4, cross_validation=plan))
    plain, _ = train(iris, BRIEF, circumstances=Circumstances(split_seed=4))
    assert cross_validate(iris, BRIEF, plan, seed=4) == artifact.card.evaluation.cross_validation
    assert [*history, *[None] * (6 * 3)] == heard
    assert replace(artifact.card.evaluation, cross_validation=None) == plain.card.evaluation
    assert encode(plain) == encode(Artifact(artifact.network, replace(artifact.card, evaluation=plain.card.evaluation)))


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


# Rows that are held back.


def together(*tables: Dataset) -> Dataset:
    return replace(
        tables[0],
        X=np.concatenate([table.X for table in tables]),
        labels=np.concatenate([table.labels for table in tables]),
    )


def test_rows_are_dealt_the_same_way_each_time(iris: Dataset) -> None:
    first, again, other = deal(iris), deal(iris), deal(iris, split_seed=1)
    assert (114, 13, 23) == (len(first.training), len(first.validation), len(first.test))
    np.testing.assert_array_equal(first.test.X, again.test.X)
    assert not np.array_equal(first.test.X, other.test.X)


def test_the_network_is_the_one_that_the_other_rows_alone_give(iris: Dataset) -> None:
    parts = deal(iris)
    held_back, others = parts.training.take(np.arange(20)), parts.training.take(np.arange(20, 114))
    others = others.take(np.flatnonzero([row not in held_back.X.tolist() for row in others.X.tolist()]))
    artifact, history = train(iris, BRIEF, circumstances=Circumstances(held_back=(held_back,)))
    expected, _, expected_history = fit(replace(parts, training=others), BRIEF)
    assert expected.scores(iris.X).tobytes() == artifact.network.scores(iris.X).tobytes()
    assert expected_history == history
    assert evaluate(expected, others) == artifact.card.evaluation.training
    assert evaluate(expected, parts.test) == artifact.card.evaluation.test


def test_rows_that_are_held_back_are_not_learned_from_whatever_label_they_carry(iris: Dataset) -> None:
    # Thirty giants, ten of each species, so that some of each are dealt into the training rows.
    giants = replace(iris, X=np.full((30, 4), 29.0), labels=np.arange(30) % 3)
    table = together(iris, giants)
    assert 29 == train(table, BRIEF)[0].card.feature_ranges["petal_width"][1]

    held_back = giants.take(np.array([0]))
    for label in range(3):
        rows = replace(held_back, labels=np.array([label]))
        found = train(table, BRIEF, circumstances=Circumstances(held_back=(rows,)))[0]
        assert 2.5 == found.card.feature_ranges["petal_width"][1]
        assert found.card.evaluation.training.rows == sum(deal(table).training.X[:, 0] < 29)


def test_it_is_the_measurements_that_count_and_not_the_species_names(iris: Dataset) -> None:
    held_back = deal(iris).training.take(np.arange(20))
    foreign = replace(held_back, name="foreign", species=("a", "b", "c"), labels=2 - held_back.labels)
    first, again = (
        encode(train(iris, BRIEF, circumstances=Circumstances(held_back=(rows,)))[0]) for rows in (held_back, foreign)
    )
    assert first == again


def test_rows_that_the_table_does_not_have_change_nothing_when_they_are_held_back(iris: Dataset) -> None:
    elsewhere = replace(iris, X=iris.X + 0.001)
    found, _ = train(iris, BRIEF, circumstances=Circumstances(held_back=(elsewhere,)))
    assert encode(train(iris, BRIEF)[0]) == encode(found)


@pytest.mark.parametrize("label", range(3))
def test_a_species_left_without_rows_is_an_error(iris: Dataset, label: int) -> None:
    held_back = iris.take(np.flatnonzero(iris.labels == label))
    with pytest.raises(TrainingError, match="a species has no rows left to learn from"):
        train(iris, BRIEF, circumstances=Circumstances(held_back=(held_back,)))


def test_a_table_of_nothing_but_rows_that_are_held_back_is_an_error(iris: Dataset) -> None:
    with pytest.raises(TrainingError, match="a species has no rows left to learn from"):
        train(iris, BRIEF, circumstances=Circumstances(held_back=(iris,)))
