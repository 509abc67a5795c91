"""One training run: its state, and all that is written of it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cgtool.backends import machine
from cgtool.config import MAX_AUTO_SIZE
from cgtool.errors import CgtoolError, UsageError
from cgtool.models.folder import Defaults, read_model_folder
from cgtool.models.weights import save_model_folder
from cgtool.training.checkpoints import Checkpoints
from cgtool.training.config import TrainConfig
from cgtool.training.data import Batches
from cgtool.training.images import Domain, first_readable
from cgtool.training.loop import Action, Loop
from cgtool.training.metrics import MetricsLog, plot_losses, read_metrics
from cgtool.training.parallel import World
from cgtool.training.report import write_report
from cgtool.training.run import changes, describe_data, refuse_changes, versions, write_config
from cgtool.training.samples import SHOWN, Sampler
from cgtool.training.state import TrainState
from cgtool.training.warmstart import load_init, save_init


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
        export_every: Steps between model folders, which stay in the run's folder; 0 writes one at the end alone.
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


class Run:
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
                Action(self.request.export_every, self._export_and_keep),
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
            show=self.state.objective.shown,
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
        self._save_model(folder)

    def _export_and_keep(self) -> None:
        """The last model of a training is not always the best."""
        self._export()
        self._save_model(self.request.run_folder / "models" / f"{self.request.name}.{self.state.step}")

    def _save_model(self, folder: Path) -> None:
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
    size = min(config.load_size, MAX_AUTO_SIZE)
    if not config.through_detail:
        return Defaults(size=size, texture=1.0)
    return Defaults(size=size, texture=config.texture, contrast=config.contrast)


def _free_name(folder: Path) -> Path:
    number = 1
    while (aside := folder.with_name(f"{folder.name}.previous-{number}")).exists():
        number += 1
    return aside
