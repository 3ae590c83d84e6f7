import os
import stat
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import lock_descriptor

from model.errors import NotStoredError, UnsafeFileError
from model.files import Files
from tests.model.processes import first_line, no_file_longer_than, python


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "root")


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def everything_below(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def test_what_is_written_is_read(files: Files) -> None:
    files.write("folder/name", b"bytes")
    assert b"bytes" == files.read("folder/name", max_bytes=5)
    assert ["folder", "folder/name"] == everything_below(files.root)


def test_a_write_replaces_what_was_there(files: Files) -> None:
    files.write("name", b"longer than the other")
    files.write("name", b"short")
    assert b"short" == files.read("name", max_bytes=100)
    assert ["name"] == everything_below(files.root)


def test_others_in_the_group_may_read_what_the_umask_allows(files: Files) -> None:
    before = os.umask(0o027)
    try:
        files.write("name", b"")
    finally:
        os.umask(before)
    assert 0o640 == stat.S_IMODE((files.root / "name").stat().st_mode)


def test_a_deleted_name_is_gone_and_may_be_deleted_again(files: Files) -> None:
    files.write("name", b"")
    files.delete("name")
    files.delete("name")
    with pytest.raises(NotStoredError):
        files.read("name", max_bytes=1)


def test_what_was_never_written_is_not_stored(files: Files) -> None:
    with pytest.raises(NotStoredError, match="name: there is none"):
        files.read("folder/name", max_bytes=1)


def test_a_name_below_a_file_is_an_error_of_the_system(files: Files) -> None:
    files.write("name", b"a file")
    with pytest.raises(NotADirectoryError):
        files.read("name/below", max_bytes=1)


def test_names_come_in_descending_order_without_folder_and_ending(files: Files) -> None:
    for name in ("folder/b.json", "folder/c.json", "folder/a.json", "folder/d.txt", "folder/.e.json", "f.json"):
        files.write(name, b"")
    assert ["c", "b", "a"] == files.names("folder", ".json")


def test_a_folder_that_is_not_there_has_no_names(files: Files) -> None:
    assert [] == files.names("folder", ".json")


# Files that nobody of ours has put there.


def link(path: Path) -> None:
    path.with_name("elsewhere").write_bytes(b"secret")
    path.symlink_to("elsewhere")


def dangle(path: Path) -> None:
    path.symlink_to("nowhere")


def pipe(path: Path) -> None:
    os.mkfifo(path)


def grow(path: Path) -> None:
    path.write_bytes(b"123456")


@pytest.mark.parametrize(
    ("put", "found"),
    [
        (link, "expected a regular file, found a link"),
        (dangle, "expected a regular file, found a link"),
        (pipe, "expected a regular file"),
        (Path.mkdir, "expected a regular file"),
        (grow, "expected at most 5 bytes, found 6"),
    ],
    ids=["link", "dangling link", "pipe without a writer", "directory", "too large"],
)
def test_what_no_writer_of_ours_has_put_there_is_refused(files: Files, put: Callable[[Path], None], found: str) -> None:
    files.root.mkdir()
    put(files.root / "name")
    with pytest.raises(UnsafeFileError, match=f"^name: {found}$"):
        files.read("name", max_bytes=5)


@pytest.mark.parametrize("put", [link, pipe, Path.mkdir, grow], ids=["link", "pipe", "directory", "too large"])
def test_what_is_refused_is_not_kept_open(files: Files, put: Callable[[Path], None]) -> None:
    files.root.mkdir()
    put(files.root / "name")
    before = open_descriptors()
    for _ in range(3):
        with pytest.raises((UnsafeFileError, OSError)):
            files.read("name", max_bytes=5)
    assert before == open_descriptors()


def test_a_write_replaces_a_link_and_not_what_it_points_to(files: Files) -> None:
    files.root.mkdir()
    link(files.root / "name")
    files.write("name", b"new")
    assert b"new" == files.read("name", max_bytes=5)
    assert b"secret" == (files.root / "elsewhere").read_bytes()


# Writes that fail.


def test_a_disk_that_refuses_leaves_the_old_bytes_and_nothing_else(files: Files) -> None:
    files.write("name", b"old")
    with no_file_longer_than(1000), pytest.raises(OSError, match="File too large"):
        files.write("name", bytes(100_000))
    assert b"old" == files.read("name", max_bytes=5)
    assert ["name"] == everything_below(files.root)


def test_a_name_that_is_a_directory_stays_one_and_nothing_is_left_beside_it(files: Files) -> None:
    (files.root / "name").mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        files.write("name", b"new")
    assert ["name"] == everything_below(files.root)


def test_a_folder_that_is_a_file_refuses_and_stays_as_it_is(files: Files) -> None:
    files.write("folder", b"a file")
    with pytest.raises(OSError, match=r"exists|Not a directory"):
        files.write("folder/name", b"new")
    assert b"a file" == files.read("folder", max_bytes=6)
    assert ["folder"] == everything_below(files.root)


def test_readers_see_the_old_bytes_or_the_new_ones_and_nothing_between(files: Files) -> None:
    versions = [bytes([digit]) * size for digit, size in ((1, 300_000), (2, 100_000), (3, 200_000))]
    files.write("name", versions[0])

    def replace_often() -> None:
        for turn in range(60):
            files.write("name", versions[turn % 3])

    with ThreadPoolExecutor() as pool:
        writers = [pool.submit(replace_often) for _ in range(2)]
        seen = set()
        while not all(writer.done() for writer in writers):
            seen.add(files.read("name", max_bytes=300_000))
        for writer in writers:
            writer.result()
    assert seen <= set(versions)
    assert len(seen) > 1
    assert ["name"] == everything_below(files.root)


# Writers that are killed.

HANG_WHILE_WRITING = """
import sys, time
from pathlib import Path
from model.files import _temporary_beside

with _temporary_beside(Path(sys.argv[1])) as file:
    file.write(b"half of it")
    file.flush()
    print(file.name, flush=True)
    time.sleep(60)
"""


def test_what_a_killed_writer_leaves_is_swept_and_what_a_living_one_writes_is_spared(files: Files) -> None:
    files.write("folder/name", b"old")
    with python(HANG_WHILE_WRITING, files.root / "folder" / "name") as writer:
        temporary = Path(first_line(writer))
        files.sweep()
        assert b"half of it" == temporary.read_bytes()
        writer.kill()
        writer.wait()
        assert temporary.exists()
        files.sweep()
    assert ["folder", "folder/name"] == everything_below(files.root)
    assert b"old" == files.read("folder/name", max_bytes=5)
    assert ["name"] == files.names("folder", "")


def test_a_sweep_spares_a_temporary_file_as_long_as_it_is_locked(files: Files) -> None:
    files.write("name", b"")
    temporary = files.root / ".name.0123456789abcdef.tmp"
    with temporary.open("xb") as file:
        lock_descriptor(file.fileno())
        files.sweep()
        assert temporary.exists()
    files.sweep()
    assert not temporary.exists()


def test_a_sweep_takes_nothing_but_temporary_files(files: Files) -> None:
    kept = [".hidden", "folder", "folder/name.json", "name.tmp"]
    for name in kept:
        if name != "folder":
            files.write(name, b"")
    files.sweep()
    assert everything_below(files.root) == kept


def test_a_directory_that_is_not_there_is_swept_too(files: Files) -> None:
    files.sweep()
    assert not files.root.exists()


def test_sweepers_and_a_writer_at_the_same_time_lose_no_write(files: Files) -> None:
    files.write("name", b"0")

    def write() -> None:
        for turn in range(50):
            files.write("name", str(turn).encode())

    def sweep(writer: "Future[None]") -> None:
        while not writer.done():
            files.sweep()

    with ThreadPoolExecutor(5) as pool:
        writer = pool.submit(write)
        for sweeper in [pool.submit(sweep, writer) for _ in range(4)]:
            sweeper.result()
        writer.result()
    assert b"49" == files.read("name", max_bytes=5)
    assert ["name"] == everything_below(files.root)
