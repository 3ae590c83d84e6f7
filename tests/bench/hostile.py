"""Hostile artifacts, each with its right digest in its name: none is accepted, none takes long or much.

    python -m tests.bench.hostile

Each is read by a process of its own, through the store as the service reads it.
"""

import gzip
import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from model import artifact
from model.run import timestamp
from model.store import Store
from tests.bench.promises import insist
from tests.bench.stores import temporary_store

_MAX_SECONDS = 1.0
_MAX_MEBIBYTES = 50.0
_TIMEOUT_SECONDS = 20.0
_HUGE = 2**31
_DEEP = 100_000

Header = dict[str, Any]


@dataclass(frozen=True)
class Parts:
    """An artifact taken apart: the header with the card as JSON, and the bytes of the arrays."""

    header: Header
    card: dict[str, Any]
    arrays: bytes

    def joined(self) -> bytes:
        return self.with_card(json.dumps(self.card, separators=(",", ":")))

    def with_card(self, card: str) -> bytes:
        return assemble(json.dumps({"__metadata__": {"card": card}, **self.header}), self.arrays)


@dataclass(frozen=True)
class Reading:
    """How the reading of one artifact went."""

    name: str
    outcome: str
    seconds: float
    mebibytes: float


def assemble(header: str | bytes, arrays: bytes) -> bytes:
    text = header if isinstance(header, bytes) else header.encode()
    return len(text).to_bytes(8, "little") + text + arrays


def take_apart(data: bytes) -> Parts:
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    return Parts(header, json.loads(header.pop("__metadata__")["card"]), data[end:])


def altered(data: bytes, change: Callable[[Header, dict[str, Any]], object]) -> bytes:
    """The artifact after a change to its header and its card."""
    parts = take_apart(data)
    change(parts.header, parts.card)
    return parts.joined()


def revalued(data: bytes, name: str, value: float) -> bytes:
    """The artifact with another first number in an array."""
    parts = take_apart(data)
    start = parts.header[name]["data_offsets"][0]
    arrays = bytearray(parts.arrays)
    arrays[start : start + 8] = np.float64(value).tobytes()
    return Parts(parts.header, parts.card, bytes(arrays)).joined()


def containers(sound: bytes) -> Iterator[tuple[str, bytes]]:
    """What is no safetensors at all."""
    yield "pickle", pickle.dumps(os.getcwd)
    yield "nothing", b""
    yield "eight bytes", sound[:8]
    yield "gzip", gzip.compress(sound)
    yield "a zip bomb", zipped(bytes(64 * 2**20))
    yield "a NumPy archive", npz()
    yield "32 MiB of zeros", bytes(artifact.MAX_BYTES)
    yield "32 MiB of ones", b"\xff" * artifact.MAX_BYTES


def zipped(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.safetensors", data)
    return buffer.getvalue()


def npz() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, mean=np.zeros(4))
    return buffer.getvalue()


def headers(sound: bytes) -> Iterator[tuple[str, bytes]]:
    """Headers that lie about their length, or that are hard on whoever parses them."""
    parts = take_apart(sound)
    yield "a header of 2**63 bytes", (2**63).to_bytes(8, "little") + sound[8:]
    yield "a header of one byte too many", (len(sound) - 7).to_bytes(8, "little") + sound[8:]
    yield "a header of no bytes", bytes(8) + sound[8:]
    yield "a header above the limit", assemble(b" " * 2**20 + sound[8:], b"")
    yield "deep lists for a header", assemble("[" * _DEEP + "]" * _DEEP, parts.arrays)
    yield "deep objects for a header", assemble('{"a":' * _DEEP + "1" + "}" * _DEEP, parts.arrays)
    yield "a shape of 900,000 digits", assemble('{"mean":{"shape":[' + "9" * 900_000 + "]}}", parts.arrays)
    yield "bytes that are not UTF-8", assemble(b'{"\xff\xfe":1}', parts.arrays)
    yield "a header that is a list", assemble("[]", parts.arrays)
    yield "deep lists for a card", parts.with_card("[" * _DEEP + "]" * _DEEP)
    yield "the first array named twice", twice_named(parts)
    yield "a card of duplicate keys", parts.with_card('{"format":1,' + json.dumps(parts.card)[1:])
    many = {f"a{i}": {"dtype": "F64", "shape": [0], "data_offsets": [0, 0]} for i in range(15_000)}
    yield "15,000 empty arrays", altered(sound, lambda header, _: header.update(many))


def twice_named(parts: Parts) -> bytes:
    text = json.dumps({**parts.header, "__metadata__": {"card": json.dumps(parts.card, separators=(",", ":"))}})
    return assemble('{"mean":{"dtype":"F64","shape":[4],"data_offsets":[0,32]},' + text[1:], parts.arrays)


def layouts(sound: bytes) -> Iterator[tuple[str, bytes]]:
    """Arrays that are not where, or not what, they should be."""

    def offsets(name: str, start: int, end: int) -> bytes:
        return altered(sound, lambda header, _: header[name].update(data_offsets=[start, end]))

    header = take_apart(sound).header
    start, end = header["biases.1"]["data_offsets"]
    yield "overlapping arrays", offsets("biases.1", start - 8, end - 8)
    yield "two arrays in one place", offsets("mean", *header["scale"]["data_offsets"])
    yield "negative offsets", offsets("biases.1", -8, end - start - 8)
    yield "an end before the start", offsets("biases.1", end, start)
    yield "offsets beyond the end", offsets("biases.1", start + 2**40, end + 2**40)
    yield "reordered arrays", altered(sound, exchange)
    yield "bytes after the arrays", sound + bytes(8)
    yield "bytes that are missing", sound[:-8]
    yield "an array too many", altered(sound, lambda header, _: header.update(extra=header["mean"]))
    yield "an array too few", altered(sound, lambda header, _: header.pop("biases.1"))
    for dtype in ("I64", "F32", "BF16", "nonsense"):
        yield f"dtype {dtype}", altered(sound, partial(retype, dtype))
    yield "a huge shape", altered(sound, lambda header, _: header["weights.1"].update(shape=[_HUGE, _HUGE]))
    yield "a huge network that card and shapes agree on", altered(sound, inflate)


def exchange(header: Header, card: dict[str, Any]) -> None:
    """Mean and scale, both of four numbers, change places."""
    header["mean"]["data_offsets"], header["scale"]["data_offsets"] = (
        header["scale"]["data_offsets"],
        header["mean"]["data_offsets"],
    )


def retype(dtype: str, header: Header, card: dict[str, Any]) -> None:
    header["mean"]["dtype"] = dtype


def inflate(header: Header, card: dict[str, Any]) -> None:
    card["layer_sizes"][1] = card["hyperparameters"]["hidden_layers"][0] = 512
    card["layer_sizes"][2] = card["hyperparameters"]["hidden_layers"][1] = 512
    for name, shape in (("weights.1", [512, 4]), ("biases.1", [512]), ("weights.2", [512, 512]), ("biases.2", [512])):
        header[name]["shape"] = shape
    header["weights.3"]["shape"] = [3, 512]


def contents(sound: bytes) -> Iterator[tuple[str, bytes]]:
    """Numbers that are none, and cards that speak of another network."""
    yield "NaN for a weight", revalued(sound, "weights.1", float("nan"))
    yield "infinity for a bias", revalued(sound, "biases.3", float("inf"))
    yield "a scale of 0", revalued(sound, "scale", 0.0)
    yield "a scale below 0", revalued(sound, "scale", -1.0)
    yield "other weights than the self-test's", revalued(sound, "biases.3", 1e3)
    yield "weights of 1e308", revalued(sound, "weights.3", 1e308)
    changes: dict[str, dict[str, Any]] = {
        "four species": {"species": ["a", "b", "c", "d"]},
        "a species twice": {"species": ["a", "a", "b"]},
        "one species": {"species": ["a"]},
        "another format": {"format": 1},
        "a field that no card has": {"run": "this"},
        "negative layers": {"layer_sizes": [4, -5, 10, 3]},
        "no layers": {"layer_sizes": []},
        "five inputs": {"layer_sizes": [5, 5, 10, 3]},
        "layers of 2**31 neurons": {"layer_sizes": [4, _HUGE, _HUGE, 3]},
        "no ranges": {"feature_ranges": {}},
        "no evaluation": {"evaluation": {}},
        "a self-test without scores": {"self_test": {"features": [5.1, 3.5, 1.4, 0.2], "scores": []}},
        "a self-test of three features": {"self_test": {"features": [5.1, 3.5, 1.4], "scores": [1, 0, 0]}},
    }
    for name, change in changes.items():
        yield name, altered(sound, partial(rewrite, change))


def rewrite(change: dict[str, Any], header: Header, card: dict[str, Any]) -> None:
    card.update(change)


def plant(store: Store, sound: str) -> Iterator[tuple[str, str]]:
    """Put every artifact into the store; name and version of each."""
    path = store.root / "models" / f"{sound}.safetensors"
    data = path.read_bytes()
    for make in (containers, headers, layouts, contents):
        for name, hostile in make(data):
            new = fresh(store, artifact.digest(hostile))
            new.write_bytes(hostile)
            yield name, new.stem
    yield from plant_files(store, path)


def plant_files(store: Store, sound: Path) -> Iterator[tuple[str, str]]:
    """What is no regular file, or too large a one."""
    digest = artifact.digest(sound.read_bytes())
    link, pipe, folder, sparse, device = (fresh(store, digest) for _ in range(5))
    link.symlink_to(sound)
    os.mkfifo(pipe)
    folder.mkdir()
    with sparse.open("wb") as file:
        file.truncate(10 * 2**30)
    device.symlink_to("/dev/zero")
    yield from (
        ("a symbolic link to a sound model", link.stem),
        ("a named pipe", pipe.stem),
        ("a directory", folder.stem),
        ("a sparse file of 10 GiB", sparse.stem),
        ("a link to /dev/zero", device.stem),
    )


def fresh(store: Store, digest: str) -> Path:
    return store.root / "models" / f"{timestamp(datetime.now(UTC))}-{digest}.safetensors"


def read(store: Store, sound: str, name: str, version: str) -> Reading:
    command = [sys.executable, "-m", "tests.bench.reader", str(store.root), sound, version]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=True)
    except subprocess.TimeoutExpired:
        return Reading(name, "it never ends", _TIMEOUT_SECONDS, 0.0)
    except subprocess.CalledProcessError as error:
        return Reading(name, f"it breaks: {error.stderr.strip().splitlines()[-1:]}", 0.0, 0.0)
    return Reading(name, **json.loads(done.stdout))


def is_refused(reading: Reading) -> bool:
    """By an error of the model's own, which every caller expects."""
    return reading.outcome.partition(":")[0] in {"ArtifactError", "UnsafeFileError"}


def main() -> None:
    with temporary_store() as store:
        sound = str(store.current())
        control = read(store, sound, "the sound one", sound)
        readings = [read(store, sound, name, version) for name, version in plant(store, sound)]
    for reading in readings:
        print(f"{reading.seconds * 1e3:7.1f} ms {reading.mebibytes:6.1f} MiB  {reading.name}: {reading.outcome[:90]}")
    refused = sum(map(is_refused, readings))
    slowest = max(readings, key=lambda reading: reading.seconds)
    largest = max(readings, key=lambda reading: reading.mebibytes)
    print(f"{refused} of {len(readings)} refused; the sound one is {control.outcome}")
    print(f"slowest {slowest.seconds * 1e3:.1f} ms ({slowest.name}); ", end="")
    print(f"most memory {largest.mebibytes:.1f} MiB ({largest.name})")
    insist(
        {
            "a sound model is accepted": control.outcome == "accepted",
            f"none of {len(readings)} hostile ones is": refused == len(readings) >= 30,
            f"none takes over {_MAX_SECONDS:g} s": slowest.seconds <= _MAX_SECONDS,
            f"or over {_MAX_MEBIBYTES:g} MiB": largest.mebibytes <= _MAX_MEBIBYTES,
        }
    )


if __name__ == "__main__":
    main()
