"""Whether a new model may take the place of the current one: it sits the same exams, and must not do worse.

An exam is a set of rows that the new model has not trained on. Some stand, whatever table is
brought: the test rows of the built-in table, and those of the table that the current model has
learned from. The run's own table makes another, if whoever trains has brought it.
"""

from collections.abc import Sequence

from model.artifact import Artifact
from model.dataset import Dataset
from model.evaluation import accuracy
from model.run import Terms, Verdict

_ROUNDING = 1e-9  # 0.90 - 0.05 is not 0.85 in binary


def judge(
    candidate: Artifact,
    current: Artifact | None,
    standing: Sequence[Dataset],
    terms: Terms,
    own: Sequence[Dataset] = (),
) -> Verdict:
    """Whether the candidate becomes current, and why, in figures.

    A model of other species than the current one's is never let in: who asks for predictions
    relies on the species, so that somebody has to mean it. Exams of other species are left out; if
    none that stands is left, the caller could bring whatever exam suits the model, and it is not let
    in either.
    """
    species = candidate.card.species
    if current and current.card.species != species:
        told, known = ", ".join(species), ", ".join(current.card.species)
        reason = f"It tells {told}, the current model {known}: promote it if that is meant."
        return Verdict(promote=False, reason=reason)
    if current and not any(exam.species == species for exam in standing):
        reason = "There are no rows that stay the same to compare it with the current model on: promote it by name."
        return Verdict(promote=False, reason=reason)
    reasons = []
    for exam in (exam for exam in (*standing, *own) if exam.species == species):
        verdict = _examine(candidate, current, exam, terms)
        if not verdict.promote:
            return verdict
        reasons.append(verdict.reason)
    return Verdict(promote=True, reason=" ".join(reasons))


def _examine(candidate: Artifact, current: Artifact | None, exam: Dataset, terms: Terms) -> Verdict:
    if not len(exam):
        reason = f"No row of {exam.name} is left to examine it on that it has not learned from: promote it by name."
        return Verdict(promote=False, reason=reason)
    got = _accuracy(candidate, exam)
    result = f"Accuracy {got:.3f} on {len(exam)} rows of {exam.name} that were held back"
    if got < terms.min_accuracy - _ROUNDING:
        return Verdict(promote=False, reason=f"{result}; at least {terms.min_accuracy:g} is needed.")
    if current is None:
        return Verdict(promote=True, reason=f"{result}.")
    had = _accuracy(current, exam)
    compared = f"{result}; the current model has {had:.3f}"
    if had - got > terms.tolerance + _ROUNDING:
        return Verdict(promote=False, reason=f"{compared}, of which at most {terms.tolerance:g} may be lost.")
    return Verdict(promote=True, reason=f"{compared}.")


def _accuracy(artifact: Artifact, exam: Dataset) -> float:
    return accuracy(artifact.network.scores(exam.X), exam.labels)
