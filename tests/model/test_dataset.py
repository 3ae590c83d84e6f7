import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.dataset import Dataset, parse_csv, read_csv, split
from model.errors import DatasetError, Problem
from model.features import COLUMNS, FEATURES
from tests.model.tables import IRIS, LINES, NAMES, dataset, table, with_cell, with_line

RAW = IRIS.read_bytes()
HEADER = LINES[0]
NOT_CENTIMETRES = "not a number of centimetres from 0.001 to 30"
NOT_A_SPECIES = "not a species: 1 to 64 letters, digits, spaces, dots, dashes or underscores"
EMPTY = "the cell is empty"
TOO_LONG = "more cells than the header has"
MISSING = f"the column is missing; the columns are {', '.join(NAMES)}"
TWICE = "the header stands there twice"


def unknown(position: int) -> Problem:
    return Problem(f"the header is unknown; the columns are {', '.join(NAMES)}", 1, str(position))


def parse(data: bytes) -> Dataset:
    return parse_csv(data, name="flowers", source="flowers.csv")


def problems(data: bytes) -> list[Problem]:
    with pytest.raises(DatasetError) as caught:
        parse(data)
    assert "flowers.csv" == caught.value.source
    return caught.value.problems


# Reading.


def test_iris_is_read_as_150_rows_of_three_species_in_alphabetical_order(iris: Dataset) -> None:
    assert 150 == len(iris)
    assert "iris" == iris.name
    assert ("Iris-setosa", "Iris-versicolor", "Iris-virginica") == iris.species
    assert [50, 50, 50] == np.bincount(iris.labels).tolist()
    assert (150, 4) == iris.X.shape
    assert [5.1, 3.5, 1.4, 0.2] == iris.X[0].tolist()
    assert ("float64", "int64") == (iris.X.dtype.name, iris.labels.dtype.name)


def test_species_are_in_alphabetical_order_whichever_comes_first() -> None:
    backwards = parse(table(HEADER, *reversed(LINES[1:])))
    assert ("Iris-setosa", "Iris-versicolor", "Iris-virginica") == backwards.species
    assert [2] * 50 + [1] * 50 + [0] * 50 == backwards.labels.tolist()


def test_a_table_is_fingerprinted_by_its_bytes() -> None:
    crlf = RAW.replace(b"\n", b"\r\n")
    assert hashlib.sha256(RAW).hexdigest() == parse(RAW).sha256
    assert hashlib.sha256(crlf).hexdigest() == parse(crlf).sha256


def reordered(*columns: str) -> bytes:
    places = [NAMES.index(column) for column in columns]
    return table(*(",".join(line.split(",")[place] for place in places) for line in LINES))


def respelled(*pairs: tuple[str, str]) -> bytes:
    header = HEADER
    for ours, theirs in pairs:
        header = header.replace(ours, theirs)
    return with_line(1, header)


SNAKE_CASE = (("Id", "id"), *zip(COLUMNS, FEATURES, strict=True), ("Species", "species"))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(reordered(*reversed(NAMES)), id="columns backwards"),
        pytest.param(reordered("Species", *COLUMNS), id="no Id, species first"),
        pytest.param(respelled(*SNAKE_CASE), id="names in lower case"),
        pytest.param(respelled(SNAKE_CASE[2]), id="both spellings mixed"),
        pytest.param(b"\xef\xbb\xbf" + RAW, id="byte order mark"),
        pytest.param(RAW.replace(b"\n", b"\r\n"), id="carriage returns"),
        pytest.param(RAW.rstrip(b"\n"), id="no line feed at the end"),
        pytest.param(table(*(re.sub(r"([^,]+)", r'"\1"', line) for line in LINES)), id="every field quoted"),
        pytest.param(RAW.replace(b"\n", b"\n\n"), id="blank lines between"),
        pytest.param(RAW + b"\r\n\n,,,,,\n", id="blank and empty lines at the end"),
        pytest.param(RAW.replace(b"5.1,", b" 5.1 ,"), id="spaces around numbers"),
        pytest.param(RAW.replace(b"\n1,", b"\nflower one,"), id="an Id that is no number"),
    ],
)
def test_the_same_flowers_are_read_from_every_way_to_write_them(iris: Dataset, data: bytes) -> None:
    found = parse(data)
    np.testing.assert_array_equal(iris.X, found.X)
    np.testing.assert_array_equal(iris.labels, found.labels)
    assert iris.species == found.species


def test_thirty_centimetres_and_a_name_of_64_letters_are_accepted() -> None:
    name = "n" * 64
    found = parse(with_cell(9, "PetalWidthCm", "30").replace(b"Iris-setosa", name.encode()))
    assert 30 == found.X[7, 3]
    assert name in found.species


def test_rows_are_taken_by_index_in_the_order_asked_for(iris: Dataset) -> None:
    taken = iris.take(np.array([149, 0]))
    assert 2 == len(taken)
    assert [2, 0] == taken.labels.tolist()
    np.testing.assert_array_equal(iris.X[[149, 0]], taken.X)
    assert (iris.name, iris.species, iris.sha256) == (taken.name, taken.species, taken.sha256)


def test_targets_hold_a_single_1_in_the_place_of_the_label() -> None:
    assert [[0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]] == dataset([2, 0, 1, 2]).targets.tolist()


# Refusing.


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize(
    "cell",
    ["wide", "nan", "NaN", "inf", "-inf", "1e999", "-1.5", "0", "-0.0", "30.001", "1e-400", "0x1F", "1_0", "=1+1", " "],
)
def test_a_cell_that_is_no_measurement_is_refused_by_row_and_column(column: str, cell: str) -> None:
    assert problems(with_cell(77, column, cell)) == [Problem(NOT_CENTIMETRES, 77, column)]


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+x", "-x", "@SUM(A1)", "_x", " Iris", "Iris<b>", '"a\nb"', "n" * 65, "Iris\u2028", "Iris\ufeff"],
)
def test_a_cell_that_is_no_species_is_refused_by_row_and_column(cell: str) -> None:
    assert problems(with_cell(151, "Species", cell)) == [Problem(NOT_A_SPECIES, 151, "Species")]


@pytest.mark.parametrize("column", NAMES[1:])
def test_an_empty_cell_is_refused_by_row_and_column(column: str) -> None:
    assert problems(with_cell(2, column, "")) == [Problem(EMPTY, 2, column)]


def test_rows_are_counted_as_in_the_file_with_the_header_and_blank_lines() -> None:
    spoiled = with_cell(30, "PetalLengthCm", "long").replace(b"\n", b"\n\n")
    assert problems(spoiled) == [Problem(NOT_CENTIMETRES, 59, "PetalLengthCm")]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"", [Problem(MISSING, 1, column) for column in ("Species", *COLUMNS)], id="empty file"),
        pytest.param(
            table(HEADER),
            [Problem("0 species; two at least are needed to tell apart", None, "Species")],
            id="header only",
        ),
        pytest.param(
            reordered("SepalLengthCm", "SepalWidthCm", "PetalLengthCm", "Species"),
            [Problem(MISSING, 1, "PetalWidthCm")],
            id="missing column",
        ),
        pytest.param(
            with_line(1, f"{HEADER},Colour"),
            [unknown(7)],
            id="unknown header",
        ),
        pytest.param(
            with_line(1, HEADER.replace("Species", "species ")),
            [unknown(6), Problem(MISSING, 1, "Species")],
            id="header with a space",
        ),
        pytest.param(
            reordered(*NAMES, "PetalWidthCm"),
            [Problem(TWICE, 1, "PetalWidthCm")],
            id="duplicated header",
        ),
        pytest.param(
            with_line(1, HEADER.replace("SepalWidthCm", "sepal_length")),
            [Problem(TWICE, 1, "SepalLengthCm"), Problem(MISSING, 1, "SepalWidthCm")],
            id="duplicated header in another spelling",
        ),
        pytest.param(table("x" * 200_000), [Problem("the row is not CSV", 1)], id="giant header field"),
        pytest.param(RAW.replace(b"\n", b"\r"), [Problem("the row is not CSV", 1)], id="lines end in CR alone"),
        pytest.param(with_line(2, f"{LINES[1]},x"), [Problem(TOO_LONG, 2, "7")], id="first row longer by one"),
        pytest.param(with_line(2, f"{LINES[1]},x,y"), [Problem(TOO_LONG, 2, "7")], id="first row longer by two"),
        pytest.param(with_line(9, f"{LINES[8]},x"), [Problem(TOO_LONG, 9, "7")], id="later row longer by one"),
        pytest.param(with_line(9, f"{LINES[8]},x,y"), [Problem(TOO_LONG, 9, "7")], id="later row longer by two"),
        pytest.param(with_line(9, LINES[8].replace(".", ",")), [Problem(TOO_LONG, 9, "7")], id="decimal commas"),
        pytest.param(
            table(HEADER, *(f"{line},x" for line in LINES[1:])),
            [Problem(TOO_LONG, row, "7") for row in range(2, 22)],
            id="all rows longer",
        ),
        pytest.param(
            with_line(9, "8,5.0,3.4"),
            [Problem("fewer cells than the header has", 9, "PetalLengthCm")],
            id="short row",
        ),
        pytest.param(with_line(9, f'8,"{LINES[8]}'), [Problem("a quote that is never closed", 9)], id="unclosed quote"),
        pytest.param(
            RAW.rstrip(b"\n") + b'"',
            [Problem(NOT_A_SPECIES, 151, "Species")],
            id="stray quote",
        ),
        pytest.param(
            with_cell(88, "Species", "Iris\0"),
            [Problem("a NUL byte; the table must be UTF-8 text", 88, "6")],
            id="NUL",
        ),
        pytest.param(
            RAW.decode().encode("utf-16"),
            [Problem("a NUL byte; the table must be UTF-8 text", 1, "1")],
            id="UTF-16",
        ),
        pytest.param(
            with_cell(88, "Species", "Iris sétosa").decode().encode("latin-1"),
            [Problem("a byte that is not UTF-8; save the table as UTF-8", 88, "6")],
            id="latin-1",
        ),
        pytest.param(
            with_line(88, '"87","6,7",3.1,4.7,"1.\xe9').decode().encode("latin-1"),
            [Problem("a byte that is not UTF-8; save the table as UTF-8", 88, "5")],
            id="latin-1 behind quoted commas",
        ),
        pytest.param(
            table(*LINES[:51]),
            [Problem("1 species; two at least are needed to tell apart", None, "Species")],
            id="one species",
        ),
        pytest.param(
            table(*LINES[:55]),
            [Problem("Iris-versicolor has 4 rows; every species needs at least 5", 52, "Species")],
            id="four rows of a species",
        ),
    ],
)
def test_a_table_that_cannot_be_trained_on_is_refused_and_the_place_named(data: bytes, expected: list[Problem]) -> None:
    assert expected == problems(data)


def test_five_rows_of_a_species_are_enough() -> None:
    assert [50, 5] == np.bincount(parse(table(*LINES[:56])).labels).tolist()


def test_at_most_20_problems_are_told() -> None:
    spoiled = problems(table(HEADER, *["x,x,x,x,x,?"] * 30))
    assert [Problem(NOT_A_SPECIES, row, "Species") for row in range(2, 22)] == spoiled


def test_all_problems_of_the_cells_are_told_at_once() -> None:
    spoiled = with_cell(5, "SepalWidthCm", "x").replace(b"\n50,5.0,", b"\n50,,")
    assert problems(spoiled) == [Problem(EMPTY, 51, "SepalLengthCm"), Problem(NOT_CENTIMETRES, 5, "SepalWidthCm")]


@pytest.mark.parametrize(
    ("name", "reason"), [("nowhere.csv", "No such file or directory"), (".", "Is a directory")], ids=["none", "folder"]
)
def test_a_file_that_cannot_be_read_is_refused_by_its_path(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(DatasetError) as caught:
        read_csv(tmp_path / name)
    assert str(tmp_path / name) == caught.value.source
    assert caught.value.problems == [Problem(f"the file cannot be read: {reason}")]


def test_a_table_takes_its_name_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "My Flowers.v2.csv"
    path.write_bytes(RAW)
    assert "my flowers.v2" == read_csv(path).name


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters='"\0\r\n'), max_size=8)


@given(cell=TEXTS | st.floats().map(str), column=st.sampled_from(COLUMNS))
def test_whatever_a_cell_holds_it_is_a_measurement_or_refused_by_row_and_column(cell: str, column: str) -> None:
    try:
        found = parse(with_cell(77, column, f'"{cell}"'))
    except DatasetError as error:
        assert [(problem.row, problem.column) for problem in error.problems] == [(77, column)]  # noqa: PT017
    else:
        assert found.X[75].min() > 0
        assert found.X[75].max() <= 30


@given(junk=st.binary(max_size=40), place=st.integers(0, len(RAW)))
def test_whatever_bytes_are_put_into_a_table_it_is_read_or_refused(junk: bytes, place: int) -> None:
    try:
        found = parse(RAW[:place] + junk + RAW[place:])
    except DatasetError as error:
        assert 1 <= len(error.problems) <= 20  # noqa: PT017
    else:
        assert ((found.X > 0) & (found.X <= 30)).all()


# Splitting.


def rows(part: Dataset) -> list[int]:
    return [int(number) for number in part.X[:, 0]]


def test_iris_is_split_into_114_13_and_23_rows(iris: Dataset) -> None:
    parts = split(iris, np.random.default_rng(0))
    assert [114, 13, 23] == [len(part) for part in (parts.training, parts.validation, parts.test)]


@given(counts=st.lists(st.integers(5, 60), min_size=2, max_size=6), seed=st.integers(0, 2**32 - 1))
def test_a_split_deals_every_row_once_and_every_species_in_its_proportion(counts: list[int], seed: int) -> None:
    whole = dataset([label for label, count in enumerate(counts) for _ in range(count)])
    parts = split(whole, np.random.default_rng(seed))

    dealt = rows(parts.training) + rows(parts.validation) + rows(parts.test)
    assert list(range(len(whole))) == sorted(dealt)
    test, validation, training = (
        np.bincount(part.labels, minlength=len(counts)) for part in (parts.test, parts.validation, parts.training)
    )
    assert min(*test, *validation, *training) >= 1
    assert np.abs(test - 0.15 * np.array(counts)).max() <= 1
    assert np.abs(validation - 0.10 * (np.array(counts) - test)).max() <= 1
    # The share is rounded up; more is dealt only where a species would have no row otherwise.
    too_small = sum(count * 0.15 < 1 for count in counts)
    assert 0 <= test.sum() - np.ceil(0.15 * sum(counts)) <= too_small


def test_the_same_generator_deals_the_same_rows_and_another_deals_others(iris: Dataset) -> None:
    first, again, other = (split(iris, np.random.default_rng(seed)) for seed in (7, 7, 8))
    for part in ("training", "validation", "test"):
        np.testing.assert_array_equal(getattr(first, part).X, getattr(again, part).X)
        assert not np.array_equal(getattr(first, part).X, getattr(other, part).X)


def test_the_training_rows_are_shuffled(iris: Dataset) -> None:
    labels = split(iris, np.random.default_rng(0)).training.labels
    assert 3 == len(set(labels[:20].tolist()))
