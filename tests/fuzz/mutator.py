"""Breaks files as disks, networks and other programs do, and in ways that nobody would; the same for the same seed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 3, 10**30, 0.5, 1e308, float("nan"), float("inf")),
    *("", "x" * 5000, "../../x", "\0", "\ud800", "é", [], {}, [[[]]], {"a": 1}, ["night", "night"]),
)


def broken(data: bytes, chance: random.Random, other: bytes) -> bytes:
    """A broken copy of a file.

    Args:
        data: The whole file.
        chance: What decides.
        other: Another file, of which pieces may get into this one.
    """
    if data[:1] == b"{" and chance.random() < 0.7:
        return _broken_record(data, chance)
    result = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4, 16))):
        _break_once(result, chance, other)
    return bytes(result)


def _break_once(data: bytearray, chance: random.Random, other: bytes) -> None:
    # Headers are where most can go wrong.
    reach = min(len(data), 512) if chance.random() < 0.5 else len(data)
    at = chance.randrange(reach + 1)
    length = min(chance.choice((1, 2, 4, 16, 200, 5000)), len(data) - at)
    match chance.randrange(9):
        case 0:
            del data[at:]
        case 1:
            del data[at : at + length]
        case 2:
            data[at : at + length] = chance.randbytes(length)
        case 3:
            data[at : at + length] = bytes([chance.choice((0, 0xFF))]) * length
        case 4:
            data[at:at] = data[at : at + length]
        case 5:
            begin = chance.randrange(len(other) + 1)
            data[at : at + length] = other[begin : begin + length]
        case 6:
            size = chance.choice((1, 2, 4, 8))
            number = (chance.choice(_NUMBERS) % 256**size).to_bytes(size, "big")
            data[at : at + size] = chance.choice((number, number[::-1]))
        case 7:
            data += chance.randbytes(length)
        case _:
            for place in range(at, at + length):
                data[place] ^= 1 << chance.randrange(8)


def _broken_record(data: bytes, chance: random.Random) -> bytes:
    """JSON that still is JSON, with something in it that nobody meant."""
    record = json.loads(data)
    for _ in range(chance.choice((1, 1, 2, 5))):
        holders = list(_holders(record))
        holder, key = chance.choice(holders) if holders else (record, "name")
        match chance.randrange(3):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[chance.choice(("", "type", "../x"))] = chance.choice(_VALUES)
            case _:
                holder[key] = chance.choice(_VALUES)
    return json.dumps(record).encode()


def _holders(node: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401  # JSON
    """Everything that holds something, with where."""
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield node, key
            yield from _holders(value)
