"""When a fit ends, and which of its weights are kept: patience, decay, restarts, epochs in blocks."""

from dataclasses import replace

import numpy as np
import pytest

from model.dataset import Dataset, Split, split
from model.evaluation import EpochScore, evaluate
from model.hyperparameters import Activation, Hyperparameters, InitialWeights, Optimizer, Output
from model.training import Fit, fit
from tests.model.learning import flat

OVERFITTING = Hyperparameters((16,), Activation.TANH, Output.SOFTMAX, learning_rate=0.3, epochs=300, patience=10)
IN_BATCHES = replace(OVERFITTING, hidden_layers=(64,), batch_size=64, learning_rate=1.0, momentum=0.9)


@pytest.fixture(scope="module")
def parts(iris: Dataset) -> Split:
    """Rows of Iris, every tenth of another species than it is, so that what is learned by heart does not help."""
    noisy = replace(iris, labels=np.where(np.arange(150) % 10 == 0, (iris.labels + 1) % 3, iris.labels))
    return split(noisy, np.random.default_rng(0))


def best_by_hand(history: list[EpochScore], patience: int) -> tuple[int, int]:
    """Which epoch is kept and which is the last, by the rule read plainly."""
    losses = [score.validation_loss for score in history]
    for last in range(1, len(losses) + 1):
        best = int(np.argmin(losses[:last])) + 1
        if last - best >= patience:
            return best, last
    return int(np.argmin(losses)) + 1, len(losses)


# Patience.


@pytest.mark.parametrize("recipe", [OVERFITTING, IN_BATCHES], ids=["online", "in batches"])
@pytest.mark.parametrize("patience", [1, 4, 10])
def test_a_fit_stops_when_its_patience_is_at_an_end_and_keeps_the_best_epoch(
    parts: Split, recipe: Hyperparameters, patience: int
) -> None:
    whole = fit(parts, replace(recipe, patience=None)).history
    best, last = best_by_hand(whole, patience)
    assert last < recipe.epochs
    found = fit(parts, replace(recipe, patience=patience))
    assert whole[:last] == found.history
    assert whole[best - 1] == found.kept
    assert last - best == patience


@pytest.mark.parametrize("recipe", [OVERFITTING, IN_BATCHES], ids=["online", "in batches"])
def test_the_network_is_that_of_the_epoch_that_is_kept(parts: Split, recipe: Hyperparameters) -> None:
    found = fit(parts, recipe)
    evaluation = evaluate(found.network, parts.validation)
    assert evaluation.loss == pytest.approx(found.kept.validation_loss, rel=1e-12)
    assert evaluation.accuracy == found.kept.validation_accuracy
    briefly = fit(parts, replace(recipe, epochs=found.kept.epoch, patience=None))
    assert flat(briefly.network) == flat(found.network)
    assert found.kept.validation_loss == min(score.validation_loss for score in found.history)


def test_a_fit_whose_loss_falls_to_the_end_uses_all_its_epochs(iris: Dataset) -> None:
    table = Split(iris, iris, iris)
    found = fit(table, Hyperparameters((3,), learning_rate=0.01, epochs=20, patience=1))
    assert 20 == len(found.history) == found.kept.epoch


def test_without_patience_the_last_epoch_is_kept_though_others_were_better(parts: Split) -> None:
    found = fit(parts, replace(OVERFITTING, patience=None))
    assert 300 == len(found.history) == found.kept.epoch
    assert found.kept.validation_loss > min(score.validation_loss for score in found.history)


@pytest.mark.parametrize("recipe", [OVERFITTING, IN_BATCHES], ids=["online", "in batches"])
def test_epochs_one_by_one_and_in_blocks_give_the_same_history(parts: Split, recipe: Hyperparameters) -> None:
    one_by_one, in_blocks = (fit(parts, replace(recipe, patience=patience)) for patience in (300, None))
    assert one_by_one.history == in_blocks.history
    longer = fit(parts, replace(recipe, patience=None, epochs=301))
    assert in_blocks.history == longer.history[:300]


@pytest.mark.parametrize("recipe", [OVERFITTING, IN_BATCHES], ids=["online", "in batches"])
def test_adams_steps_are_counted_alike_one_by_one_and_in_blocks(parts: Split, recipe: Hyperparameters) -> None:
    steady = replace(recipe, optimizer=Optimizer.ADAM, learning_rate=0.01, momentum=0.0, epochs=40)
    one_by_one, in_blocks = (fit(parts, replace(steady, patience=patience)) for patience in (40, None))
    assert one_by_one.history == in_blocks.history


# Decay.


def test_the_steps_of_later_epochs_are_shorter_as_the_decay_says() -> None:
    recipe = Hyperparameters(learning_rate=0.8, learning_rate_decay=0.5)
    assert [0.8, 0.8 / 1.5, 0.4, 0.32] == [recipe.learning_rate_of(epoch) for epoch in (1, 2, 3, 4)]
    assert 0.15 == Hyperparameters().learning_rate_of(10_000)


@pytest.mark.parametrize("form", [{}, {"hidden_layers": (64,), "batch_size": 64}], ids=["online", "in batches"])
def test_decay_shortens_the_steps_from_the_second_epoch_on(parts: Split, form: dict[str, object]) -> None:
    steady = Hyperparameters(epochs=2, **form)  # type: ignore[arg-type]
    decayed = replace(steady, learning_rate_decay=9.0)
    (first, second), (same_first, other) = fit(parts, steady).history, fit(parts, decayed).history
    assert first == same_first
    assert second != other
    begun = fit(parts, replace(steady, epochs=1)).network
    tenth = replace(steady, epochs=1, learning_rate=steady.learning_rate / 10)
    np.testing.assert_allclose(
        fit(parts, tenth, warm=begun).network.weights[0], fit(parts, decayed).network.weights[0], rtol=1e-13
    )


# Restarts.


@pytest.fixture(scope="module")
def restarted(parts: Split) -> Fit:
    return fit(parts, Hyperparameters((3,), epochs=6, restarts=5, seed=1))


def test_every_start_is_told_with_its_number(restarted: Fit) -> None:
    told = [(score.start, score.epoch) for score in restarted.history]
    assert [(start, epoch) for start in range(1, 6) for epoch in range(1, 7)] == told


def test_of_all_starts_the_one_of_the_lowest_validation_loss_is_kept(parts: Split, restarted: Fit) -> None:
    ends = [score for score in restarted.history if score.epoch == 6]
    assert min(ends, key=lambda score: score.validation_loss) == restarted.kept
    assert 5 == len({score.validation_loss for score in ends})
    assert 1 != restarted.kept.start
    evaluation = evaluate(restarted.network, parts.validation)
    assert evaluation.loss == pytest.approx(restarted.kept.validation_loss, rel=1e-12)


def test_the_first_start_is_that_of_a_fit_without_restarts(parts: Split, restarted: Fit) -> None:
    alone = fit(parts, Hyperparameters((3,), epochs=6, seed=1))
    assert alone.history == restarted.history[:6]


def test_each_start_has_a_patience_of_its_own(parts: Split) -> None:
    recipe = replace(OVERFITTING, restarts=3, patience=5)
    found = fit(parts, recipe)
    by_start = [[score for score in found.history if score.start == start] for start in (1, 2, 3)]
    bests = []
    for history in by_start:
        best, last = best_by_hand(history, patience=5)
        assert len(history) == last
        bests.append(history[best - 1])
    assert min(bests, key=lambda score: score.validation_loss) == found.kept


def test_the_report_hears_every_epoch_of_every_start(parts: Split) -> None:
    heard: list[EpochScore | None] = []
    recipe = Hyperparameters((3,), initial_weights=InitialWeights.HE, epochs=4, restarts=3)
    history = fit(parts, recipe, heard.append).history
    assert heard == history
    assert recipe.total_epochs == 12 == len(history)
