"""Breaks one file after the other and gives it to cgtool; says of each what came of it, in a line of JSON.

``python -m tests.fuzz.worker CORPUS SCRATCH SEED FIRST END`` tries the inputs FIRST to END - 1 of a seed.
"""

from __future__ import annotations

import json
import logging
import os
import random
import shutil
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import cgtool
from cgtool.models.checkpoints.reference import read_generator
from cgtool.models.folder import read_model_folder
from cgtool.models.weights import load_generator
from cgtool.tasks.models import list_engines, list_models
from tests.fuzz.corpus import KINDS, contents, zipped
from tests.fuzz.mutator import broken

_SHARES = (9, 5, 3, 3)
"""How often each of ``KINDS`` is tried."""


def main(corpus: Path, scratch: Path, seed: int, first: int, end: int) -> None:
    """Try inputs in order. A line says which is begun, so that a crash or a hang can be laid at its door."""
    warnings.simplefilter("error")
    complaints = _Complaints()
    logging.getLogger("cgtool").addHandler(complaints)
    _warm_up(corpus)
    for number in range(first, end):
        chance = random.Random(f"{seed}:{number}")
        [kind] = chance.choices(KINDS, _SHARES)
        source = chance.choice(sorted((corpus / kind).iterdir()))
        _say(number=number, kind=kind, source=source.name)
        other = chance.choice(sorted((corpus / kind).iterdir()))
        folder = scratch / f"{number}"
        given = _write(source, other, folder / "in", chance)
        (folder / "out").mkdir()
        complaints.said.clear()
        outcome, fault = _tried(_WAYS[kind], given, folder / "out", chance)
        fault = fault or next(iter(complaints.said), None) or _left_over(folder / "out", kept=outcome == "converted")
        if fault is None:
            shutil.rmtree(folder)
        _say(number=number, outcome=outcome, fault=fault)


def _warm_up(corpus: Path) -> None:
    """Load what is loaded only once, such as PyTorch's compiler, which may take long on a busy machine."""
    model = read_model_folder(corpus / "model" / "maps")
    load_generator(model, model.directions[0])


class _Complaints(logging.Handler):
    """Keeps what is logged as an error: that something was survived which nobody foresaw."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(f"{record.getMessage()} {record.exc_info[1] if record.exc_info else ''}")


def _say(**words: object) -> None:
    print(json.dumps(words), flush=True)


def _write(source: Path, other: Path, folder: Path, chance: random.Random) -> Path:
    """A broken copy of a corpus entry: of a folder, one file or all of them."""
    target = folder / source.name if source.is_dir() else folder
    target.mkdir(parents=True)
    files, splice = contents(source), zipped(other)
    chosen = set(files) if chance.random() < 0.2 else {chance.choice(sorted(files))}
    for name, data in files.items():
        (target / name).write_bytes(broken(data, chance, splice) if name in chosen else data)
    return folder / source.name


def _tried(way: Callable[[Path, Path, random.Random], str], *arguments: object) -> tuple[str, str | None]:
    """What came of an input, and what must not come of any."""
    try:
        return way(*arguments), None  # type: ignore[arg-type]
    except cgtool.CgtoolError as error:
        return f"refused: {str(error)[:200]}", None
    except Exception as error:
        return "failed", f"{type(error).__name__}: {error}"


def _convert(given: Path, out: Path, chance: random.Random) -> str:
    start, end = (0.3, 0.8) if chance.random() < 0.3 else (None, None)  # stills take no notice
    output = out / (given.name if given.suffix != ".heic" else f"{given.stem}.jpg")
    [result] = cgtool.convert(given, to="winter", output=output, engine="identity", start=start, end=end)
    if result.error is not None and "unexpected" in result.error:
        raise RuntimeError(result.error)
    return result.status if result.error is None else f"refused: {result.error[:200]}"


def _use_model(given: Path, out: Path, chance: random.Random) -> str:
    rows, _ = list_models(given.parent)
    for row in rows:
        list_engines(row.model)
    model = read_model_folder(given)
    for direction in model.directions:
        load_generator(model, direction)
    return "read"


def _use_checkpoint(given: Path, out: Path, chance: random.Random) -> str:
    read_generator(given, chance.choice((None, "A_to_B", "B_to_A")))
    return "read"


_WAYS: dict[str, Callable[[Path, Path, random.Random], str]] = {
    "video": _convert,
    "still": _convert,
    "model": _use_model,
    "checkpoint": _use_checkpoint,
}


def _left_over(out: Path, *, kept: bool) -> str | None:
    files = sorted(path.name for path in out.iterdir())
    if len(files) != kept:
        return f"left behind: {files}"
    if threads := [thread.name for thread in threading.enumerate() if not thread.daemon][1:]:
        return f"threads still run: {threads}"
    try:
        child, _ = os.waitpid(-1, os.WNOHANG)
    except (ChildProcessError, AttributeError):  # there is none; Windows can't tell
        return None
    return None if child else "a child process still runs"


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:6]))
