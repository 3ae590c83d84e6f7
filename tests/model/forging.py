"""Bytes of an artifact, changed in one respect."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import safetensors.numpy

Json = dict[str, Any]
Forge = Callable[[bytes], bytes]


def taken_apart(data: bytes) -> tuple[Json, bytes]:
    """The header and what follows it."""
    end = 8 + int.from_bytes(data[:8], "little")
    header: Json = json.loads(data[8:end])
    return header, data[end:]


def put_together(header: bytes | Json, body: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def forged_header(edit: Callable[[Json], object]) -> Forge:
    def forge(data: bytes) -> bytes:
        header, body = taken_apart(data)
        edit(header)
        return put_together(header, body)

    return forge


def forged_card(edit: Callable[[Json], object]) -> Forge:
    def of_header(header: Json) -> None:
        card = json.loads(header["__metadata__"]["card"])
        edit(card)
        header["__metadata__"]["card"] = msgspec.json.encode(card).decode()

    return forged_header(of_header)


def forged_arrays(edit: Callable[[dict[str, Any]], object]) -> Forge:
    def forge(data: bytes) -> bytes:
        arrays: dict[str, Any] = dict(safetensors.numpy.load(data))
        edit(arrays)
        return safetensors.numpy.save(arrays, metadata=taken_apart(data)[0]["__metadata__"])

    return forge


def with_number(name: str, number: float) -> Forge:
    def put(arrays: dict[str, Any]) -> None:
        arrays[name].flat[0] = number

    return forged_arrays(put)


def declare(name: str, **changed: object) -> Forge:
    return forged_header(lambda header: header[name].update(changed))
