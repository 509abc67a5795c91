"""The choice of the engine that runs a generator here. Imports a framework only to open it.

An engine can be had in three states:

1. **Compiled**: a file that ``cgtool export`` made. It starts at once and needs no PyTorch.
2. **On the fly**: an engine such as OpenVINO compiles the generator's ONNX graph when it is opened.
3. **PyTorch**: the network itself.

All that could run are listed as `Candidate`, all that can't as `Refusal`. The candidates are ranked, and the first that
opens is taken. Text is made of them at the end.
"""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from cgtool.backends import machine, timings, trial
from cgtool.backends.base import Engine, GeneratorSource
from cgtool.backends.engines import engines_of, milliseconds_here
from cgtool.backends.manifest import EngineFile
from cgtool.backends.opening import Opened, WithinProfile
from cgtool.backends.spec import EngineSpec
from cgtool.backends.table import COMMON, DEVICES, KINDS, Device, Row
from cgtool.config import ENGINE_PRECISIONS, EnginePrecision
from cgtool.errors import EngineError, UsageError
from cgtool.extras import installed, require

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EngineRequest:
    """The user's wishes.

    Attributes:
        engine: A key of `cgtool.backends.table.KINDS`, or ``auto`` for the fastest usable.
        device: ``auto``, which is NVIDIA's GPU or the CPU; one of `cgtool.backends.table.DEVICES`; or ``cuda:N``.
        precision: ``auto`` is a compiled engine's own; else fp16 on CUDA, and on a CPU bf16 where it has it, else fp32.
            ``int8`` needs a compiled engine.
        latency: Frames come one at a time (photographs): all cores work on one frame, where the engine can choose.

    Raises:
        UsageError: An unknown value, or options that exclude each other.
    """

    engine: str = "auto"
    device: str = "auto"
    precision: EnginePrecision | Literal["auto"] = "auto"
    latency: bool = False

    def __post_init__(self) -> None:
        if self.engine not in ("auto", *KINDS):
            raise UsageError(f"unknown --engine {self.engine}", hint=f"Known are {', '.join(('auto', *KINDS))}")
        if self.device not in ("auto", *DEVICES) and re.fullmatch(r"cuda:\d+", self.device) is None:
            raise UsageError(f"unknown --device {self.device}", hint=f"Known are auto, cuda:N, {', '.join(DEVICES)}")
        if self.precision not in ("auto", *ENGINE_PRECISIONS):
            known = ", ".join(("auto", *ENGINE_PRECISIONS))
            raise UsageError(f"unknown --precision {self.precision}", hint=f"Known are {known}")
        if not any(self.devices_of(row) for row in self.rows):
            others = " or ".join(f"--engine {row.name}" for row in self._able() if self.devices_of(row))
            raise UsageError(f"--engine {self.engine} can't run on --device {self.device}", hint=f"Use {others} there")
        if self.precision not in ("auto", *self._precisions()):
            raise self._precision_refused()

    @property
    def rows(self) -> list[Row]:
        """The kinds of engines that are wanted."""
        return list(KINDS.values()) if self.engine == "auto" else [KINDS[self.engine]]

    def devices_of(self, row: Row) -> list[Device]:
        """Those of a kind's devices that are wanted, the GPU first."""
        if row.neutral:
            return list(row.devices)
        wanted = COMMON if self.device == "auto" else (self.device.partition(":")[0],)
        return [device for device in DEVICES if device in row.devices and device in wanted]

    def asked(self, row: Row) -> bool:
        """Whether a kind is asked for: by its name, or by that of a device which has to be named."""
        by_device = self.device in row.devices and self.device not in COMMON
        return self.engine == row.name or (self.engine == "auto" and by_device)

    @property
    def neutral(self) -> bool:
        """Whether frames are to come back as they are."""
        return all(row.neutral for row in self.rows)

    @property
    def cuda_device(self) -> str:
        """The GPU that it means, ``cuda:N``."""
        return self.device if self.device.startswith("cuda:") else "cuda:0"

    def _precisions(self) -> list[EnginePrecision]:
        """The arithmetic that the wanted engines can have on the wanted devices."""
        rows = self._able() if self.engine == "auto" else self.rows
        had = {precision for row in rows for device in self.devices_of(row) for precision in row.precisions[device]}
        return [precision for precision in ENGINE_PRECISIONS if precision in had]

    def _able(self) -> list[Row]:
        """The kinds that run any generator without being asked for by name, and those of a device that is named."""
        named = [row for row in KINDS.values() if self.device in row.devices and self.device not in COMMON]
        return named or [row for row in KINDS.values() if row.from_source == "always"]

    def _precision_refused(self) -> UsageError:
        """The engine is at fault, unless it has the precision on another device."""
        able = [row.name for row in KINDS.values() if any(self.precision in own for own in row.precisions.values())]
        at_fault = f"--device {self.device}" if self.engine in ("auto", *able) else f"--engine {self.engine}"
        ways = [f"--precision {' or '.join(self._precisions())}", *(f"--engine {name}" for name in able)]
        hint = f"Use {ways[0]}" if at_fault.startswith("--device") else f"Use {' or '.join(ways)}"
        return UsageError(f"{at_fault} can't do --precision {self.precision}", hint=hint)


@dataclass(frozen=True)
class Candidate:
    """An engine that the request allows and the machine may have.

    Attributes:
        spec: The engine.
        device: ``cuda:N``, or another of `cgtool.backends.table.DEVICES`.
        file: The compiled engine; None for what runs from the source.
        milliseconds: Per megapixel, measured on this machine; None where it never ran.
    """

    spec: EngineSpec
    device: str
    file: EngineFile | None
    milliseconds: float | None

    @property
    def state(self) -> str:
        """One of the three states, in words."""
        return KINDS[self.spec.format].live if self.file is None else "compiled"

    @property
    def speed(self) -> str:
        """Its speed in words."""
        known = self.milliseconds
        return "never measured here" if known is None else f"{known:.0f} ms per megapixel measured here"

    def open(self, *, latency: bool) -> tuple[Engine, str | None]:
        """Open it, and prove it if it is compiled and never ran here; what is known of that in words.

        Raises:
            EngineError: It can't be opened, or does not do as it should; another may.
            ModelError: The source can't be loaded.
        """
        kind = KINDS[self.spec.format].kind()
        if self.file is None:
            engine = kind.open_source(self.spec, self.device, latency=latency)
            promise = engine.promise
        else:
            contents, promise = self.file.read(), self.file.promise
            trial.before_opening(promise, self.spec, self.device, contents)
            engine = kind.open(self.spec, contents, self.device, latency=latency)
        if promise is None and self.device == "cpu":
            return engine, None
        try:
            if promise is None:
                return engine, trial.from_source(engine, self.spec, self.device)
            return engine, trial.once_open(engine, promise, self.spec, self.device)
        except BaseException:
            engine.close()
            raise

    def __str__(self) -> str:
        name = "" if self.file is None else f" ({self.file.name})"
        return f"{self.spec.format} {self.device} {self.spec.precision}{name}"


@dataclass(frozen=True)
class Refusal:
    """An engine that was asked for and can't be had.

    Attributes:
        what: A candidate, a kind on a device, or a file, in words.
        reason: Why not.
        passed_over: It is a file that somebody compiled for this machine: the user hears of it unasked.
        failed: It is a compiled file that should have opened here, or it ran and did not do as it should: the user is
            warned.
    """

    what: str
    reason: str
    passed_over: bool = False
    failed: bool = False

    def __str__(self) -> str:
        return f"{'passed over ' if self.passed_over else ''}{self.what}: {self.reason}"


def open_backend(source: GeneratorSource, request: EngineRequest) -> Opened:
    """Open the fastest engine that can be had.

    Fastest by milliseconds measured on this machine where they are known, from conversions (`cgtool.backends.timings`)
    or from the engine's manifest; the others keep their place in the order of `cgtool.backends.table`: first all on the
    GPU, then all on the CPU, of each kind compiled ones before those from the source.

    Raises:
        UsageError: The engine asked for needs a package that is not installed.
        EngineError: None of those that were asked for can be had; the message says why of each.
        ModelError: The source can't be loaded.
    """
    candidates: list[Candidate] = []
    refusals: list[Refusal] = []
    for found in _considered(source, request):
        if isinstance(found, Refusal):
            refusals.append(found)
        elif request.precision not in ("auto", found.spec.precision):
            refusals.append(Refusal(str(found), f"--precision {request.precision} is asked for"))
        else:
            candidates.append(found)
    if request.precision == "int8" and not candidates:  # which no engine makes by itself
        raise EngineError(
            f"there is no int8 engine of {source.label}", hint="Run cgtool export --int8 --calibration DIR"
        )
    return _open_first(ranked(candidates), refusals, source.label, request)


def ranked(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Sort candidates: those that were measured here by speed, among the places that they hold; the others stay.

    A measured speed says nothing of an engine that never ran here. Were all the measured ones put first, the slow
    engine of yesterday would keep a new, faster one from ever being tried; were they put last, a known fast one would
    lose to anything. So an engine without a measurement keeps the place that its kind's usual speed gives it, and the
    measured ones change places with each other only.
    """
    fastest_first = iter(sorted((c for c in candidates if c.milliseconds is not None), key=_milliseconds))
    return [candidate if candidate.milliseconds is None else next(fastest_first) for candidate in candidates]


def _milliseconds(candidate: Candidate) -> float:
    return cast(float, candidate.milliseconds)


def _considered(source: GeneratorSource, request: EngineRequest) -> Iterator[Candidate | Refusal]:
    """All engines that the request allows, in the order of the table, the GPU's before the CPU's."""
    files = []
    for engine in engines_of(source, request.cuda_device):
        if engine.problem is not None:
            home = "cpu" if engine.file is None else KINDS[engine.file.manifest.format].home(request.cuda_device)
            yield Refusal(engine.name, engine.problem, passed_over=machine.absent(home) is None)
        elif engine.file is not None:
            files.append(engine.file)
    for device in DEVICES:
        for row in request.rows:
            if device in request.devices_of(row) and (request.asked(row) or device in row.automatic):
                place = request.cuda_device if device == "cuda" else device
                compiled = [file for file in files if file.manifest.format == row.name]
                yield from _of_kind(row, place, compiled, source, request)


def _of_kind(
    row: Row, device: str, files: list[EngineFile], source: GeneratorSource, request: EngineRequest
) -> Iterator[Candidate | Refusal]:
    """The engines of one kind on one device."""
    asked, absent = request.asked(row), machine.absent(device)
    if absent is not None:
        place = device if machine.cuda_devices() else device.partition(":")[0]
        yield Refusal(f"{row.name} {place}", absent)
        return
    if asked and row.package is not None:
        require(row.package, row.extra)
    kind = row.kind()
    missing = kind.missing(device)
    if missing is None and row.package is not None and not installed(row.package):
        missing = f"{row.package} is not installed; run pip install 'cgtool[{row.extra}]'"
    if missing is None:
        for file in files:
            yield Candidate(file.spec(source), device, file, milliseconds_here(file, device))
    # What nobody could test runs compiled files only: they carry a proof, and a child process tries them.
    strange = bool(row.suffixes) and device.partition(":")[0] not in COMMON
    if not files and (row.from_source == "never" or (strange and missing is None)):
        yield Refusal(f"{row.name} {device}", f"no engine is compiled; run cgtool export --format {row.name}")
    elif missing is not None:
        if files or asked or row.from_source == "always":
            yield Refusal(f"{row.name} {device}", missing)
    elif not strange and row.from_source != "never" and (asked or row.from_source == "always"):
        spec = EngineSpec(source, row.name, kind.arithmetic(device, request.precision))
        problem = kind.problem(spec, device)
        measured = timings.lookup(source.key, row.name, device, spec.precision)
        yield Candidate(spec, device, None, measured) if problem is None else Refusal(f"{row.name} {device}", problem)


def _open_first(candidates: list[Candidate], refusals: Sequence[Refusal], label: str, request: EngineRequest) -> Opened:
    """Open the first candidate that can be opened."""
    refused, failure = list(refusals), None
    for place, candidate in enumerate(candidates):
        try:
            engine, proof = candidate.open(latency=request.latency)
        except EngineError as error:
            failure = error
            told = candidate.file is not None or isinstance(error, trial.DisprovenError)
            refused.append(Refusal(str(candidate), str(error), failed=told))
            continue
        later = candidates[place + 1 :]
        shapes = candidate.spec.shapes
        if shapes is not None:
            # Frames outside the profile go to the next engine, which is opened when the first of them comes.
            why = [Refusal(str(candidate), f"takes frames of {shapes} only")]
            engine = WithinProfile(engine, shapes, functools.partial(_open_first, later, why, label, request))
        return _told(engine, candidate, later, refused, request, proof)
    if failure is not None and len(refused) == 1:
        if isinstance(failure, trial.DisprovenError):  # which does not name the engine
            raise trial.DisprovenError(f"{label}, {refused[0].what}: {failure.message}", hint=failure.hint) from failure
        raise failure
    raise EngineError(
        f"no engine can run {label}: {'; '.join(map(str, refused))}",
        hint="Try --engine auto --device auto --precision auto",
    ) from failure


def _told(
    engine: Engine,
    candidate: Candidate,
    later: list[Candidate],
    refused: list[Refusal],
    request: EngineRequest,
    proof: str | None,
) -> Opened:
    """The opened engine with its story in words."""
    reasons = [
        *map(str, refused),
        f"{candidate}: chosen, {candidate.speed}",
        *([] if proof is None else [f"{candidate}: {proof}"]),
        *(f"{other}: comes later, {other.speed}" for other in later),
    ]
    logger.debug("%s engine opened, %s", candidate.spec.source.label, candidate.state)
    for reason in reasons:
        logger.debug("%s", reason)
    notes = list(engine.notes)
    if request.engine == "auto":
        advice = KINDS[candidate.spec.format].advice.get(candidate.device.partition(":")[0])
        notes = [*(str(refusal) for refusal in refused if refusal.passed_over), *notes, *([advice] if advice else [])]
    failures = [f"passed over {refusal}" for refusal in refused if refusal.failed]
    # What a graph was not taken from may be a file that has just been told of.
    warnings = [*failures, *(own for own in engine.warnings if not any(own in failure for failure in failures))]
    return Opened(engine, reasons, warnings, notes)
