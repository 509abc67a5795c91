"""Train a model: images in, a run folder with all that one may want to see, and a model folder for conversion out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from cgtool.errors import Terminated
from cgtool.models.folder import check_domains, check_name
from cgtool.tasks.run import Run, TrainRequest
from cgtool.training.data import Batches
from cgtool.training.images import Domain, find_domain
from cgtool.training.loop import Progress
from cgtool.training.metrics import MetricsLog
from cgtool.training.parallel import World, join
from cgtool.training.run import make_run_folder
from cgtool.training.warmstart import check_save_init

__all__ = ["Event", "Finished", "Prepared", "Progress", "TrainRequest", "train"]


@dataclass(frozen=True)
class Prepared:
    """Training is about to begin or to go on.

    Attributes:
        run_folder: Where to look.
        domains: The images.
        device: Where it computes.
        precision: The arithmetic of the convolutions.
        processes: How many train together.
        step: Steps done before.
        total_steps: When it will be done.
        warnings: What the user should know.
    """

    run_folder: Path
    domains: tuple[Domain, Domain]
    device: str
    precision: str
    processes: int
    step: int
    total_steps: int
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Finished:
    """Training is done, or has stopped where ``stop_after`` said.

    Attributes:
        step: Steps done.
        model_folder: The model; None if training stopped before its end.
        report: The run's page.
        warnings: What the user should know.
    """

    step: int
    model_folder: Path | None
    report: Path
    warnings: tuple[str, ...]


Event = Prepared | Progress | Finished


def train(request: TrainRequest) -> Iterator[Event]:
    """Train, or go on where the run of this name was.

    Yields:
        `Prepared`, then the progress, then `Finished`; in a process that is not the main one, nothing.

    Raises:
        UsageError: The images, the names or the folders won't do, or a change would not be exact.
        ModelError: A checkpoint or warm start is damaged or of another architecture.
        CgtoolError: The training diverged, or a file can no longer be read or written.
        KeyboardInterrupt: SIGINT; all is saved.
        Terminated: SIGTERM; all is saved.
    """
    check_name(request.name)
    check_domains(request.domains)
    if request.save_init is not None:
        check_save_init(request.save_init)
    world = join(request.config.device)
    try:
        for event in _train(request, world):
            if world.is_main:
                yield event
    finally:
        world.close()


def _train(request: TrainRequest, world: World) -> Iterator[Event]:
    domains = tuple(
        find_domain(name, folder, request.workers)
        for name, folder in zip(request.domains, request.folders, strict=True)
    )
    a, b = domains
    if world.is_main:
        make_run_folder(request.run_folder)
    run = Run(request, world, a, b)
    warnings = run.restore()
    world.barrier()  # all have read the folder before one writes to it
    with ExitStack() as stack:
        log = None
        if world.is_main:
            run.describe()
            log = stack.enter_context(MetricsLog(request.run_folder, run.state.step))
        batches = stack.enter_context(
            Batches(
                a,
                b,
                request.config,
                first=run.state.images,
                rank=world.rank,
                world=world.size,
                workers=request.workers,
            )
        )
        loop = run.loop(batches, log)
        yield Prepared(
            run_folder=request.run_folder,
            domains=(a, b),
            device=str(world.device),
            precision=run.state.precision,
            processes=world.size,
            step=run.state.step,
            total_steps=run.total_steps,
            warnings=tuple(warnings),
        )
        try:
            yield from loop.run(request.stop_after)
        except (KeyboardInterrupt, Terminated):
            run.stopped()
            raise
        run.stopped()
    done = run.state.step >= run.total_steps
    yield Finished(
        step=run.state.step,
        model_folder=request.model_folder if done else None,
        report=run.report_file,
        warnings=tuple(run.notes),
    )
