"""Promotions back and forth between two stored models under load: what fails, what lies, what it costs.

    python -m tests.bench.promotions [--promotions 100] [--rounds 5] [--seconds 4]

Predictions go out at 70 % of the measured capacity, in rounds without and with promotions. Every
answer is computed again offline, from the stored version that it names. The p99 of both kinds of
rounds are measured in turns, in one run: their ratio means something, the milliseconds do not.
"""

import argparse
import asyncio
import json
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from model.dataset import read_csv
from model.features import FEATURES
from model.network import Array
from model.store import Store
from tests.bench import load
from tests.bench.load import Answer
from tests.bench.promises import insist
from tests.bench.servers import service
from tests.bench.stores import IRIS, add_model, temporary_store

_SHARE_OF_CAPACITY = 0.7
_MAX_RATIO = 2.0
_TOLERANCE = 1e-12


@dataclass(frozen=True)
class Round:
    """Answers without and with promotions, and the statuses of those."""

    steady: list[Answer]
    swapping: list[Answer]
    promotions: Counter[int]

    def answers(self) -> list[Answer]:
        return self.steady + self.swapping

    def p99s(self) -> tuple[float, float]:
        return load.percentile(self.steady), load.percentile(self.swapping)

    def versions(self) -> list[str]:
        """Which the answers name that came during promotions."""
        return [json.loads(answer.body)["model_version"] for answer in self.swapping if answer.status == 200]


async def promote_in_turns(address: str, versions: Sequence[str], count: int, seconds: float) -> Counter[int]:
    """Statuses of so many promotions, spread over the time."""
    statuses: Counter[int] = Counter()
    connection = await load.connect(address)
    for i in range(count):
        await asyncio.sleep(seconds / count)
        status, _ = await connection.ask(load.post(address, f"/models/{versions[i % len(versions)]}/promote"))
        statuses[status] += 1
    connection.close()
    return statuses


async def play_with_promotions(
    playing: Coroutine[Any, Any, list[Answer]], promoting: Coroutine[Any, Any, Counter[int]]
) -> tuple[list[Answer], Counter[int]]:
    answers, statuses = await asyncio.gather(playing, promoting)
    return answers, statuses


def mismatches(store: Store, answers: Sequence[Answer], flowers: Array) -> int:
    """How many answers are not what the version that they name computes; flowers (n, 4) were asked in turns."""
    networks = {version: store.model(version).network for version in store.versions()}
    scores = {version: network.scores(flowers) for version, network in networks.items()}
    species = list(store.model(store.versions()[0]).card.species)
    return sum(not _is_true(answer, scores, species, len(flowers)) for answer in answers if answer.status == 200)


def _is_true(answer: Answer, scores: dict[str, Array], species: list[str], flowers: int) -> bool:
    told = json.loads(answer.body)
    expected = scores[told["model_version"]][answer.number % flowers]
    return (
        list(told["scores"]) == species
        and bool(np.allclose(list(told["scores"].values()), expected, rtol=0, atol=_TOLERANCE))
        and told["species"] == species[int(np.argmax(expected))]
    )


def measure(address: str, versions: Sequence[str], flowers: Array, options: argparse.Namespace) -> list[Round]:
    """Rounds without and with promotions, in turns."""
    requests = [load.post(address, "/predict", dict(zip(FEATURES, row, strict=True))) for row in flowers.tolist()]
    capacity = load.capacity(address, requests)
    rate = _SHARE_OF_CAPACITY * capacity
    print(f"capacity {capacity:.0f}/s, asked {rate:.0f}/s")
    rounds = []
    for _ in range(options.rounds):
        steady = load.run(load.play(address, requests, rate, options.seconds))
        promoting = promote_in_turns(address, versions, options.promotions // options.rounds, options.seconds)
        playing = load.play(address, requests, rate, options.seconds)
        rounds.append(Round(steady, *load.run(play_with_promotions(playing, promoting))))
        print("p99 steady {:6.2f} ms   during promotions {:6.2f} ms".format(*rounds[-1].p99s()))
    return rounds


def report(rounds: Sequence[Round], wrong: int) -> None:
    steady, swapping = np.median([each.p99s() for each in rounds], axis=0)
    statuses = Counter(answer.status for each in rounds for answer in each.answers())
    promotions = sum((each.promotions for each in rounds), Counter())
    named = Counter(version for each in rounds for version in each.versions())
    print(f"promotions by status {dict(promotions)}; predictions by status {dict(statuses)}; mismatches {wrong}")
    print(f"answers during promotions by version: {' and '.join(map(str, named.values()))}")
    print(f"p99, medians of rounds: steady {steady:.2f} ms, during promotions {swapping:.2f} ms", end="")
    print(f", ratio {swapping / steady:.2f}")
    insist(
        {
            "every promotion succeeds": set(promotions) == {200},
            "no request fails": set(statuses) == {200},
            "both models serve": len(named) == 2,
            "no answer differs from what its version computes": wrong == 0,
            f"p99 during promotions is at most {_MAX_RATIO:g} times the steady one": swapping / steady <= _MAX_RATIO,
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--promotions", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="that each half of a round takes")
    options = parser.parse_args()
    flowers = read_csv(IRIS).X
    with temporary_store() as store, service(store.root) as (address, _):
        add_model(store, seed=1)
        rounds = measure(address, store.versions(), flowers, options)
        wrong = mismatches(store, [answer for each in rounds for answer in each.answers()], flowers)
    report(rounds, wrong)


if __name__ == "__main__":
    main()
