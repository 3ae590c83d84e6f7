"""Children do the runs; whatever becomes of a child, its run ends and the next one works."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from app.champion import Champion
from app.monitoring import Monitor
from app.settings import Settings
from app.trainer import Trainer
from model.errors import QueueFullError
from model.hyperparameters import MAX_EPOCHS, Hyperparameters
from model.run import Policy, Run, Status, begun, queued
from model.store import Store

SHORT = Hyperparameters(epochs=1)
WANT = {signal.SIGSEGV, signal.SIGABRT}
LONG = Hyperparameters(epochs=MAX_EPOCHS, hidden_layers=(64, 64))


@asynccontextmanager
async def working(settings: Settings, store: Store) -> AsyncIterator[tuple[Trainer, Champion]]:
    monitor = Monitor()
    champion = Champion(store, monitor)
    champion.refresh()
    trainer = Trainer(settings, store, champion, monitor)
    task = asyncio.create_task(trainer.work())
    try:
        yield trainer, champion
    finally:
        trainer.close()
        await task


def children() -> list[psutil.Process]:
    """Training children: what the fork server has started."""
    mine = psutil.Process().children(recursive=True)
    return [process for process in mine if process.ppid() != os.getpid() and process.status() != psutil.STATUS_ZOMBIE]


async def until(condition: Callable[[], bool], timeout_seconds: float = 20.0) -> None:
    async with asyncio.timeout(timeout_seconds):
        while not condition():
            await asyncio.sleep(0.02)


async def at_work(trainer: Trainer, store: Store, hyperparameters: Hyperparameters) -> Run:
    """A run whose child is at work."""
    run = await trainer.submit(queued(hyperparameters))
    await until(lambda: store.run(run.id).status is Status.RUNNING)
    return run


def test_runs_are_done_one_after_the_other_in_their_order(settings: Settings, store: Store) -> None:
    async def scenario() -> list[Run]:
        async with working(settings, store) as (trainer, _):
            runs = [await trainer.submit(queued(SHORT)) for _ in range(4)]
            return [await trainer.result(run, 30) for run in runs]

    runs = asyncio.run(scenario())

    assert [Status.SUCCEEDED] * 4 == [run.status for run in runs]
    for earlier, later in pairwise(runs):
        assert earlier.finished_at
        assert later.started_at
        assert earlier.finished_at <= later.started_at


def test_a_finished_run_serves_before_it_is_told(settings: Settings, store: Store) -> None:
    async def scenario() -> tuple[Run, str]:
        async with working(settings, store) as (trainer, champion):
            run = await trainer.result(await trainer.submit(queued(SHORT, Policy.ALWAYS)), 30)
            return run, champion.serving.version

    run, version = asyncio.run(scenario())

    assert run.model_version == version


def test_whoever_waits_for_a_long_run_does_not_have_its_record_read_all_the_while(
    settings: Settings, store: Store
) -> None:
    class CountingStore(Store):
        """A store that counts how often whole records are read: of a long run that takes milliseconds."""

        reads = 0

        def run(self, run_id: str) -> Run:
            self.reads += 1
            return super().run(run_id)

    counting = CountingStore(store.root)

    async def scenario() -> int:
        async with working(settings, counting) as (trainer, _), working(settings, counting) as (other, _):
            run = await at_work(trainer, store, LONG)
            before = counting.reads
            await asyncio.gather(*(each.result(run, 1.0) for each in (trainer, other)))
            return counting.reads - before

    assert 2 == asyncio.run(scenario())  # one for each answer


def test_no_more_runs_wait_than_are_allowed_to(settings: Settings, store: Store) -> None:
    async def scenario() -> None:
        small = settings.model_copy(update={"training_queue_size": 2})
        async with working(small, store) as (trainer, _):
            await at_work(trainer, store, LONG)
            for _ in range(2):
                await trainer.submit(queued(SHORT))
            with pytest.raises(QueueFullError):
                await trainer.submit(queued(SHORT))

    asyncio.run(scenario())


def test_what_a_killed_child_was_about_to_write_is_removed_before_its_end_is_told(
    settings: Settings, store: Store
) -> None:
    async def scenario() -> Run:
        async with working(settings, store) as (trainer, _):
            run = await at_work(trainer, store, LONG)
            (store.root / "runs" / f".{run.id}.json.0123456789abcdef.tmp").touch()
            return await trainer.cancel(run.id)

    assert Status.CANCELLED is asyncio.run(scenario()).status
    assert [] == list(store.root.rglob("*.tmp"))


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGTERM])
def test_a_killed_child_ends_its_run_with_the_reason_and_the_next_run_works(
    ending: signal.Signals, settings: Settings, store: Store
) -> None:
    serving = store.current()

    async def scenario() -> tuple[Run, str, Run]:
        async with working(settings, store) as (trainer, champion):
            run = await at_work(trainer, store, LONG)
            for child in children():
                child.send_signal(ending)
            failed = await trainer.result(run, 5)
            version = champion.serving.version
            return failed, version, await trainer.result(await trainer.submit(queued(SHORT)), 30)

    failed, version, succeeded = asyncio.run(scenario())

    assert Status.FAILED is failed.status
    assert str(failed.reason).startswith(f"The training process was ended by {ending.name}")
    assert ("for want of memory: it may take 4096 MiB." in str(failed.reason)) == (ending in WANT)
    assert ("the system, which does so where memory runs out." in str(failed.reason)) == (ending is signal.SIGKILL)
    assert serving == version
    assert Status.SUCCEEDED == succeeded.status


def fork_server() -> psutil.Process:
    """What starts the children."""
    (found,) = (each for each in psutil.Process().children() if "forkserver" in str(each.cmdline()))
    return found


HANGING: dict[str, Callable[[], list[psutil.Process]]] = {
    "the child": children,
    "the child and what has started it": lambda: [*children(), fork_server()],
}


@pytest.mark.parametrize("hanging", HANGING.values(), ids=HANGING)
def test_a_child_that_hangs_meets_its_deadline(
    hanging: Callable[[], list[psutil.Process]], settings: Settings, store: Store
) -> None:
    async def scenario() -> tuple[Run, Run]:
        hasty = settings.model_copy(update={"training_timeout_seconds": 3.0})
        async with working(hasty, store) as (trainer, _):
            run = await at_work(trainer, store, LONG)
            for process in hanging():
                process.suspend()
            failed = await trainer.result(run, 5)
            return failed, await trainer.result(await trainer.submit(queued(SHORT)), 30)

    failed, succeeded = asyncio.run(scenario())

    assert (Status.FAILED, "It took longer than 3 seconds.") == (failed.status, failed.reason)
    assert Status.SUCCEEDED is succeeded.status


def test_a_run_is_cancelled_within_a_second_though_everything_hangs(settings: Settings, store: Store) -> None:
    async def scenario() -> tuple[Run, float]:
        async with working(settings, store) as (trainer, _):
            run = await at_work(trainer, store, LONG)
            for process in (*children(), fork_server()):
                process.suspend()
            began = time.monotonic()
            return await trainer.cancel(run.id), time.monotonic() - began

    run, seconds = asyncio.run(scenario())

    assert Status.CANCELLED is run.status
    assert seconds < 1


@contextmanager
def busy_processors() -> Iterator[None]:
    """Somebody else works as much as this machine can, for as long as this lasts."""
    with ExitStack() as stack:
        for _ in range(os.cpu_count() or 1):
            stack.callback(stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"])).kill)
        yield


def test_a_run_is_cancelled_within_a_second_though_all_processors_are_busy(settings: Settings, store: Store) -> None:
    async def scenario() -> list[float]:
        took = []
        async with working(settings, store) as (trainer, _):
            for _ in range(3):
                run = await at_work(trainer, store, LONG)
                with busy_processors():
                    await asyncio.sleep(0.5)
                    began = time.monotonic()
                    assert Status.CANCELLED is (await trainer.cancel(run.id)).status
                    took.append(time.monotonic() - began)
        return took

    assert max(asyncio.run(scenario())) < 1


def test_a_run_that_does_not_start_meets_its_deadline_and_the_next_one_works(settings: Settings, store: Store) -> None:
    async def scenario() -> tuple[Run, Run]:
        hasty = settings.model_copy(update={"training_timeout_seconds": 3.0})
        async with working(hasty, store) as (trainer, _):
            await trainer.result(await trainer.submit(queued(SHORT)), 30)
            fork_server().suspend()
            failed = await trainer.result(await trainer.submit(queued(SHORT)), 5)
            return failed, await trainer.result(await trainer.submit(queued(SHORT)), 30)

    failed, succeeded = asyncio.run(scenario())

    assert Status.FAILED is failed.status
    assert "The training process could not be started; the service's log says why." == failed.reason
    assert Status.SUCCEEDED is succeeded.status


def test_stopping_does_not_wait_for_a_child_that_does_not_start_and_its_run_waits(
    settings: Settings, store: Store
) -> None:
    async def scenario() -> tuple[Run, float]:
        async with working(settings, store) as (trainer, _):
            await trainer.result(await trainer.submit(queued(SHORT)), 30)
            fork_server().suspend()
            run = await trainer.submit(queued(SHORT))
            await asyncio.sleep(1.0)
            began = time.monotonic()
        return run, time.monotonic() - began

    run, seconds = asyncio.run(scenario())

    assert Status.QUEUED is store.run(run.id).status
    assert seconds < 2


def test_a_run_that_is_about_to_start_when_the_service_stops_waits_for_the_next_start(
    settings: Settings, store: Store
) -> None:
    class StoppingStore(Store):
        """A store that has the trainer closed as soon as it has found a run to do."""

        trainer: Trainer | None = None
        has_stopped = False

        def next_queued(self) -> Run | None:
            found = super().next_queued()
            if found and self.trainer:
                self.trainer.close()
                self.has_stopped = True
            return found

    async def scenario() -> Run:
        stopping = StoppingStore(settings.artifacts)
        async with working(settings, stopping) as (trainer, _):
            await trainer.result(await trainer.submit(queued(SHORT)), 30)  # from then on a start takes no time
            stopping.trainer = trainer
            run = await trainer.submit(queued(SHORT))
            await until(lambda: stopping.has_stopped)
            return run

    assert Status.QUEUED is store.run(asyncio.run(scenario()).id).status


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is only nice")
def test_what_trains_and_what_has_started_it_let_predictions_go_first(settings: Settings, store: Store) -> None:
    async def scenario() -> list[int]:
        async with working(settings, store) as (trainer, _):
            await at_work(trainer, store, LONG)
            return [os.sched_getscheduler(process.pid) for process in (*children(), fork_server())]

    assert [os.SCHED_IDLE] * 2 == asyncio.run(scenario())


def test_a_run_whose_starter_is_ended_says_so_and_the_next_one_works(settings: Settings, store: Store) -> None:
    async def scenario() -> tuple[Run, Run]:
        async with working(settings, store) as (trainer, _):
            run = await at_work(trainer, store, LONG)
            fork_server().kill()
            failed = await trainer.result(run, 2)
            return failed, await trainer.result(await trainer.submit(queued(SHORT)), 30)

    failed, succeeded = asyncio.run(scenario())

    assert Status.FAILED is failed.status
    assert "The process that starts the training processes was ended, and with it the training." == failed.reason
    assert Status.SUCCEEDED is succeeded.status


def test_stopping_ends_the_child_at_once_and_records_it_and_keeps_the_queue(settings: Settings, store: Store) -> None:
    async def scenario() -> tuple[Run, Run]:
        async with working(settings, store) as (trainer, _):
            return await at_work(trainer, store, LONG), await trainer.submit(queued(SHORT))

    began = time.monotonic()
    begun_run, waiting = asyncio.run(scenario())

    assert time.monotonic() - began < 10
    assert "The service was stopped." == store.run(begun_run.id).reason
    assert Status.QUEUED == store.run(waiting.id).status
    assert [] == children()


def test_runs_that_wait_from_before_the_start_are_done(settings: Settings, store: Store) -> None:
    run = queued(SHORT)
    store.enqueue(run, limit=8)

    async def scenario() -> Run:
        async with working(settings, store) as (trainer, _):
            return await trainer.result(run, 30)

    assert Status.SUCCEEDED == asyncio.run(scenario()).status


def test_while_somebody_else_trains_no_child_is_started(settings: Settings, store: Store) -> None:
    async def scenario() -> Run:
        async with working(settings, store) as (trainer, _):
            with store.training(timeout_seconds=0):
                run = await trainer.submit(queued(SHORT))
                await asyncio.sleep(1.5)
                assert [] == children()
                assert Status.QUEUED == store.run(run.id).status
            return await trainer.result(run, 30)

    assert Status.SUCCEEDED == asyncio.run(scenario()).status


def test_what_others_have_left_behind_is_closed_before_the_next_run(settings: Settings, store: Store) -> None:
    abandoned = begun(queued(SHORT))
    store.save_run(abandoned)

    async def scenario() -> None:
        async with working(settings, store) as (trainer, _):
            await trainer.result(await trainer.submit(queued(SHORT)), 30)

    asyncio.run(scenario())

    assert Status.FAILED == store.run(abandoned.id).status


def test_a_run_whose_record_is_deleted_is_told_as_it_was_seen_last_and_the_next_one_works(
    settings: Settings, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> tuple[Run, Run, Run]:
        async with working(settings, store) as (trainer, _):
            run = await at_work(trainer, store, LONG)
            for child in children():
                child.suspend()  # else it could write the record again
            (store.root / "runs" / f"{run.id}.json").unlink()
            for child in children():
                child.kill()
            told = await trainer.result(run, 5)
            return run, told, await trainer.result(await trainer.submit(queued(SHORT)), 30)

    run, told, succeeded = asyncio.run(scenario())

    assert run == told
    assert Status.SUCCEEDED is succeeded.status
    assert f"Training run {run.id} ended without a record: {run.id}.json: there is none" in caplog.text


def test_the_queue_is_worked_off_again_after_the_store_was_away(settings: Settings, store: Store) -> None:
    async def scenario() -> Run:
        async with working(settings, store) as (trainer, _):
            away = store.root.rename(store.root.with_name("away"))
            store.root.touch()
            await asyncio.sleep(1.0)
            store.root.unlink()
            away.rename(store.root)
            return await trainer.result(await trainer.submit(queued(SHORT)), 30)

    assert Status.SUCCEEDED == asyncio.run(scenario()).status


# A disk that stays full.


def limit_files(process: psutil.Process, max_bytes: int) -> None:
    """Let a process write no file beyond so many bytes."""
    _, hard = process.rlimit(psutil.RLIMIT_FSIZE)
    process.rlimit(psutil.RLIMIT_FSIZE, (max_bytes, hard))


@contextmanager
def full_disk() -> Iterator[None]:
    """While this lasts neither this process nor those that train write anything."""
    me = psutil.Process()
    for process in (me, *children()):
        limit_files(process, 0)
    try:
        yield
    finally:
        limit_files(me, psutil.RLIM_INFINITY)


FULL = "The store cannot be written: File too large."


def test_on_a_full_disk_a_run_fails_with_the_reason_which_is_recorded_when_there_is_room(
    settings: Settings, store: Store
) -> None:
    serving = store.current()

    async def scenario() -> tuple[Run, Status, Run, str]:
        rival = Store(settings.artifacts)
        async with working(settings, store) as (trainer, champion), working(settings, rival):
            run = await at_work(trainer, store, LONG)
            with full_disk():
                told = await trainer.result(run, 2)
                await asyncio.sleep(1.2)  # the rival looks twice at a run that nobody seems to train
                unrecorded = Store(settings.artifacts).run(run.id).status
                version = champion.serving.version
            await until(lambda: rival.run(run.id).ended)
            assert told == rival.run(run.id) == store.run(run.id)
            return told, unrecorded, await trainer.result(await trainer.submit(queued(SHORT)), 30), version

    told, unrecorded, succeeded, version = asyncio.run(scenario())

    assert (Status.FAILED, FULL) == (told.status, told.reason)
    assert Status.RUNNING is unrecorded
    assert serving == version
    assert Status.SUCCEEDED is succeeded.status


def test_runs_that_wait_when_the_disk_is_full_are_done_when_there_is_room(settings: Settings, store: Store) -> None:
    async def scenario() -> list[Run]:
        async with working(settings, store) as (trainer, _):
            first = await at_work(trainer, store, LONG)
            waiting = [await trainer.submit(queued(SHORT)) for _ in range(2)]
            with full_disk():
                await trainer.result(first, 2)
                await asyncio.sleep(1.2)
                assert waiting == [store.run(run.id) for run in waiting]
            return [await trainer.result(run, 30) for run in waiting]

    assert [Status.SUCCEEDED] * 2 == [run.status for run in asyncio.run(scenario())]


def test_stopping_does_not_wait_for_room_on_the_disk(settings: Settings, store: Store) -> None:
    async def scenario() -> float:
        with ExitStack() as stack:
            async with working(settings, store) as (trainer, _):
                run = await at_work(trainer, store, LONG)
                stack.enter_context(full_disk())
                await trainer.result(run, 2)
                began = time.monotonic()
            return time.monotonic() - began

    assert asyncio.run(scenario()) < 1


def test_the_first_model_is_trained_once_however_many_workers_want_it(tmp_path: Path) -> None:
    settings = Settings(artifacts=tmp_path / "artifacts")
    store = Store(settings.artifacts)

    async def scenario() -> set[str]:
        async with working(settings, store) as (one, champion), working(settings, store) as (other, rival):
            await asyncio.gather(one.first_model(), other.first_model())
            return {champion.serving.version, rival.serving.version}

    served = asyncio.run(scenario())

    assert {store.current()} == served
    assert 1 == len(store.versions())
