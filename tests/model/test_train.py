"""The script, mostly called in this process; started as its own where a process is what matters."""

import os
import pty
import re
import subprocess
import sys
import termios
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from model.artifact import digest
from model.features import COLUMNS
from model.hyperparameters import (
    Activation,
    ClassWeight,
    Hyperparameters,
    InitialWeights,
    Optimizer,
    Output,
)
from model.run import Status
from model.store import Store
from model.train import main
from tests.model.processes import ROOT
from tests.model.tables import IRIS, LINES, table, with_cell, with_line

Capture = pytest.CaptureFixture[str]
Train = Callable[..., int]


@pytest.fixture
def train(store: Store) -> Train:
    """The script on Iris.csv and an empty store, unless an argument says otherwise."""

    def call(*arguments: str) -> int:
        return main(["--data", str(IRIS), "--artifacts", str(store.root), *arguments])

    return call


def started(*arguments: str, environment: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "model.train", *arguments],
        cwd=ROOT,
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def artifact_bytes(store: Store) -> bytes:
    [path] = (store.root / "models").iterdir()
    return path.read_bytes()


# Training.


def test_accuracies_are_printed_every_20_epochs_and_the_testing_accuracy_at_the_end(
    train: Train, store: Store, capsys: Capture
) -> None:
    assert 0 == train("--seed", "7", "--epochs", "50")
    [listed] = store.runs(10)
    run = store.run(listed.id)
    assert run.evaluation is not None
    assert [
        "iris: 150 rows, 3 species; seed 7",
        *(
            f"Epoch {epoch}: training accuracy {run.history[epoch - 1].training_accuracy:.4f}, "
            f"validation accuracy {run.history[epoch - 1].validation_accuracy:.4f}"
            for epoch in (20, 40)
        ),
        f"Testing accuracy: {run.evaluation.test.accuracy:.4f}",
        f"Current model: {store.current()} in {store.root}",
    ] == capsys.readouterr().out.splitlines()


def test_no_progress_is_shown_where_there_is_no_terminal(train: Train, capsys: Capture) -> None:
    assert 0 == train("--epochs", "2")
    assert "" == capsys.readouterr().err


def test_the_model_is_stored_and_current_and_the_run_recorded(train: Train, store: Store) -> None:
    assert 0 == train("--seed", "3", "--epochs", "3", "--hidden-layers", "6", "7", "--learning-rate", "0.5")
    [version] = store.versions()
    assert version == store.current()
    card, [run] = store.model(version).card, store.runs(10)
    assert (4, 6, 7, 3) == card.layer_sizes
    assert card.hyperparameters == run.hyperparameters
    assert (0.5, 3, 3) == (run.hyperparameters.learning_rate, run.hyperparameters.epochs, run.hyperparameters.seed)
    assert run.hyperparameters.standardize
    assert (run.status, run.model_version) == (Status.SUCCEEDED, version)


def test_no_hidden_layers_may_be_asked_for(train: Train, store: Store) -> None:
    assert 0 == train("--epochs", "1", "--hidden-layers")
    assert (4, 3) == store.model(store.versions()[0]).card.layer_sizes


def test_the_tutorials_own_recipe_reads_plain_centimetres(train: Train, store: Store) -> None:
    assert 0 == train("--epochs", "1", "--no-standardize")
    network = store.model(store.versions()[0]).network
    assert ([0] * 4, [1] * 4) == (network.mean.tolist(), network.scale.tolist())


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(train: Train, store: Store) -> None:
    for seed in ("1", "1", "2"):
        assert 0 == train("--epochs", "2", "--seed", seed)
    third, second, first = (version.split("-")[1] for version in store.versions())
    assert first == second
    assert first != third


def test_a_drawn_seed_is_printed_and_gives_the_same_bytes_again(train: Train, store: Store, capsys: Capture) -> None:
    assert 0 == train("--epochs", "2")
    seed = re.findall(r"seed (\d+)$", capsys.readouterr().out, re.MULTILINE)
    assert 0 == train("--epochs", "2", "--seed", *seed)
    second, first = (version.split("-")[1] for version in store.versions())
    assert first == second


def test_seeds_are_drawn_afresh(train: Train, store: Store) -> None:
    for _ in range(2):
        assert 0 == train("--epochs", "1")
    first, second = (run.hyperparameters.seed for run in store.runs(2))
    assert first != second


# As a process.


def test_the_module_runs_as_a_script(store: Store) -> None:
    done = started("--epochs", "20", "--seed", "1", environment={"IRIS_ARTIFACTS": str(store.root)})
    assert (0, "") == (done.returncode, done.stderr)
    assert [
        "iris",
        "Epoch 20",
        "Testing accuracy",
        "Current model",
    ] == [line.split(":")[0] for line in done.stdout.splitlines()]
    assert str(store.current()).endswith(digest(artifact_bytes(store)))


def test_help_is_printed_and_trains_nothing(store: Store) -> None:
    done = started("--help", environment={"IRIS_ARTIFACTS": str(store.root), "COLUMNS": "200"})
    assert (0, "") == (done.returncode, done.stderr)
    for option in (
        "--data",
        "--artifacts",
        "--hidden-layers",
        "--learning-rate",
        "--epochs",
        "--seed",
        "--standardize",
    ):
        assert option in done.stdout
    assert not store.root.exists()


def test_a_bad_table_ends_the_process_with_status_2_and_one_line(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "flowers.csv"
    path.write_bytes(with_cell(3, "SepalWidthCm", "wide"))
    done = started("--data", str(path), "--artifacts", str(store.root))
    assert (2, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith(f"model.train: error: {path}: row 3, column SepalWidthCm: not a number")
    assert 1 == done.stderr.count("\n")
    assert not store.root.exists()


def test_progress_is_shown_on_a_terminal_and_what_is_printed_stays_apart(store: Store) -> None:
    terminal, error = pty.openpty()
    termios.tcsetwinsize(error, (24, 80))
    command = [sys.executable, "-m", "model.train", "--artifacts", str(store.root), "--epochs", "20"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=error, text=True) as process:
        out, _ = process.communicate(timeout=60)
    os.set_blocking(terminal, False)
    shown = os.read(terminal, 100_000).decode(errors="replace")
    os.close(terminal)
    os.close(error)
    assert 0 == process.returncode
    assert "/20" in shown
    assert [
        "iris",
        "Epoch 20",
        "Testing accuracy",
        "Current model",
    ] == [line.split(":")[0] for line in out.splitlines()]


# Refusing.

TABLES = {
    "empty": (b"", "row 1, column Species: the column is missing"),
    "header only": (table(LINES[0]), "column Species: 0 species"),
    "missing column": (
        table(*(line.rsplit(",", 2)[0] + "," + line.rsplit(",", 1)[1] for line in LINES)),
        "row 1, column PetalWidthCm: the column is missing",
    ),
    "unknown header": (with_line(1, f"{LINES[0]},Colour"), "row 1, column 7: the header is unknown"),
    "long row": (with_line(8, f"{LINES[7]},9"), "row 8, column 7: more cells than the header has"),
    "short row": (with_line(8, "7,4.6"), "row 8, column SepalWidthCm: fewer cells than the header has"),
    "NUL": (with_cell(8, "Species", "a\0"), "row 8, column 6: a NUL byte"),
    "latin-1": (
        with_cell(8, "Species", "\xe9").decode().encode("latin-1"),
        "row 8, column 6: a byte that is not UTF-8",
    ),
    "one species": (table(*LINES[:51]), "column Species: 1 species"),
    "four rows of a species": (table(*LINES[:55]), "row 52, column Species: Iris-versicolor has 4 rows"),
    "formula": (with_cell(8, "Species", "=1+1"), "row 8, column Species: not a species"),
    **{
        f"{cell} in {column}": (with_cell(8, column, cell), f"row 8, column {column}: not a number of centimetres")
        for column, cell in zip(COLUMNS, ("wide", "nan", "1e999", "-1"), strict=True)
    },
}


@pytest.mark.parametrize(("data", "found"), TABLES.values(), ids=TABLES)
def test_a_bad_table_is_refused_in_one_line_and_nothing_is_written(
    train: Train, store: Store, capsys: Capture, data: bytes, found: str
) -> None:
    path = store.root.with_name("flowers.csv")
    path.write_bytes(data)
    assert 2 == train("--data", str(path))
    printed = capsys.readouterr()
    assert printed.err.startswith(f"model.train: error: {path}: {found}")
    assert ("", 1) == (printed.out, printed.err.count("\n"))
    assert not store.root.exists()


def test_a_table_that_is_not_there_is_refused_in_one_line(train: Train, store: Store, capsys: Capture) -> None:
    assert 2 == train("--data", "nowhere.csv")
    expected = "model.train: error: nowhere.csv: the file cannot be read: No such file or directory\n"
    assert expected == capsys.readouterr().err
    assert not store.root.exists()


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--epochs", "0"], "epochs: expected from 1 to 10000"),
        (["--seed", "-1"], "seed: expected from 0 to 4294967295"),
        (["--learning-rate", "nan"], "learning_rate: expected above 0 and at most 10"),
        (["--hidden-layers", "5", "0"], "hidden_layers: expected sizes from 1 to 512"),
        (["--optimizer", "adam"], "learning_rate: expected at most 0.1 with adam; 0.001 is usual"),
        (["--cross-validate", "1"], "cross_validation.folds: expected from 2 to 20"),
        (["--warm-start", "--cross-validate", "5"], "cross_validation: expected none with warm_start"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_hyperparameter_beyond_its_limits_is_refused_in_one_line(
    train: Train, store: Store, capsys: Capture, arguments: list[str], found: str
) -> None:
    assert 2 == train(*arguments)
    printed = capsys.readouterr()
    assert "" == printed.out
    assert printed.err.startswith(f"model.train: error: {found}")
    assert 1 == len(printed.err.splitlines())
    assert not store.root.exists()


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--epochs", "many"], "argument --epochs: invalid int value: 'many'"),
        (["--learning-rate", "fast"], "argument --learning-rate: invalid float value: 'fast'"),
        (["--hidden-layers", "5.5"], "argument --hidden-layers: invalid int value: '5.5'"),
        (["--seed"], "argument --seed: expected one argument"),
        (["--colour"], "unrecognized arguments: --colour"),
        (["--keep-models", "1"], "argument --keep-models: expected 2 or more"),
        (["--output", "argmax"], "argument --output: invalid choice: 'argmax' (choose from 'sigmoid', 'softmax')"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_arguments_that_are_none_are_refused_in_one_line(
    train: Train, store: Store, capsys: Capture, arguments: list[str], found: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        train(*arguments)
    assert 2 == caught.value.code
    assert capsys.readouterr().err == f"model.train: error: {found} (--help tells more)\n"
    assert not store.root.exists()


def test_a_directory_that_cannot_be_made_is_status_1_and_one_line(
    train: Train, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "file").write_bytes(b"")
    below = tmp_path / "file" / "artifacts"
    assert 1 == train("--artifacts", str(below), "--epochs", "1")
    assert capsys.readouterr().err == f"model.train: error: {below}: Not a directory\n"


def test_a_store_that_cannot_be_written_is_status_1_and_one_line(train: Train, store: Store, capsys: Capture) -> None:
    store.root.mkdir()
    (store.root / "models").write_bytes(b"")
    assert 1 == train("--epochs", "1")
    expected = f"model.train: error: {store.root}: The store cannot be written: File exists.\n"
    assert expected == capsys.readouterr().err
    assert store.current() is None


# The choices.


def test_every_hyperparameter_has_its_option(train: Train, store: Store) -> None:
    recipe = Hyperparameters(
        hidden_layers=(6,),
        activation=Activation.RELU,
        output=Output.SOFTMAX,
        initial_weights=InitialWeights.HE,
        optimizer=Optimizer.SGD,
        learning_rate=0.01,
        learning_rate_decay=0.1,
        momentum=0.9,
        batch_size=8,
        epochs=4,
        patience=3,
        l2=0.01,
        class_weight=ClassWeight.BALANCED,
        standardize=False,
        restarts=2,
        seed=9,
    )
    options: list[str] = []
    for field in fields(Hyperparameters):
        name, value = field.name.replace("_", "-"), getattr(recipe, field.name)
        if isinstance(value, bool):
            options.append(f"--{name}" if value else f"--no-{name}")
        else:
            options += [f"--{name}", *map(str, value if isinstance(value, tuple) else [value])]

    assert 0 == train(*options)
    [listed] = store.runs(10)
    assert recipe == listed.hyperparameters


def test_a_warm_start_goes_on_from_the_current_model(train: Train, store: Store) -> None:
    assert 0 == train("--epochs", "5", "--seed", "0")
    first = store.current()
    assert 0 == train("--epochs", "5", "--warm-start")
    current = store.current()
    assert current
    assert current != first == store.model(current).card.ancestor


def test_cross_validation_is_told_and_recorded(train: Train, store: Store, capsys: Capture) -> None:
    assert 0 == train("--epochs", "3", "--cross-validate", "3", "--repeats", "2", "--seed", "0")
    current = store.current()
    assert current
    found = store.model(current).card.evaluation.cross_validation
    assert found
    assert (3, 2, 6) == (found.folds, found.repeats, len(found.accuracies))
    assert f"Cross-validation, 3 folds 2 times: accuracy {found.mean:.4f}" in capsys.readouterr().out


def test_a_model_that_shall_not_serve_is_stored_and_does_not(train: Train, store: Store, capsys: Capture) -> None:
    assert 0 == train("--epochs", "3", "--promote", "never")
    [version] = store.versions()
    assert f"Stored model: {version}" in capsys.readouterr().out
    assert store.current() is None


def test_as_many_models_stay_as_are_asked_for(train: Train, store: Store) -> None:
    for seed in range(4):
        assert 0 == train("--epochs", "1", "--seed", str(seed), "--keep-models", "2")
    assert 2 == len(store.versions())
