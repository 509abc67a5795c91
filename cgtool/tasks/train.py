"""Train a model: images in, a run folder with all that one may want to see, and a model folder for conversion out."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cgtool.backends import machine
from cgtool.config import MAX_AUTO_SIZE
from cgtool.errors import CgtoolError, Terminated, UsageError
from cgtool.models.folder import Defaults, check_domains, check_name, read_model_folder
from cgtool.models.weights import save_model_folder
from cgtool.training.checkpoints import Checkpoints
from cgtool.training.config import TrainConfig
from cgtool.training.data import Batches
from cgtool.training.images import Domain, find_domain, first_readable
from cgtool.training.loop import Action, Loop, Progress
from cgtool.training.metrics import MetricsLog, plot_losses, read_metrics
from cgtool.training.parallel import World, join
from cgtool.training.report import write_report
from cgtool.training.run import changes, describe_data, make_run_folder, refuse_changes, versions, write_config
from cgtool.training.samples import SHOWN, Sampler
from cgtool.training.state import TrainState
from cgtool.training.warmstart import check_save_init, load_init, save_init


@dataclass(frozen=True)
class TrainRequest:
    """A training as it was asked for.

    Attributes:
        name: Of the run and of the model.
        domains: (A, B), as ``convert --to`` will call them.
        folders: The training images of A and of B.
        config: All that determines the result.
        test_folders: Images of A and of B that are translated into samples; where missing, training images are.
        runs_dir: Holds the run's folder.
        engines_dir: Holds the model's folder.
        workers: Threads that decode images.
        checkpoint_every: Steps between checkpoints.
        keep: Checkpoints that remain.
        sample_every: Steps between samples.
        export_every: Steps between model folders; 0 writes one at the end alone.
        stop_after: Stop after this step as an interruption would.
        init: Warm start to begin a new run with.
        save_init: Where a warm start is written when the training ends or stops.
        allow_change: Go on even where that is not exact.
        command: How it was asked for, to be recorded.
    """

    name: str
    domains: tuple[str, str]
    folders: tuple[Path, Path]
    config: TrainConfig
    test_folders: tuple[Path, Path] | None = None
    runs_dir: Path = Path("runs")
    engines_dir: Path = Path("engines")
    workers: int = 2
    checkpoint_every: int = 500
    keep: int = 3
    sample_every: int = 500
    export_every: int = 0
    stop_after: int | None = None
    init: Path | None = None
    save_init: Path | None = None
    allow_change: bool = False
    command: str | None = None

    @property
    def run_folder(self) -> Path:
        """Where all but the model goes."""
        return self.runs_dir / self.name

    @property
    def model_folder(self) -> Path:
        """Where the model goes."""
        return self.engines_dir / self.name


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
    run = _Run(request, world, a, b)
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


class _Run:
    """One run: its state and what is written of it."""

    def __init__(self, request: TrainRequest, world: World, a: Domain, b: Domain) -> None:
        self.request = request
        self.world = world
        self.state = TrainState(request.config, world)
        # What "auto" came to matters for going on exactly.
        self._config = replace(request.config, precision=self.state.precision, device=world.device.type)
        self.notes: list[str] = []
        self.report_file = request.run_folder / "report.html"
        self._domains = (a, b)
        self._epoch_images = max(len(a), len(b))
        steps_per_epoch = -(-self._epoch_images // self.state.images_per_step)
        self.total_steps = request.config.steps or request.config.epochs * steps_per_epoch
        self._checkpoints = Checkpoints(request.run_folder / "checkpoints", request.keep)
        self._facts: dict[str, Any] = {
            "id": secrets.token_hex(8),
            "config": self._config.to_json(),
            "data": describe_data((a, b)),
            "init": None,
            "changes": [],
        }

    def restore(self) -> list[str]:
        """Go on from the last checkpoint, or begin with a warm start if one is asked for.

        Returns:
            What to warn of.
        """
        request, state = self.request, self.state
        warnings = [f"{path}: skipped, {problem}" for domain in self._domains for path, problem in domain.unreadable]
        checkpoint, problems = self._checkpoints.load_last()
        warnings += problems
        if checkpoint is None:
            if request.init is not None:
                init = load_init(request.init, state)
                self._facts["init"] = {"step": init.step, "sha256": init.sha256, "provenance": dict(init.provenance)}
                if init.step >= self.total_steps:
                    raise UsageError(
                        f"it has {init.step} steps already, and --steps is {self.total_steps}",
                        path=request.init,
                        hint="--steps is the total: raise it",
                    )
            return warnings
        differing = changes(self._config, self._facts["data"], checkpoint)
        if not request.allow_change:
            refuse_changes(differing, request.run_folder, checkpoint["step"])
        try:
            state.load_state_dict(checkpoint)
        except CgtoolError as error:
            path = self._checkpoints.path(checkpoint["step"])
            raise type(error)(error.message, path=path, hint=error.hint) from error
        self._facts.update({key: checkpoint[key] for key in ("id", "init", "changes")})
        for name, (before, now) in differing.items():
            self._facts["changes"].append({"step": state.step, "option": name, "from": before, "to": now})
            warnings.append(f"going on with {name} {now}, which was {before}: not exact")
        if checkpoint["processes"] != self.world.size:
            warnings.append(f"going on in {self.world.size} processes, where {checkpoint['processes']} were: not exact")
        return warnings

    def describe(self) -> None:
        """Write `config.json`."""
        write_config(self.request.run_folder, self._description())

    def loop(self, batches: Batches, log: MetricsLog | None) -> Loop:
        """The loop over this run's state."""
        actions = []
        if log is not None:
            sampler = self._sampler()
            actions = [
                Action(self.request.sample_every, lambda: self._sample(sampler, log)),
                Action(self.request.export_every, self._export),
            ]
        return Loop(
            self.state,
            batches,
            total_steps=self.total_steps,
            epoch_images=self._epoch_images,
            checkpoints=self._checkpoints,
            checkpoint_every=self.request.checkpoint_every,
            facts={**self._facts, "processes": self.world.size, "versions": versions()},
            log=log,
            actions=actions,
        )

    def stopped(self) -> None:
        """Bring the report up to date and write the warm start."""
        if self.world.is_main:
            self._report()
            if self.request.save_init is not None:
                save_init(self.request.save_init, self.state, self._provenance())

    def _sampler(self) -> Sampler:
        paths = tuple(
            (first_readable(folder, SHOWN) if folder is not None else []) or list(domain.paths[:SHOWN])
            for folder, domain in zip(self.request.test_folders or (None, None), self._domains, strict=True)
        )
        stride = self.state.generators["A_to_B"].stride
        config = self.request.config
        return Sampler(
            self.request.domains,
            (paths[0], paths[1]),
            config.load_size,
            stride,
            self.world.device,
            filtered=config.through_detail,
        )

    def _sample(self, sampler: Sampler, log: MetricsLog) -> None:
        grid = sampler.grid(self.state.best_generators())
        path = self.request.run_folder / "samples" / f"step_{self.state.step:08d}.jpg"
        Image.fromarray(grid).save(path, quality=90)
        log.add_image("samples", np.ascontiguousarray(grid), self.state.step)
        log.sync()
        self._report()

    def _report(self) -> None:
        steps = self._metrics()
        plot_losses(steps, self.request.run_folder / "losses.png")
        write_report(self.report_file, self.request.name, self._description(), steps)

    def _export(self) -> None:
        folder = self.request.model_folder
        if folder.exists() and not self._is_ours(folder):
            aside = _free_name(folder)
            folder.rename(aside)
            self.notes.append(f"{folder} held another model: moved to {aside}")
        save_model_folder(
            folder,
            self.state.best_generators(),
            domains=self.request.domains,
            training_scale=self._config.load_size,
            defaults=_defaults(self._config),
            provenance=self._provenance(),
            overwrite=True,
        )

    def _is_ours(self, folder: Path) -> bool:
        try:
            return bool(read_model_folder(folder).provenance.get("run") == self._facts["id"])
        except CgtoolError:
            return False

    def _provenance(self) -> dict[str, Any]:
        encoder = self._config.encoder_weights
        data = {
            letter: {key: value for key, value in domain.items() if key != "folder"}
            for letter, domain in self._facts["data"].items()
        }
        return {
            "made_by": "cgtool train",
            "run": self._facts["id"],
            "steps": self.state.step,
            "images": self.state.images,
            "seed": self.request.config.seed,
            "averaged": bool(self.state.averages),
            "data": data,
            "config": {**self._facts["config"], "encoder_weights": encoder and Path(encoder).name},
            "init": self._facts["init"],
            "changes": self._facts["changes"],
            "versions": versions(),
            "command": self.request.command,
            "hours": round(sum(line["seconds"] for line in self._metrics()) / 3600, 2),
            "hardware": self._hardware(),
        }

    def _hardware(self) -> str:
        device = self.world.device
        if device.type == "cuda":
            return f"{self.world.size} x {machine.cuda_devices()[device.index or 0]}"
        return f"{machine.usable_cpus()} x {machine.cpu_name()}"

    def _metrics(self) -> list[dict[str, Any]]:
        return read_metrics(self.request.run_folder / "metrics.jsonl")

    def _description(self) -> Mapping[str, Any]:
        return {
            "name": self.request.name,
            "domains": self.request.domains,
            "total_steps": self.total_steps,
            "processes": self.world.size,
            **self._facts,
            "versions": versions(),
        }


def _defaults(config: TrainConfig) -> Defaults:
    """What conversion should show: texture only of a network that was judged with it."""
    return Defaults(size=min(config.load_size, MAX_AUTO_SIZE), texture=0.0 if config.through_detail else 1.0)


def _free_name(folder: Path) -> Path:
    number = 1
    while (aside := folder.with_name(f"{folder.name}.previous-{number}")).exists():
        number += 1
    return aside
