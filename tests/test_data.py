"""The table that comes with the project is Fisher's, to the last digit."""

import hashlib
import re

import numpy as np
from sklearn.datasets import load_iris

from model.dataset import Dataset, read_csv
from tests.model.tables import IRIS, LINES

README = IRIS.with_name("README.md").read_text(encoding="utf-8")


def test_the_table_has_the_checksum_that_its_readme_states() -> None:
    assert re.findall(r"\b[0-9a-f]{64}\b", README) == [hashlib.sha256(IRIS.read_bytes()).hexdigest()]


def test_the_header_is_the_tutorials() -> None:
    assert "Id,SepalLengthCm,SepalWidthCm,PetalLengthCm,PetalWidthCm,Species" == LINES[0]


def test_the_ids_count_from_1_to_150() -> None:
    assert [str(i) for i in range(1, 151)] == [line.split(",")[0] for line in LINES[1:]]


def test_lines_end_in_a_line_feed_and_nothing_else() -> None:
    data = IRIS.read_bytes()
    assert b"\r" not in data
    assert data.endswith(b"Iris-virginica\n")
    assert len(LINES) == data.count(b"\n") == 151


def test_measurements_and_species_are_those_of_scikit_learns_copy() -> None:
    ours: Dataset = read_csv(IRIS)
    theirs = load_iris()
    np.testing.assert_array_equal(theirs.data, ours.X)
    np.testing.assert_array_equal(theirs.target, ours.labels)
    assert tuple(f"Iris-{name}" for name in theirs.target_names) == ours.species


def test_rows_35_and_38_are_as_in_fishers_paper_and_not_as_in_the_uci_copy() -> None:
    X = read_csv(IRIS).X
    assert [4.9, 3.1, 1.5, 0.2] == X[35 - 1].tolist()
    assert [4.9, 3.6, 1.4, 0.1] == X[38 - 1].tolist()
