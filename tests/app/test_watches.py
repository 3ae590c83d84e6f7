"""Many readers of one run: one look for all, and none for those who have gone."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from app.watches import MAX_READERS, TooManyReadersError, Watch, Watches
from model.evaluation import EpochScore
from model.hyperparameters import Hyperparameters
from model.run import Run, advanced, begun, failed, queued
from model.store import Store

LOOKS_PER_SECOND = 10
SCORES = EpochScore(1, 0.3, 0.5, 0.4, 0.6)


class CountingStore(Store):
    """A store that counts how often a run is looked at, and how often it is read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.looks = self.reads = 0

    def run_stamp(self, run_id: str) -> tuple[int, int]:
        self.looks += 1
        return super().run_stamp(run_id)

    def run(self, run_id: str) -> Run:
        self.reads += 1
        return super().run(run_id)


@pytest.fixture
def store(tmp_path: Path) -> CountingStore:
    return CountingStore(tmp_path)


@pytest.fixture
def run(store: Store) -> Run:
    run = begun(queued(Hyperparameters(epochs=2)))
    store.save_run(run)
    return run


async def heard(watch: Watch) -> list[Run]:
    """Every record that a reader hears of, to the last."""
    records = [watch.run]
    while not watch.over:
        await watch.changed.wait()
        records.append(watch.run)
    return records


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


def test_all_readers_hear_of_each_record_and_the_store_is_asked_once_for_all(store: CountingStore, run: Run) -> None:
    async def read() -> list[list[Run]]:
        watches = Watches(store)
        with ExitStack() as stack:
            readers = [asyncio.create_task(heard(stack.enter_context(watches.following(run)))) for _ in range(100)]
            await until(lambda: store.reads == 1)
            store.save_run(half := advanced(run, [SCORES], 1))
            await until(lambda: store.reads == 2)
            assert not any(reader.done() for reader in readers)
            store.save_run(failed(half, "It broke off."))
            return await asyncio.gather(*readers)

    for records in asyncio.run(read()):
        assert ["It broke off."] == [record.reason for record in records if record.ended]
        assert [0, 0, 1, 1] == [len(record.history) for record in records]
    assert 3 == store.reads


def test_readers_who_wait_cost_ten_looks_a_second_however_many_they_are(store: CountingStore, run: Run) -> None:
    async def wait() -> None:
        watches = Watches(store)
        with ExitStack() as stack:
            for _ in range(100):
                stack.enter_context(watches.following(run))
            await asyncio.sleep(1)

    asyncio.run(wait())
    assert 1 < store.looks <= LOOKS_PER_SECOND + 1


def test_when_the_last_reader_has_gone_nobody_looks_any_more(store: CountingStore, run: Run) -> None:
    async def go() -> tuple[int, int]:
        watches = Watches(store)
        with watches.following(run):
            with watches.following(run):
                await until(lambda: store.looks > 0)
            looks = store.looks
            await until(lambda: store.looks > looks)
        await asyncio.sleep(0.2)
        looks = store.looks
        await asyncio.sleep(0.3)
        return looks, store.looks

    before, after = asyncio.run(go())
    assert before == after


def test_a_reader_who_comes_with_a_newer_record_lets_the_others_hear_of_it(store: Store, run: Run) -> None:
    newer = advanced(run, [SCORES], 1)

    async def meet() -> Run:
        watches = Watches(store)
        with watches.following(run), watches.following(newer) as watch, watches.following(run):
            return watch.run

    assert newer == asyncio.run(meet())


def test_a_run_that_vanishes_ends_its_streams(store: Store, run: Run) -> None:
    async def vanish() -> list[Run]:
        with Watches(store).following(run) as watch:
            (store.root / "runs" / f"{run.id}.json").unlink()
            async with asyncio.timeout(5):
                return await heard(watch)

    assert not any(record.ended for record in asyncio.run(vanish()))


def test_when_the_service_is_to_stop_every_stream_ends_also_those_that_begin_then(store: Store, run: Run) -> None:
    async def stop() -> list[list[Run]]:
        watches = Watches(store)
        async with asyncio.timeout(5):
            with watches.following(run) as watch:
                reader = asyncio.create_task(heard(watch))
                await asyncio.sleep(0)
                watches.close()
                early = await reader
            with watches.following(run) as watch:
                return [early, await heard(watch)]

    assert [[run, run], [run]] == asyncio.run(stop())


def test_more_readers_than_a_worker_takes_are_refused_until_one_goes(store: Store, run: Run) -> None:
    async def crowd() -> None:
        watches, other = Watches(store), replace(run, id="another")
        with ExitStack() as stack:
            for i in range(MAX_READERS - 1):
                stack.enter_context(watches.following(run if i % 2 else other))
            with watches.following(run), pytest.raises(TooManyReadersError), watches.following(run):
                pass
            with watches.following(run):
                pass

    asyncio.run(crowd())
