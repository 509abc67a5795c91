"""Loggers: what each keeps without a network, and what is refused."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cgtool.errors import CgtoolError, UsageError
from cgtool.pictures import Image
from cgtool.training.files.loggers import LOGGERS, LoggedRun, Logger, check_loggers, open_loggers
from cgtool.training.files.metrics import MetricsLog, read_judgements, read_metrics
from tests.training.files.test_metrics import metrics
from tests.training.judge.test_judgement import judgement

GRAY = np.full((8, 12, 3), 128, np.uint8)


class ToyLogger:
    """Remembers what it was told; from a step on it fails."""

    def __init__(self, fails_at: float = float("inf")) -> None:
        self.told: list[tuple[Any, ...]] = []
        self._fails_at = fails_at

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        if step >= self._fails_at:
            raise OSError("the server is gone")
        self.told.append((step, dict(values)))

    def image(self, name: str, pixels: Image, step: int) -> None:
        self.told.append((step, name, pixels.shape))

    def sync(self) -> None:
        self.told.append(("sync",))

    def close(self) -> None:
        self.told.append(("close",))


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ("WANDB_MODE", "WANDB_API_KEY", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")


def run(folder: Path, step: int = 0) -> LoggedRun:
    return LoggedRun(folder, "toy", "0123456789abcdef", step, {"lr": 2e-4, "masks": False, "steps": None})


def opened(name: str, about: LoggedRun) -> Logger:
    return open_loggers([name], about)[name]


def installed(name: str) -> None:
    pytest.importorskip(name, reason=f"cgtool[{LOGGERS[name].extra}] is not installed")


def test_a_logger_is_told_all_that_the_file_has(tmp_path: Path) -> None:
    toy = ToyLogger()
    with closing(MetricsLog(tmp_path, 0, {"toy": toy})) as log:
        log.write(metrics(1))
        log.write_judgement(judgement(1, probe=0.25))
        log.add_image("samples", GRAY, 1)
        log.sync()
    step, judged, *rest = toy.told
    names = ("G_A_to_B", "G_B_to_A", "cycle_A", "cycle_B", "D_A", "D_B")
    assert step == (1, {**{f"loss/{name}": 1.0 for name in names}, "learning_rate": 2e-4})
    assert judged[1]["judged/score"] == judgement(1, probe=0.25).score
    assert judged[1]["judged/A_to_B/probe"] == judged[1]["judged/B_to_A/probe"] == 0.25
    assert not any("unchanged" in name for name in judged[1])
    assert rest == [(1, "samples", (8, 12, 3)), ("sync",), ("close",)]


def test_a_logger_that_fails_does_not_end_a_training(tmp_path: Path) -> None:
    failing, fine = ToyLogger(fails_at=2), ToyLogger()
    with closing(MetricsLog(tmp_path, 0, {"failing": failing, "fine": fine})) as log:
        for step in (1, 2, 3):
            log.write(metrics(step))
    assert log.warnings == ["--logger failing failed, and was told no more: the server is gone"]
    assert [told[0] for told in failing.told] == [1]
    assert [told[0] for told in fine.told] == [1, 2, 3, "close"]
    assert [line["step"] for line in read_metrics(tmp_path / "metrics.jsonl")] == [1, 2, 3]


def test_what_is_unknown_or_not_installed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    check_loggers(["tensorboard"])
    with pytest.raises(UsageError, match=r"--logger paper is unknown\. Known are tensorboard, wandb, mlflow"):
        check_loggers(["tensorboard", "paper"])
    for name in ("wandb", "mlflow"):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(UsageError, match=rf"{name}, which is not installed.*pip install 'cgtool\[{name}\]'"):
            check_loggers([name])


def test_tensorboards_curves_go_on_at_the_checkpoint(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    for done, value in ((0, 0.5), (2, 0.25)):
        with closing(opened("tensorboard", run(tmp_path, done))) as logger:
            for step in range(done + 1, done + 4):
                logger.scalars({"loss/D_A": value}, step)
            logger.image("samples", GRAY, done + 3)
            logger.sync()
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    curve = {event.step: event.value for event in events.Scalars("loss/D_A")}
    assert curve == {1: 0.5, 2: 0.5, 3: 0.25, 4: 0.25, 5: 0.25}
    assert [event.step for event in events.Images("samples")][-1] == 5


@pytest.mark.filterwarnings("ignore")  # the package's own
def test_weights_and_biases_without_an_account_stays_in_the_runs_folder(tmp_path: Path) -> None:
    wandb = pytest.importorskip("wandb", reason="cgtool[wandb] is not installed")
    for done, value in ((0, 0.3125), (2, 0.8125)):
        with closing(opened("wandb", run(tmp_path, done))) as logger:
            for step in range(done + 1, done + 4):
                logger.scalars({"loss/D_A": value}, step)
                logger.scalars({"judged/score": value / 2}, step)
            logger.image("samples", GRAY, done + 3)
            logger.sync()
        wandb.teardown()  # waits for its process
        (kept,) = (
            path.read_bytes()
            for path in (tmp_path / "wandb").glob("offline-run-*/run-0123456789abcdef.wandb")
            if str(value).encode() in path.read_bytes()
        )
        assert b"loss/D_A" in kept
        assert str(value / 2).encode() in kept
        assert list((tmp_path / "wandb").glob(f"offline-run-*/files/media/images/samples_{done + 3}_*.png"))


def test_weights_and_biases_that_can_not_be_reached_is_said_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed("wandb")
    monkeypatch.setenv("WANDB_MODE", "online")  # without an account
    with pytest.raises(CgtoolError, match=r"Weights & Biases can't be reached: No API key.*WANDB_MODE=offline"):
        opened("wandb", run(tmp_path))


@pytest.mark.filterwarnings("ignore")  # the package's own
def test_mlflow_without_a_server_stays_in_the_runs_folder(tmp_path: Path) -> None:
    installed("mlflow")
    pytest.importorskip("sqlalchemy", reason="mlflow has no database")
    from mlflow.tracking import MlflowClient

    for done, value in ((0, 0.5), (3, 0.25)):
        with closing(opened("mlflow", run(tmp_path, done))) as logger:
            for step in range(done + 1, done + 4):
                logger.scalars({"loss/D_A": value, **{f"loss/{number}": 1.0 for number in range(600)}}, step)
            logger.image("samples", GRAY, done + 3)
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("cgtool")
    assert experiment is not None
    (kept,) = client.search_runs([experiment.experiment_id])  # the second time it went on
    assert (kept.info.run_name, kept.info.status) == ("toy", "FINISHED")
    assert kept.data.params == {"lr": "0.0002", "masks": "False", "steps": "None"}
    history = {one.step: one.value for one in client.get_metric_history(kept.info.run_id, "loss/D_A")}
    assert history == {1: 0.5, 2: 0.5, 3: 0.5, 4: 0.25, 5: 0.25, 6: 0.25}
    assert len(client.get_metric_history(kept.info.run_id, "loss/599")) == 6
    stored = sorted(path.name for path in (tmp_path / "mlflow" / "artifacts").rglob("*.jpg"))
    assert stored == ["step_00000003.jpg", "step_00000006.jpg"]


@pytest.mark.filterwarnings("ignore")  # the package's own
def test_an_mlflow_server_that_is_not_there_is_said_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(CgtoolError, match=r"MLflow can't be reached: .*Without MLFLOW_TRACKING_URI"):
        opened("mlflow", run(tmp_path))


@pytest.mark.filterwarnings("ignore")  # the package's own
def test_an_mlflow_database_that_is_damaged_is_said_before_training(tmp_path: Path) -> None:
    installed("mlflow")
    pytest.importorskip("sqlalchemy", reason="mlflow has no database")
    (tmp_path / "mlflow").mkdir()
    (tmp_path / "mlflow" / "mlflow.db").write_bytes(b"no database" * 500)
    with pytest.raises(CgtoolError, match=r"MLflow can't be reached: .*Move .*mlflow away"):
        opened("mlflow", run(tmp_path))


def test_judgements_are_in_the_file_whoever_else_is_told(tmp_path: Path) -> None:
    with closing(MetricsLog(tmp_path, 0)) as log:
        log.write(metrics(1))
        log.write_judgement(judgement(1))
    assert read_judgements(tmp_path / "metrics.jsonl") == [judgement(1)]
