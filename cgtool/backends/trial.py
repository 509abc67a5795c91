"""The proof on first use: an engine that was never opened on this device and driver translates one small frame first.

Its manifest carries the frame and PyTorch's result (`cgtool.backends.sample`). An engine that gives something else, or
NaN, or that crashes, is refused, and the next one takes over. So an engine on hardware that nobody could test does not
make footage wrong.

On a CPU the engine that is open anyway is asked, once. On all else a child process opens the engine before this one
does: a driver that crashes, or hangs, takes only the child with it. Run as a module this is the child.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, cast

import cgtool
from cgtool.backends import machine
from cgtool.backends.base import Engine, GeneratorSource, MapGrid
from cgtool.backends.proof import LEAST_PSNR, agreement, sample_of
from cgtool.backends.sample import Promise, Sample
from cgtool.backends.spec import EngineSpec, Shapes, Target
from cgtool.backends.table import KINDS
from cgtool.config import cache_dir
from cgtool.errors import CgtoolError, EngineError
from cgtool.extras import installed
from cgtool.files import write_whole

logger = logging.getLogger(__name__)

SECONDS = 180.0
"""How long a child may take: a driver may compile kernels for a GPU that it never saw."""

NO_SAMPLE = "unproven: its manifest carries no small frame; cgtool export adds one"


class DisprovenError(EngineError):
    """An engine failed the proof on its first use."""


def kept(promise: Promise, spec: EngineSpec, device: str) -> float | None:
    """The agreement in dB that an engine once showed on this device and driver; None if it never did.

    Args:
        promise: Of the engine's file, or of the graph that it is compiled from.
        spec: The engine.
        device: ``cpu``, ``cuda:N`` and so on.
    """
    try:
        psnr = json.loads(_place(promise, spec, device).read_bytes())["psnr_db"]
    except (OSError, ValueError, KeyError, TypeError):  # absent or damaged: proven again
        return None
    return float(psnr) if isinstance(psnr, (int, float)) and psnr >= LEAST_PSNR[spec.precision] else None


def before_opening(promise: Promise, spec: EngineSpec, device: str, contents: Sequence[bytes]) -> None:
    """Try an engine for a device that may crash in a child process, unless that was done before.

    Args:
        promise: Of the engine's file.
        spec: The engine.
        device: Where it is going to run. On a CPU nothing happens.
        contents: The engine's files.

    Raises:
        EngineError: It can't be opened there.
        DisprovenError: It gives something else than it should, crashes, or does not end.
    """
    if device == "cpu" or promise.sample is None or kept(promise, spec, device) is not None:
        return
    logger.debug("%s: first use on %s: tried in a child process", spec.format, machine.device_name(device))
    _judge(in_child(promise.sample, spec, device, contents), promise, spec, device)


def once_open(engine: Engine, promise: Promise, spec: EngineSpec, device: str) -> str:
    """Try an engine that is open, unless that was done before; what is known of it, in words.

    Args:
        engine: The engine.
        promise: Of its file, or of the graph that it was compiled from.
        spec: The engine.
        device: Where it runs.

    Raises:
        EngineError: It fails.
        DisprovenError: It gives something else than it should.
    """
    if promise.sample is None:
        return NO_SAMPLE
    psnr = kept(promise, spec, device)
    if psnr is None:
        psnr = _judge(agreement(engine, promise.sample, spec.source.maps), promise, spec, device)
    return _proven(psnr)


def from_source(engine: Engine, spec: EngineSpec, device: str) -> str:
    """Try an engine that runs a generator from its source where nobody could test that; in words as `once_open`.

    In this process: what does so there is PyTorch, which reports what it can't do.

    Raises:
        EngineError: It fails.
        DisprovenError: It gives something else than PyTorch does on the CPU.
    """
    promise = Promise(None, (spec.source.key,))
    psnr = kept(promise, spec, device)
    if psnr is None:
        if not installed("torch"):
            return "unproven: there is no PyTorch to compare with"
        psnr = _judge(agreement(engine, sample_of(spec.source), spec.source.maps), promise, spec, device)
    return _proven(psnr)


def words(promise: Promise, spec: EngineSpec, device: str) -> str:
    """What is known of an engine that is not opened."""
    psnr = kept(promise, spec, device)
    if promise.sample is None:
        return NO_SAMPLE
    return "to be proven on first use" if psnr is None else _proven(psnr)


def _proven(psnr: float) -> str:
    return f"proven here on a small frame, {psnr:.1f} dB"


def _judge(psnr: float | None, promise: Promise, spec: EngineSpec, device: str) -> float:
    """Keep the proof, if it is one and the cache can be written; the agreement in dB.

    Raises:
        DisprovenError: It is none.
    """
    least = LEAST_PSNR[spec.precision]
    if psnr is None or psnr < least:
        given = "NaN" if psnr is None else f"another picture than PyTorch, {psnr:.1f} dB where {least:.0f} is asked for"
        raise DisprovenError(
            f"refused on its first use here: it gives {given}", hint="Run cgtool export --force, or update the driver"
        )
    known = {
        "psnr_db": round(psnr, 2),
        "engine": spec.format,
        "generator": spec.source.label,
        "precision": spec.precision,
        "device": machine.device_name(device),
        "driver": KINDS[spec.format].kind().driver(device),
    }
    try:
        write_whole(_place(promise, spec, device), json.dumps(known, indent=1) + "\n")
    except OSError as error:
        logger.debug("the proof can't be kept: %s", error)
    return psnr


def _place(promise: Promise, spec: EngineSpec, device: str) -> Path:
    driver = KINDS[spec.format].kind().driver(device)
    what = [*promise.digests, spec.format, spec.precision, machine.device_name(device), driver]
    sample = "" if promise.sample is None else json.dumps(asdict(promise.sample))
    return cache_dir() / "proofs" / f"{hashlib.sha256('|'.join([*what, sample]).encode()).hexdigest()[:32]}.json"


def in_child(sample: Sample, spec: EngineSpec, device: str, contents: Sequence[bytes]) -> float | None:
    """The agreement in dB that a child process measured; None for NaN.

    Raises:
        EngineError: The engine can't be opened.
        DisprovenError: The child crashed, or did not end.
    """
    source, command = spec.source, [sys.executable, "-m", "cgtool.backends.trial"]
    header = {
        "device": device,
        "source": {"key": source.key, "label": source.label, "stride": source.stride},
        "maps": None if source.maps is None else asdict(source.maps),
        "spec": {"format": spec.format, "precision": spec.precision},
        "shapes": None if spec.shapes is None else asdict(spec.shapes),
        "target": {"hardware": dict(spec.target.hardware), "versions": dict(spec.target.versions)},
        "sample": asdict(sample),
        "lengths": [len(data) for data in contents],
    }
    given = b"".join([json.dumps(header).encode(), b"\n", *contents])
    paths = [str(Path(cgtool.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}
    try:
        done = subprocess.run(command, input=given, capture_output=True, timeout=SECONDS, env=environment, check=False)
    except subprocess.TimeoutExpired as error:
        raise _crashed(f"a trial of it did not end within {SECONDS:.0f} seconds") from error
    except OSError as error:
        raise _crashed(f"no trial of it could begin ({error})") from error
    if done.returncode != 0:
        last = done.stderr.decode(errors="replace").strip().splitlines()
        raise _crashed(f"a trial of it crashed ({_ending(done.returncode)}{': ' + last[-1] if last else ''})")
    try:
        answer = json.loads(done.stdout.splitlines()[-1])
        error_words, psnr = answer.get("error"), answer.get("psnr_db")
    except (ValueError, IndexError, AttributeError) as error:
        raise _crashed("a trial of it gave no answer") from error
    if error_words is not None:
        raise EngineError(str(error_words))
    return None if psnr is None else float(psnr)


def _crashed(what: str) -> DisprovenError:
    return DisprovenError(f"refused on its first use here: {what}", hint="Update the device's driver")


def _ending(code: int) -> str:
    """A process's exit code in words."""
    try:
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"
    except ValueError:
        return f"signal {-code}"


def child(given: BinaryIO) -> dict[str, Any]:
    """What the child answers: ``psnr_db``, None for NaN; or ``error``.

    Args:
        given: What `in_child` feeds it: a line of JSON, and the engine's files.
    """
    header = json.loads(given.readline())
    contents = [given.read(length) for length in header["lengths"]]
    maps = None if header["maps"] is None else MapGrid(**header["maps"])
    shapes = header["shapes"] and Shapes(*(cast(Any, tuple(header["shapes"][key])) for key in ("min", "opt", "max")))
    source = GeneratorSource(**header["source"], load=_no_network, maps=maps)
    spec = EngineSpec(source, **header["spec"], shapes=shapes, target=Target(**header["target"]))
    try:
        with KINDS[spec.format].kind().open(spec, contents, header["device"], latency=True) as engine:
            return {"psnr_db": agreement(engine, Sample(**header["sample"]), maps)}
    except CgtoolError as error:
        return {"error": str(error)}


def _no_network() -> Any:  # noqa: ANN401  # never returns
    raise EngineError("a compiled engine asked for its network")


if __name__ == "__main__":
    answer = child(sys.stdin.buffer)
    sys.stdout.write(f"\n{json.dumps(answer)}\n")
