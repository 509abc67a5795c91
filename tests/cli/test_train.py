"""``cgtool train`` as a program: signals, sudden death, several processes, and the README's recipes."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click
import pytest
import torch
from click.testing import CliRunner

from cgtool.cli.train import train
from cgtool.cli.train_screen import TrainScreen
from cgtool.errors import UsageError
from cgtool.models.folder import read_model_folder
from cgtool.tasks.train import Looking, Prepared, TrainRequest
from cgtool.tasks.train import train as train_task
from cgtool.training.config import TrainConfig
from cgtool.training.data.check import DataCheck
from cgtool.training.data.images import Domain
from cgtool.training.files.checkpoints import Checkpoints
from cgtool.training.files.metrics import StepMetrics, read_metrics
from cgtool.training.loop import Progress
from tests.training.data.toy import TINY, tiny_config, tiny_request, write_domains
from tests.training.judge.test_judgement import judgement
from tests.training.steps.in_float64 import double_precision

pytestmark = pytest.mark.usefixtures("one_thread")

ROOT = Path(__file__).parents[2]
SMALL = [f"--{name.replace('_', '-')}={value}" for name, value in TINY.items()]
SMALL_MAPS = ["--ngf=4", "--crop-size=32", "--load-size=64", "--precision=fp32"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_domains(tmp_path_factory.mktemp("toy"), count=12)


def command(data: Path, *options: str) -> list[str]:
    return ["train", str(data), "--domains=red,blue", "--name=toy", "--workers=1", *SMALL, *options]


@contextmanager
def running(arguments: Sequence[str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env=ENVIRONMENT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def wait_for_steps(folder: Path, count: int, process: subprocess.Popen[str]) -> None:
    """Until a run's checkpoints have passed a step."""
    deadline = time.monotonic() + 120
    while not any(step >= count for step in Checkpoints(folder / "runs" / "toy" / "checkpoints", 1).steps()):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def in_this_process(root: Path, data: Path, **options: Any) -> TrainRequest:  # noqa: ANN401
    wanted = tiny_request(root, data, **options)
    for _ in train_task(wanted):
        pass
    return wanted


def losses(folder: Path) -> list[dict[str, float]]:
    lines = read_metrics(folder / "runs" / "toy" / "metrics.jsonl")
    return [{key: value for key, value in line.items() if not key.endswith("seconds")} for line in lines]


def test_sudden_death_loses_only_the_steps_since_the_checkpoint(tmp_path: Path, data: Path) -> None:
    options = command(data, "--steps=80", "--checkpoint-every=5", "--sample-every=0")
    with running(["cgtool", *options], tmp_path) as process:
        wait_for_steps(tmp_path, 25, process)
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    survived = Checkpoints(tmp_path / "runs" / "toy" / "checkpoints", 1).steps()[-1]
    assert survived < 80
    with running(["cgtool", *options], tmp_path) as process:
        output = process.communicate(timeout=120)[0]
        assert process.returncode == 0, output
    assert f"going on after step {survived}, to step 80" in output
    assert [line["step"] for line in losses(tmp_path)] == list(range(1, 81))
    in_this_process(tmp_path / "undisturbed", data, steps=80)
    assert losses(tmp_path) == losses(tmp_path / "undisturbed")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"])
def test_a_signal_ends_the_program_with_its_code(tmp_path: Path, data: Path, number: signal.Signals, code: int) -> None:
    options = command(data, "--steps=4000", "--checkpoint-every=5", f"--save-init={tmp_path / 'init'}")
    with running(["cgtool", *options], tmp_path) as process:
        wait_for_steps(tmp_path, 5, process)
        process.send_signal(number)
        output = process.communicate(timeout=60)[0]
        assert process.returncode == code, output
    assert "Traceback" not in output
    step = Checkpoints(tmp_path / "runs" / "toy" / "checkpoints", 1).steps()[-1]
    assert len(losses(tmp_path)) == step
    assert json.loads((tmp_path / "init" / "init.json").read_text())["step"] == step


@pytest.fixture
def float64() -> Iterator[None]:
    with double_precision():
        yield


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("losses_of", [{}, {"gan_loss": "relativistic", "r1_weight": 0.5}], ids=["plain", "R1"])
def test_two_processes_train_as_one_with_twice_the_batch(tmp_path: Path, data: Path, losses_of: dict[str, Any]) -> None:
    """In double precision, where it can be told on any machine: see tests/training/steps/in_float64.py."""
    steps = 4
    further = [f"--{name.replace('_', '-')}={value}" for name, value in losses_of.items()]
    options = command(data, f"--steps={steps}", "--accumulate=2", "--sample-every=0", *further)
    torchrun = ["torch.distributed.run", "--nproc-per-node=2", "--standalone", "-m", "tests.training.steps.in_float64"]
    with running([*torchrun, *options], tmp_path) as process:
        output = process.communicate(timeout=180)[0]
        assert process.returncode == 0, output
    assert "2 processes" in output
    assert output.count("trained 4 steps") == 1  # only the main process speaks

    alone = in_this_process(tmp_path / "alone", data, steps=steps, accumulate=2, batch=2, **losses_of)
    for one, other in zip(losses(tmp_path), losses(tmp_path / "alone"), strict=True):
        assert one == pytest.approx(other, rel=1e-7)
    two, single = (
        Checkpoints(runs / "toy" / "checkpoints", 1).load_last()[0] for runs in (tmp_path / "runs", alone.runs_dir)
    )
    assert two is not None
    assert single is not None
    assert (two["images"], two["processes"]) == (single["images"], 2)
    for mine, its in zip(two["pools"], single["pools"], strict=True):
        torch.testing.assert_close(mine["images"], its["images"], rtol=0, atol=1e-7)
    for name, state in single["networks"].items():
        torch.testing.assert_close(two["networks"][name], state, rtol=0, atol=1e-4 * TrainConfig.lr)


@pytest.mark.slow
def test_torchrun_restarts_a_training_whose_process_died(tmp_path: Path, data: Path) -> None:
    options = command(data, "--steps=200", "--checkpoint-every=5", "--sample-every=0")
    torchrun = ["torch.distributed.run", "--nproc-per-node=2", "--standalone", "--max-restarts=1", "-m", "cgtool"]
    with running([*torchrun, *options], tmp_path) as process:
        wait_for_steps(tmp_path, 20, process)
        listing = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True, check=True
        )
        os.kill(int(listing.stdout.split()[-1]), signal.SIGKILL)
        output = process.communicate(timeout=300)[0]
        assert process.returncode == 0, output
    assert re.search(r"going on after step \d+, to step 200", output)
    assert [line["step"] for line in losses(tmp_path)] == list(range(1, 201))


def invoke(*arguments: str) -> str:
    result = CliRunner().invoke(train, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def recipes() -> list[str]:
    lines = (ROOT / "README.md").read_text().replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith("cgtool train ") and "datasets/" in line]


@pytest.mark.parametrize(
    "names",
    [
        [
            "seasons", "season", "small_season", "winters", "snow", "summer2winter", "summers", "sunsets", "evenings",
            "warm_evenings", "day2sunset",
        ],
        ["nights", "small_night", "small_nights", "nights_alone", "day2night"],
        ["strokes", "palette", "painter", "photos", "colours", "strokes_too", "small_painter", "photo2monet"],
        ["where", "coats", "stripes", "bold_stripes", "horse2zebra"],
    ],
)  # fmt: skip
def test_the_readmes_recipes_run(tmp_path: Path, names: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in names:
        (line,) = (recipe for recipe in recipes() if f"--name {name} " in recipe)
        write_recipe_data(line)
        small = [*SMALL, "--load-size=60"] if names[0] == "strokes" else SMALL_MAPS
        output = invoke(*shlex.split(line)[2:], *small, "--steps=2", "--workers=1")
        assert f"trained 2 steps: engines/{name}" in output
        assert read_model_folder(tmp_path / "engines" / name).name == name


def write_recipe_data(recipe: str) -> None:
    """Make the folders that a recipe names, below the working directory."""
    folders = [Path(word) for word in shlex.split(recipe) if word.startswith("datasets/")]
    if len(folders) == 1:
        write_domains(folders[0])
    for folder, letter in zip(folders, "AB", strict=True) if len(folders) == 2 else ():
        folder.parent.mkdir(exist_ok=True)
        (write_domains(Path(letter)) / f"train{letter}").rename(folder)


def test_lines_elsewhere_than_on_a_terminal(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = invoke(*command(data, "--steps=2")[1:]).splitlines()
    assert lines[0] == "12 images of red, 12 of blue; cpu, fp32"
    assert re.fullmatch(
        r"step 2/2, epoch 1/1, \d+\.\d images/s, waiting for images \d+%; "
        r"G \d\.\d{3} D \d\.\d{3} cycle \d+\.\d{3}, 0 min 00 s left",
        lines[-3],
    )
    assert lines[-1] == "report: runs/toy/report.html"
    assert invoke(*command(data, "--steps=2", "--quiet")[1:]) == ""


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    names = ("G_A_to_B", "G_B_to_A", "D_A", "D_B", "cycle_A", "cycle_B")
    metrics = StepMetrics(30, 2, 2e-4, 0.1, 0.01, dict.fromkeys(names, 0.25))
    domains = (Domain("red", Path("a"), (Path("a/1"),)), Domain("blue", Path("b"), (Path("b/1"),)))
    with TrainScreen(quiet=False) as screen:
        screen.show(Looking((Path("x/trainA"), Path("x/trainB"))))
        assert screen._bar is not None
        screen._bar.refresh()
        screen.show(Prepared(Path("runs/x"), DataCheck(domains, domains), "cpu", "fp32", 1, 0, 60, ()))
        screen.show(judgement(30, probe=0.75))
        screen.show(Progress(metrics, 60, 5, 12.5, 0.1, 90.0))
        assert screen._bar is not None
        screen._bar.refresh()
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().err)
    assert "looking at the images in trainA, trainB" in shown
    assert "30/60" in shown
    assert "judged step 30 in 1 s: score 0.583; to blue probe 0.75, KID x1e3 40.0, structure 1.00" in shown
    assert "epoch 3/5, 12.5 images/s, waiting for images 10%; G 0.250 D 0.250 cycle 0.250" in shown


def test_a_dry_run_prints_the_resolved_configuration(tmp_path: Path, data: Path) -> None:
    described = json.loads(
        invoke(str(data), "--domains=red,blue", "--name=x", "--preset=fast", "--lr=0.001", "--dry-run")
    )
    assert (described["generator"], described["precision"], described["lr"]) == ("resnet6", "bf16", 0.001)
    assert described["a"] == str(data / "trainA")
    assert not Path("runs/x").exists()


@pytest.mark.parametrize("domains", ["red", "red,", "red,green,blue", ""])
def test_domains_that_are_not_two_are_refused(data: Path, domains: str) -> None:
    result = CliRunner().invoke(train, [str(data), "--domains", domains, "--name", "x"])
    assert result.exit_code == 2
    assert "is not two domains; write them as in summer,winter" in result.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "either DATA"),
        (["DATA", "--a", "x", "--b", "y"], "either DATA"),
        (["--a", "x"], "belong together"),
        (["nowhere"], "nowhere: no such folder"),
        (["DATA", "--crop-size", "30"], "--crop-size is 30"),
    ],
)
def test_clashing_arguments_are_refused(data: Path, arguments: list[str], words: str) -> None:
    arguments = [str(data) if argument == "DATA" else argument for argument in arguments]
    with pytest.raises(UsageError, match=words):
        invoke(*arguments, "--domains=red,blue", "--name=x")


def test_errors_are_one_line_on_the_screen(tmp_path: Path) -> None:
    (tmp_path / "trainA").mkdir()
    with running(["cgtool", *command(tmp_path)], tmp_path) as process:
        output = process.communicate(timeout=60)[0]
    assert process.returncode == 2
    assert re.fullmatch(
        r"error: .*/trainA: the domain red is empty: it holds no images\. Put images there .*\n", output
    )
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("module", "options", "line"),
    [
        ("torch", [], r"pip install 'cgtool\[train\]'"),
        ("efficientnet_lite_pytorch", ["--preset=season"], r"pip install 'cgtool\[projected\]'"),
        ("wandb", ["--logger=wandb"], r"pip install 'cgtool\[wandb\]'"),
        ("mlflow", ["--logger=tensorboard", "--logger=mlflow"], r"pip install 'cgtool\[mlflow\]'"),
    ],
)
def test_what_is_not_installed_is_named_with_the_line_to_run(
    data: Path, module: str, options: list[str], line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UsageError, match=f"this needs {module}.*{line}") as caught:
        invoke(str(data), "--domains=red,blue", "--name=x", *options)
    assert caught.value.exit_code == 2


def test_every_option_of_the_configuration_is_on_the_command_line() -> None:
    options = {parameter.name for parameter in train.params}
    assert set(tiny_config().to_json()) <= options
    assert [p.name for p in train.params if isinstance(p, click.Option) and not p.help] == []


def test_synonyms_are_the_models(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    invoke(*command(data, "--steps=1", "--synonyms=blue=azure, navy", "--synonyms", "red=ruby")[1:])
    assert read_model_folder(tmp_path / "engines" / "toy").synonyms == {"blue": ("azure", "navy"), "red": ("ruby",)}
    for bad, words in (("blue", "is no list of synonyms"), ("blue=a,,b", "is no list"), ("pink=x", "synonyms are of")):
        result = CliRunner().invoke(train, command(data, f"--synonyms={bad}")[1:])
        assert words in f"{result.output}{result.exception}"


def test_data_are_looked_at_without_a_training(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    output = invoke("--check-data", str(data))
    assert f"{data / 'trainA'}: 12 images of A, all 40x40, RGB" in output
    assert [path.name for path in tmp_path.iterdir()] == [f"{data.name}.data.jpg"]
