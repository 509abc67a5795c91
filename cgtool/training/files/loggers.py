"""Where a run's figures and samples go besides its `metrics.jsonl`: TensorBoard, Weights & Biases, MLflow.

To add a logger, write its class and put it into `LOGGERS`. Its package is imported when a run opens it: this module
imports no framework.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from cgtool.errors import CgtoolError, UsageError, first_line
from cgtool.extras import require

if TYPE_CHECKING:
    from cgtool.pictures import Image

_PROJECT = "cgtool"
"""What trackers of many runs file them under."""


class Logger(Protocol):
    """Takes a run's figures. It may raise anything: `cgtool.training.files.metrics.MetricsLog` goes on without it."""

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Take figures of a step by name, such as ``loss/D_A``; never of a step before those it has."""

    def image(self, name: str, pixels: Image, step: int) -> None:
        """Take a picture, RGB, uint8, shape (height, width, 3)."""

    def sync(self) -> None:
        """Bring all so far to where it is kept: a checkpoint follows."""

    def close(self) -> None:
        """The run ends or stops."""


@dataclass(frozen=True)
class LoggedRun:
    """What a logger is told of the run that it opens.

    Attributes:
        folder: The run's, where all that stays on this machine goes.
        name: Of the run.
        id: Tells runs of the same name apart, and stays when a run goes on.
        step: Steps done; what an interruption left of later ones comes again.
        options: The training's.
    """

    folder: Path
    name: str
    id: str
    step: int
    options: Mapping[str, Any]


class TensorBoard:
    """Event files in `tensorboard/`."""

    def __init__(self, run: LoggedRun) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._events = SummaryWriter(str(run.folder / "tensorboard"), purge_step=run.step + 1)

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Add a point to each name's curve."""
        for name, value in values.items():
            self._events.add_scalar(name, value, step)

    def image(self, name: str, pixels: Image, step: int) -> None:
        """Add a picture to the name's row."""
        self._events.add_image(name, pixels, step, dataformats="HWC")

    def sync(self) -> None:
        """Write what is left."""
        self._events.flush()

    def close(self) -> None:
        """Write what is left, and end."""
        self._events.close()


class WeightsAndBiases:
    """A run of the project cgtool, online where an account is known (``wandb login``), else in `wandb/`.

    ``WANDB_MODE=offline`` keeps it on this machine in any case, and ``wandb sync`` uploads it later.
    """

    def __init__(self, run: LoggedRun) -> None:
        import wandb

        self._image = wandb.Image
        try:
            mode = os.environ.get("WANDB_MODE") or ("online" if wandb.login(prompt=False) else "offline")
            self._run = wandb.init(
                project=os.environ.get("WANDB_PROJECT", _PROJECT),
                name=run.name,
                id=run.id,
                resume="allow",
                dir=run.folder,
                config=dict(run.options),
                mode=mode,
                settings=wandb.Settings(silent=True, console="off", disable_git=True, disable_code=True),
            )
        except wandb.errors.Error as error:
            hint = "WANDB_MODE=offline needs neither account nor network; leave --logger wandb out otherwise"
            raise CgtoolError(f"Weights & Biases can't be reached: {first_line(error)}", hint=hint) from error

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Add to the step's row."""
        self._run.log(dict(values), step=step)

    def image(self, name: str, pixels: Image, step: int) -> None:
        """Add a picture to the step's row."""
        self._run.log({name: self._image(pixels)}, step=step)

    def sync(self) -> None:
        """Its own process writes by itself."""

    def close(self) -> None:
        """Wait until its process has written or sent all."""
        self._run.finish()


class MLflow:
    """A run of the experiment cgtool: on the server that ``MLFLOW_TRACKING_URI`` names, else in `mlflow/`."""

    _MOST = 1000
    """Figures that one request may carry."""

    def __init__(self, run: LoggedRun) -> None:
        from mlflow.entities import Metric, Param
        from mlflow.tracking import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.WARNING)
        self._metric = Metric
        self._unsent: list[Any] = []
        try:
            self._client, experiment = _mlflow_experiment(MlflowClient, run.folder / "mlflow")
            found = self._client.search_runs([experiment], f"tags.`cgtool.run` = '{run.id}'", max_results=1)
            if found:
                self._run = found[0].info.run_id
                self._client.update_run(self._run, status="RUNNING")
            else:
                began = self._client.create_run(experiment, run_name=run.name, tags={"cgtool.run": run.id})
                self._run = began.info.run_id
                parameters = [Param(name, str(value)) for name, value in run.options.items()]
                self._client.log_batch(self._run, params=parameters)
        except Exception as error:  # its own, or those of a database that was not made whole
            if os.environ.get("MLFLOW_TRACKING_URI"):
                hint = "Without MLFLOW_TRACKING_URI it stays in the run's folder; leave --logger mlflow out otherwise"
            else:
                hint = f"Move {run.folder / 'mlflow'} away, if it was broken off; leave --logger mlflow out otherwise"
            raise CgtoolError(f"MLflow can't be reached: {first_line(error)}", hint=hint) from error

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Keep them for the next request."""
        now = round(time.time() * 1000)
        self._unsent += [self._metric(name, value, now, step) for name, value in values.items()]
        if len(self._unsent) > self._MOST - 100:
            self.sync()

    def image(self, name: str, pixels: Image, step: int) -> None:
        """Store an artifact, a JPEG."""
        self._client.log_image(self._run, pixels, f"{name}/step_{step:08d}.jpg")

    def sync(self) -> None:
        """Send what is left."""
        while self._unsent:
            self._client.log_batch(self._run, metrics=self._unsent[: self._MOST])
            del self._unsent[: self._MOST]

    def close(self) -> None:
        """Send what is left, and say that the run is over."""
        self.sync()
        self._client.set_terminated(self._run)


def _mlflow_experiment(client: Callable[..., Any], folder: Path) -> tuple[Any, str]:
    """A client, and the experiment's number; both are made where they are missing."""
    uri, pictures = os.environ.get("MLFLOW_TRACKING_URI"), None
    if not uri:
        folder.mkdir(exist_ok=True)
        uri, pictures = f"sqlite:///{(folder / 'mlflow.db').resolve()}", (folder / "artifacts").resolve().as_uri()
    opened = client(tracking_uri=uri)
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", _PROJECT)
    found = opened.get_experiment_by_name(name)
    return opened, found.experiment_id if found else opened.create_experiment(name, artifact_location=pictures)


class _Row(NamedTuple):
    """A logger: the extra of cgtool that brings its package, and what opens it."""

    extra: str
    opens: Callable[[LoggedRun], Logger]


LOGGERS: Mapping[str, _Row] = {
    "tensorboard": _Row("train", TensorBoard),
    "wandb": _Row("wandb", WeightsAndBiases),
    "mlflow": _Row("mlflow", MLflow),
}
"""By the names of ``--logger``, which are their packages' too."""

DEFAULT_LOGGERS = ("tensorboard",)


def check_loggers(names: Sequence[str]) -> None:
    """Refuse loggers that are unknown or not installed.

    Raises:
        UsageError: One is; the hint is the line to run.
    """
    for name in names:
        if name not in LOGGERS:
            raise UsageError(f"--logger {name} is unknown", hint=f"Known are {', '.join(LOGGERS)}")
        require(name, LOGGERS[name].extra)


def open_loggers(names: Sequence[str], run: LoggedRun) -> dict[str, Logger]:
    """Open each of the loggers once, by name.

    Raises:
        CgtoolError: One can't be opened.
    """
    return {name: LOGGERS[name].opens(run) for name in names}
