import pytest

from model.errors import DatasetError, HyperparameterError, Problem


@pytest.mark.parametrize(
    ("expected", "problem"),
    [
        ("it is bad", Problem("it is bad")),
        ("row 7: it is bad", Problem("it is bad", row=7)),
        ("column Species: it is bad", Problem("it is bad", column="Species")),
        ("row 7, column Species: it is bad", Problem("it is bad", row=7, column="Species")),
    ],
    ids=["nowhere", "row", "column", "cell"],
)
def test_a_problem_says_where_it_is(expected: str, problem: Problem) -> None:
    assert expected == str(problem)


def test_a_dataset_error_names_the_source_the_first_problem_and_how_many_more() -> None:
    first, second = Problem("one", row=2), Problem("two", row=3)
    assert "iris.csv: row 2: one" == str(DatasetError("iris.csv", [first]))
    assert "iris.csv: row 2: one (and 1 more)" == str(DatasetError("iris.csv", [first, second]))


def test_a_hyperparameter_error_names_the_field() -> None:
    assert "epochs: expected more" == str(HyperparameterError("epochs", "expected more"))
