"""Records of runs as lists tell them."""

from dataclasses import fields

from model.run import Run, RunSummary


def in_short(*runs: Run) -> list[RunSummary]:
    """What `Store.runs` tells of these."""
    return [RunSummary(**{field.name: getattr(run, field.name) for field in fields(RunSummary)}) for run in runs]
