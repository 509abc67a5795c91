"""The outputs of a run: metrics, samples, report and models, written while it trains and when it stops."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from cgtool.errors import CgtoolError, UsageError
from cgtool.files import claimed, write_whole
from cgtool.training.data.check import DataCheck
from cgtool.training.data.images import choose_samples
from cgtool.training.data.sheet import write_sheet
from cgtool.training.files.loggers import DEFAULT_LOGGERS, LoggedRun, open_loggers
from cgtool.training.files.metrics import MetricsLog, read_judgements, read_metrics
from cgtool.training.files.model import publish_model, save_model, steps_of
from cgtool.training.files.report import write_report
from cgtool.training.files.samples import Sampler
from cgtool.training.judge.judge import Judge
from cgtool.training.judge.judgement import Judgement, best
from cgtool.training.record import RunRecord
from cgtool.training.state import TrainState


class Outputs:
    """Writes a run's folder, which is its alone, and its model, in the main process. Use it as a context manager.

    ``runs/NAME`` holds `run.json`, `metrics.jsonl`, `data.jpg`, `samples/`, `report.html`, `models/`, `best/`, and what
    loggers keep, such as `tensorboard/`; checkpoints are written by the loop.

    Attributes:
        log: Where metrics go.
        report: The run's page.
    """

    def __init__(
        self,
        folder: Path,
        model_folder: Path,
        record: RunRecord,
        state: TrainState,
        data: DataCheck,
        *,
        judge: Judge | None = None,
        keep_best: bool = True,
        loggers: Sequence[str] = DEFAULT_LOGGERS,
    ) -> None:
        """Make the folder, write `run.json` and a contact sheet of the images, and open the metrics.

        Args:
            folder: The run's.
            model_folder: Where the model goes.
            record: The run.
            state: What is trained.
            data: The images; some of them become samples.
            judge: Judges; None if nobody does.
            keep_best: Whether the model is the best that was judged, instead of the last.
            loggers: Names of those that are told of the metrics.

        Raises:
            UsageError: The folder can't be written.
            CgtoolError: Another training has the folder, a file can't be written, metrics of the steps so far are
                missing, an image can no longer be read, or a logger can't be opened.
        """
        self.report = folder / "report.html"
        self._warnings: list[str] = []
        self._folder, self._model_folder = folder, model_folder
        self._record, self._state = record, state
        self._judge, self._best = judge, folder / "best" / record.name if keep_best else None
        samples = [choose_samples(*pair) for pair in zip(data.train, data.tests, strict=True)]
        self._sampler = Sampler(
            record.domains, (samples[0], samples[1]), state.config, state.networks.G.stride, state.world.device
        )
        with ExitStack() as opened:
            opened.enter_context(_own(folder))
            with _told(folder / "run.json") as path:
                write_whole(path, json.dumps(record.to_json(), indent=2, ensure_ascii=False) + "\n")
            with _told(folder / "data.jpg") as path:
                write_sheet(path, data)
            run = LoggedRun(folder, record.name, record.id, state.step, record.config.to_json())
            self.log = MetricsLog(folder, state.step, open_loggers(loggers, run))
            opened.callback(self.log.close)
            self._opened = opened.pop_all()

    @property
    def warnings(self) -> list[str]:
        """What the user should know in the end."""
        return [*self._warnings, *self.log.warnings]

    def __enter__(self) -> Outputs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def sample(self) -> None:
        """Write a grid of samples, and the report with it."""
        step = self._state.step
        with _told(self._folder / "samples" / f"step_{step:08d}.jpg") as path:
            grid = self._sampler.write(path, self._state.best_generators())
        self.log.add_image("samples", grid, step)
        self.log.sync()
        self.write_report()

    def write_report(self) -> None:
        """Bring the report up to date."""
        with _told(self.report) as path:
            write_report(
                path,
                self._record.name,
                self._record.to_json(),
                self._metrics(),
                self.judgements(),
                keep_best=self._best is not None,
            )

    def judge(self) -> Judgement | None:
        """Judge the generators, unless this step was; keep the model if it is the best so far."""
        judged = self.judgements()
        if self._judge is None or any(judgement.step == self._state.step for judgement in judged):
            return None
        judgement = self._judge.judge(self._state.step, self._state.best_generators())
        self.log.write_judgement(judgement)
        self.log.sync()
        if self._best is not None and best([*judged, judgement]) is judgement:
            about = {"score": judgement.score, "judged": judgement.to_json()["judged"]["reporting"]}
            self._warn_of(self._best, save_model(self._best, self._record, self._state, self.provenance() | about))
        self.write_report()
        return judgement

    def export(self) -> None:
        """Write the model: the best that was judged, else the newest; the newest stays in the run's folder as well."""
        keep = self._folder / "models" / f"{self._record.name}.{self._state.step}"
        self._warn_of(keep, save_model(keep, self._record, self._state, self.provenance()))
        chosen, model = self._chosen(), self._model_folder
        if chosen is not None:
            self._warn_of(model, publish_model(model, chosen, self._record))
        else:
            self._warn_of(model, save_model(model, self._record, self._state, self.provenance()))

    def _chosen(self) -> Path | None:
        """The best model that was judged; None if none was, or it isn't wanted."""
        judgement = best(self.judgements())
        if self._best is None or judgement is None:
            return None
        if steps_of(self._best, self._record) != judgement.step:
            self._warnings.append(f"the best model, of step {judgement.step}, is gone: the last one is taken")
            return None
        return self._best

    def _warn_of(self, folder: Path, aside: Path | None) -> None:
        if aside is not None:
            self._warnings.append(f"{folder} held another model: moved to {aside}")

    def provenance(self) -> dict[str, Any]:
        """Where the weights come from, as of now."""
        return self._record.provenance(
            step=self._state.step,
            images=self._state.images,
            averaged=bool(self._state.averages),
            hours=sum(line["seconds"] for line in self._metrics()) / 3600,
        )

    def judgements(self) -> list[Judgement]:
        """All so far."""
        return read_judgements(self._folder / "metrics.jsonl")

    def _metrics(self) -> list[dict[str, Any]]:
        return read_metrics(self._folder / "metrics.jsonl")


@contextmanager
def _told(path: Path) -> Iterator[Path]:
    """Where a file is written: a failure names it, and says what to do."""
    try:
        yield path
    except OSError as error:
        raise CgtoolError(
            f"can't be written: {error.strerror}", path=path, hint="Make room, and run the command again"
        ) from error


@contextmanager
def _own(folder: Path) -> Iterator[None]:
    """A run's folder, made and writable: two trainings in one would write over each other's checkpoints."""
    with ExitStack() as claim:
        try:
            claim.enter_context(claimed(folder))
            (folder / "samples").mkdir(exist_ok=True)
            probe = folder / ".writable"
            probe.touch()
            probe.unlink()
        except BlockingIOError as error:
            hint = "Wait for it, stop it, or choose another --name"
            raise CgtoolError("another training of this name is running", path=folder, hint=hint) from error
        except OSError as error:
            raise UsageError(
                f"the run folder can't be written: {error.strerror}", path=folder, hint="Choose another --runs-dir"
            ) from error
        yield
