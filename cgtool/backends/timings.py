"""How fast engines ran on this machine, remembered in one small JSON file in the cache folder.

Milliseconds per megapixel of what the network is given. They order the engines of ``--engine auto`` and do no more, so
that a lost or damaged file costs only that.
"""

from __future__ import annotations

import json
from pathlib import Path

from cgtool.backends import machine
from cgtool.backends.base import BackendInfo
from cgtool.config import EnginePrecision, cache_dir
from cgtool.files import write_whole


def record(source_key: str, info: BackendInfo, ms_per_megapixel: float) -> bool:
    """Remember a measurement: half of it and half of what was known, so that one busy hour overturns nothing.

    Of processes that write at the same time the last one wins.

    Returns:
        Whether it could be kept.
    """
    device = info.device.split(" ", 1)[0]
    key = _key(source_key, info.engine, device, info.precision)
    known = _read()
    known[key] = (known.get(key, ms_per_megapixel) + ms_per_megapixel) / 2
    try:
        write_whole(_path(), json.dumps(known, indent=1, sort_keys=True))
    except OSError:
        return False
    return True


def lookup(source_key: str, engine: str, device: str, precision: EnginePrecision) -> float | None:
    """Milliseconds per megapixel measured with this hardware, None where it never ran.

    Args:
        source_key: `GeneratorSource.key`.
        engine: As in `BackendInfo`.
        device: ``cpu`` or ``cuda:N``.
        precision: As in `BackendInfo`.
    """
    return _read().get(_key(source_key, engine, device, precision))


def _key(source_key: str, engine: str, device: str, precision: EnginePrecision) -> str:
    return "|".join([source_key, engine, device, precision, hardware(device)])


def hardware(device: str) -> str:
    """A name for what computes, by which a cache folder tells several machines apart."""
    return machine.device_name(device)


def _path() -> Path:
    return cache_dir() / "timings.json"


def _read() -> dict[str, float]:
    try:
        content = json.loads(_path().read_bytes())
    except (OSError, ValueError):  # absent or damaged
        return {}
    if not isinstance(content, dict):
        return {}
    return {key: value for key, value in content.items() if isinstance(value, float) and 0 < value < float("inf")}
