"""Convert footage: files in, translated files out, one after the other, each whole or not at all."""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import ClassVar, Literal

from cgtool.backends import timings
from cgtool.backends.base import Backend, GeneratorSource
from cgtool.backends.opening import Opened
from cgtool.backends.selection import EngineRequest, open_backend
from cgtool.conversion.encoding import Encoding
from cgtool.conversion.events import Advanced, EngineOpened, Event, Finished, Note, Outcome, Result, Started
from cgtool.conversion.jobs import Job, plan
from cgtool.conversion.look import NEUTRAL, FullLook
from cgtool.conversion.model import Model
from cgtool.conversion.network import Network
from cgtool.conversion.pieces.cluster import Cluster
from cgtool.conversion.pieces.segmented import Segmentation, can_be_cut, convert_clip
from cgtool.conversion.pieces.spread import SpreadFile
from cgtool.conversion.request import ConvertRequest
from cgtool.conversion.still import convert_still
from cgtool.errors import CgtoolError, MediaError, OutputExistsError, unexpected
from cgtool.media.containers import CONTAINERS, Container
from cgtool.tasks.join import join

logger = logging.getLogger(__name__)

BackendOpener = Callable[[GeneratorSource, EngineRequest], Opened]


@dataclass(frozen=True)
class Batch:
    """A request with everything settled that can be settled before work begins.

    Attributes:
        request: What was asked for.
        model: The generator.
        engine: Which engines may run it.
        look: How results shall look: the user's wishes over the model's.
        jobs: The files.
    """

    request: ConvertRequest
    model: Model
    engine: EngineRequest
    look: FullLook
    jobs: Sequence[Job]

    @property
    def containers(self) -> dict[str, Container]:
        """The containers of the videos to be made, by their suffixes."""
        targets = [job.target for job in self.jobs if job.target is not None and not job.is_image]
        return {suffix: CONTAINERS[suffix] for suffix in sorted({target.suffix.lower() for target in targets})}

    def describe(self) -> dict[str, object]:
        """What ``--dry-run`` shows, as JSON-able data."""
        request = self.request
        encoders = {suffix: request.software_encoder(container) for suffix, container in self.containers.items()}
        return {
            "model": {
                "name": self.model.name,
                "to": self.model.target,
                "training_scale": self.model.training_scale,
            },
            "engine": asdict(self.engine),
            **asdict(self.look),
            "batch": request.batch,
            "overwrite": request.overwrite,
            "skip_existing": request.skip_existing,
            "segments": asdict(request.cutting),
            "video": {one.name: getattr(request, one.name) for one in fields(Encoding)},
            "encoders": {
                suffix: {
                    "name": encoder.name,
                    "pixel_format": encoder.pixel_format,
                    "arguments": [part.format(n="v") for part in encoder.arguments],
                }
                for suffix, encoder in encoders.items()
            },
            "jobs": [{"input": job.source_name, "output": job.target_name} for job in self.jobs],
        }


def lay_out(request: ConvertRequest, *, jobs: Sequence[Job] | None = None) -> Batch:
    """Settle what a request comes to, without reading a frame.

    Args:
        request: What was asked for.
        jobs: The files, where they are not to be laid out from the request's inputs.

    Raises:
        UsageError: Something that was asked for can't be.
        ModelError: The model is damaged.
    """
    engine = EngineRequest(request.engine, request.device, request.precision)
    model = request.choose_model()
    output = None if request.output is None else os.fspath(request.output)
    if jobs is None:
        names, recursive = request.input_names, request.recursive
        jobs = plan(names, output, model.target, recursive=recursive, skip_existing=request.skip_existing)
    # The identity engine is there to show that nothing changes, so no wish for a look applies to it.
    look = NEUTRAL if engine.neutral else request.over(model.look)
    engine = replace(engine, latency=bool(jobs) and all(job.is_image for job in jobs))
    batch = Batch(request, model, engine, look, jobs)
    for container in batch.containers.values():
        request.check(container)
    logger.debug("files to make: %d, with %s; %s", len(jobs), model.name, look)
    return batch


def convert(
    batch: Batch, jobs: Iterable[Job] | None = None, *, opener: BackendOpener = open_backend
) -> Iterator[Event]:
    """Convert a batch, telling what happens. One file's failure does not stop the others.

    Args:
        batch: What `lay_out` made of the request.
        jobs: Files that come one by one, instead of the batch's.
        opener: Opens the engine; for tests and other front ends.

    Raises:
        EngineError: No engine can be opened. Failures of single files are results instead.
        ClusterError: There is no Ray cluster where one was asked for.
        ModelError: The model's weights can't be loaded.
    """
    if batch.request.ray is not None:
        yield from _convert_on_cluster(batch, batch.request.ray, opener)
        return
    with ExitStack() as stack:
        engine: Backend | None = None
        for number, job in enumerate(batch.jobs if jobs is None else jobs):
            yield Started(job, number, len(batch.jobs) if jobs is None else number + 1)
            early = _settle_without_engine(job, batch.request) or _settle_as_others(job, number, batch.request)
            if early is not None:
                yield Finished(early)
                continue
            if engine is None:
                opened = opener(batch.model.source, batch.engine)
                engine = stack.enter_context(opened.backend)
                yield EngineOpened(opened)
            yield from _convert_one(job, engine, batch, batch.request.cutting)


def _convert_on_cluster(batch: Batch, address: str, opener: BackendOpener) -> Iterator[Event]:
    """Convert a batch by the machines of a Ray cluster. What they begin is ahead of what is told by some files."""
    request, total = batch.request, len(batch.jobs)
    gpus = batch.engine.device != "cpu" and batch.engine.engine != "identity"
    with Cluster(address, gpus=gpus, send_files=request.ray_send_files) as cluster:
        share = cluster.share(_Share(request, batch.model, batch.engine, batch.look, opener))

        def begun(job: Job) -> Result | SpreadFile:
            early = _settle_without_engine(job, request)
            if early is not None:
                return early
            try:
                return SpreadFile(cluster, job, share, request.cutting, overwrite=request.overwrite)
            except MediaError as error:
                return Result(job.source_name, job.target_name, "failed", error=str(error))

        files: deque[Result | SpreadFile] = deque()
        try:
            for number, job in enumerate(batch.jobs):
                files.extend(map(begun, batch.jobs[number + len(files) : number + 1 + cluster.width]))
                yield Started(job, number, total)
                file = files[0]
                if isinstance(file, Result):
                    yield Finished(file)
                else:
                    yield from file.run(_join, [other for other in files if isinstance(other, SpreadFile)])
                files.popleft()
        finally:
            for other in files:  # none, unless this was stopped
                if isinstance(other, SpreadFile):
                    other.stop()


def _join(output: Path, overwrite: bool) -> tuple[int, tuple[str, ...]]:
    joined = join(output, overwrite=overwrite)
    return joined.frames, joined.warnings


class _Share:
    """What a machine of a cluster does of a file. It keeps the engine for the next one.

    Args:
        request, model, engine, look: As a `Batch`'s, for all files.
        opener: Opens the engine.
    """

    _opened: ClassVar[dict[tuple[str, EngineRequest], Opened]] = {}

    def __init__(
        self, request: ConvertRequest, model: Model, engine: EngineRequest, look: FullLook, opener: BackendOpener
    ) -> None:
        self._folder: Path | None = None
        if not isinstance(request.model, Model):  # the machine chooses its own, in the same folder if it is there
            folder = model.source.places[0] if model.source.places else None
            if folder is not None:
                self._folder = folder.absolute()
            elif request.model is not None:
                request = replace(request, model=Path(request.model).absolute())
            request = replace(request, to=model.target)
        self._request, self._engine, self._look, self._opener = request, engine, look, opener

    def __call__(self, job: Job, cutting: Segmentation) -> Iterator[Event]:
        request = replace(self._request, ray=None, ray_send_files=False)
        if not isinstance(request.model, Model) and self._folder is not None and self._folder.is_dir():
            request = replace(request, model=self._folder)
        try:
            model = request.choose_model()
            key = model.source.key, self._engine
            if key not in self._opened:
                for other in [*self._opened]:
                    self._opened.pop(other).backend.close()
                opened = self._opened[key] = self._opener(model.source, self._engine)
                yield from map(Note, (*opened.warnings, *opened.notes))
            batch = Batch(request, model, self._engine, self._look, [job])
            yield from _convert_one(job, self._opened[key].backend, batch, cutting)
        except CgtoolError as error:
            yield Finished(Result(job.source_name, job.target_name, "failed", error=str(error)))


def _settle_without_engine(job: Job, request: ConvertRequest) -> Result | None:
    """The result of a job for which the network is not needed; None if it is."""

    def result(status: Literal["skipped", "failed"], *, reason: str | None = None, error: str | None = None) -> Result:
        return Result(job.source_name, job.target_name, status, reason=reason, error=error)

    if job.is_result:
        return result("skipped", reason="is itself a result")
    if job.passed_over is not None:
        return result("skipped", reason=job.passed_over)
    if job.error is not None:
        return result("failed", error=str(job.error))
    if job.target is None or not job.target.exists() or request.overwrite:
        return None
    if request.skip_existing:
        return result("skipped", reason="exists already")
    hint = "Use --overwrite to replace it or --skip-existing to leave it"
    return result("failed", error=str(OutputExistsError("exists already", path=job.target, hint=hint)))


def _settle_as_others(job: Job, number: int, request: ConvertRequest) -> Result | None:
    """The result of a job that is not cut, and that somebody else makes; None if it is ours."""
    part = request.cutting.part
    if part is None or job.target is None or number % part.of == part.number - 1:
        return None
    if not job.is_image and can_be_cut(CONTAINERS[job.target.suffix.lower()], request):
        return None
    return Result(job.source_name, job.target_name, "skipped", reason="is another part's")


def _convert_one(
    job: Job, engine: Backend, batch: Batch, cutting: Segmentation
) -> Iterator[Advanced | Note | Finished]:
    begin = time.perf_counter()
    model = batch.model
    network = Network(engine, batch.look.size, model.training_scale, maps=model.source.maps, batch=batch.request.batch)
    outcome: Outcome | None = None
    error: str | None = None
    try:
        if job.is_image:
            outcome = convert_still(job, network, batch.look)
        else:
            outcome = yield from convert_clip(
                job,
                network,
                batch.look,
                batch.request,
                overwrite=batch.request.overwrite,
                cutting=cutting,
                model_key=model.source.key,
            )
    except CgtoolError as failure:
        logger.debug("%s failed", job.source_name, exc_info=True)
        error = str(failure)
    except Exception as failure:  # a batch goes on whatever one file does to us
        logger.exception("%s failed unexpectedly", job.source_name)
        error = f"{job.source_name}: {unexpected(failure)}"
    seconds = time.perf_counter() - begin
    info = engine.info  # another one if frames did not fit the first
    result = Result(
        job.source_name,
        job.target_name,
        "failed",
        seconds=seconds,
        engine=info.engine,
        device=info.device,
        precision=info.precision,
        error=error,
    )
    if outcome is not None:
        told = {one.name: getattr(outcome, one.name) for one in fields(outcome)}
        made = outcome.frames - outcome.earlier_frames
        result = replace(result, status="converted", fps=made / seconds, **told)
    yield Finished(result)
    speed = network.milliseconds_per_megapixel()
    if speed is not None:
        timings.record(batch.model.source.key, info, speed)
