"""`cgtool export` as scripts see it: what is printed, exit codes, and what `cgtool convert` makes of the engines."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from cgtool.backends import machine, timings
from cgtool.backends.spec import AMPERE_AND_NEWER, RTX_GPUS
from cgtool.cli.convert import convert
from cgtool.cli.export import _gpus, export
from cgtool.errors import UsageError
from tests.helpers.compiled import forge, manifest_of, quick_exports, tiny_model


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(machine, "cuda_devices", lambda: ())
    with quick_exports():
        yield


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(export, [str(argument) for argument in arguments])


def test_a_table_at_the_end(compiled: Path) -> None:
    done = run(compiled, "--format", "onnx", "--fp16", "--force")
    assert done.exit_code == 0, done.output
    heading, row, summary = done.stdout.splitlines()
    assert " ".join(heading.split()) == "engine format precision shapes on disk parity ms per frame against PyTorch"
    for words in (
        str(compiled / "A_to_B-onnx-fp16.onnx"),
        " onnx ",
        " fp16 ",
        " any ",
        " MB ",
        " dB, max ",
        "compiled",
    ):
        assert words in row
    assert " x torch fp32" in row
    assert summary == "1 engines, 0 failed"
    again = run(compiled, "--format", "onnx", "--fp16")
    assert again.exit_code == 0
    assert "up to date" in again.stdout


def test_json_is_one_object_per_engine(compiled: Path) -> None:
    done = run(compiled, "--format", "onnx", "--fp16", "--force", "--json")
    (outcome,) = map(json.loads, done.stdout.splitlines())
    assert outcome["model"] == "dusk"
    assert (outcome["direction"], outcome["format"], outcome["precision"]) == ("A_to_B", "onnx", "fp16")
    assert (outcome["status"], outcome["error"]) == ("compiled", None)
    assert outcome["engine"] == str(compiled / "A_to_B-onnx-fp16.onnx")
    assert outcome["bytes"] == (compiled / "A_to_B-onnx-fp16.onnx").stat().st_size
    assert outcome["parity"]["psnr_db"] >= 40
    assert outcome["milliseconds"]["engine"] > 0


def test_dry_run_makes_nothing(compiled: Path, tmp_path: Path) -> None:
    arguments = (compiled, "--format", "onnx", "--fp32", "--output", tmp_path / "out", "--dry-run")
    done = run(*arguments)
    assert (done.exit_code, done.stdout) == (0, f"dusk day to night: onnx fp32 -> {tmp_path / 'out' / 'dusk'}\n")
    assert json.loads(run(*arguments, "--json").stdout) == {
        "model": "dusk",
        "direction": "A_to_B",
        "format": "onnx",
        "precision": "fp32",
        "folder": str(tmp_path / "out" / "dusk"),
    }
    assert not (tmp_path / "out").exists()


def test_with_no_model_all_are_exported(compiled: Path) -> None:
    done = run("--engines-dir", compiled.parent, "--format", "onnx", "--dry-run")
    assert done.exit_code == 0
    assert f"dusk day to night: onnx fp16 -> {compiled}" in done.stdout
    assert "summer2winter summer to winter" in done.stdout
    assert "summer2winter winter to summer" in done.stdout


def test_a_failure_is_told_the_others_are_made_and_the_exit_code_is_1(compiled: Path) -> None:
    broken = tiny_model(compiled.parent / "broken", seed=2).path
    (broken / "A_to_B.safetensors").write_bytes(b"not tensors")
    done = run(broken, compiled, "--format", "onnx", "--fp16")
    assert done.exit_code == 1
    assert done.stderr.startswith(f"error: {broken / 'A_to_B.safetensors'}: changed or damaged")
    assert done.stdout.splitlines()[-1] == "1 engines, 1 failed"
    assert "up to date" in done.stdout
    outcomes = [json.loads(line) for line in run(broken, compiled, "--format", "onnx", "--json").stdout.splitlines()]
    assert [outcome["status"] for outcome in outcomes] == ["failed", "up to date"]
    assert "changed or damaged" in outcomes[0]["error"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--int8"], "--int8 needs photographs"),
        (["--int8", "--calibration", "nowhere"], "nowhere: no such folder"),
        (["--format", "onnx", "--bf16"], "can't do --bf16"),
        (["--to", "mars"], "no model leads to 'mars'"),
        (["--size", "64x64", "--min", "8x8"], "--size is --min, --opt and --max in one"),
        (["nobody"], "no model or model folder is called 'nobody'"),
    ],
)
def test_wrong_usage(arguments: list[str], words: str) -> None:
    error = run(*arguments).exception
    assert isinstance(error, UsageError)
    assert words in str(error)


@pytest.mark.parametrize("size", ["64", "64x", "7x64", "64x99999", "64x64x3"])
def test_sizes_are_checked(size: str) -> None:
    done = run("--size", size, "--dry-run")
    assert done.exit_code == 2
    assert "no size" in done.stderr


def test_int8_without_photographs_exits_with_2() -> None:
    command = [sys.executable, "-m", "cgtool", "export", "--int8"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith("error: --int8 needs photographs")
    assert len(done.stderr.splitlines()) == 1


def converted(photo: Path, model: Path, *arguments: str) -> dict[str, object]:
    done = CliRunner().invoke(
        convert, [str(photo), "--model", str(model), "--to", "night", "--overwrite", "--json", *arguments]
    )
    assert done.exit_code == 0, done.output
    result: dict[str, object] = json.loads(done.stdout)
    return result


def test_convert_takes_the_fastest_engine_measured_here(compiled: Path, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)).save(photo)
    here = timings.hardware("cpu")
    for fastest, engine, precision in (("onnx-fp16", "onnx", "fp16"), ("openvino-fp32", "openvino", "fp32")):
        for name in ("onnx-fp16", "onnx-fp32", "openvino-fp32"):
            forge(compiled, name, measured={here: 1.0 if name == fastest else 50.0})
        result = converted(photo, compiled)
        assert (result["engine"], result["precision"]) == (engine, precision)
        assert (tmp_path / "photo.night.png").is_file()
    assert converted(photo, compiled, "--engine", "onnx")["engine"] == "onnx"
    for name in ("onnx-fp16", "onnx-fp32", "openvino-fp32"):
        manifest_of(compiled, name).unlink()
    assert converted(photo, compiled, "--engine", "onnx")["precision"] == "fp32", "exported for the purpose"


def test_a_damaged_model_does_not_stop_the_others(compiled: Path) -> None:
    (compiled.parent / "broken").mkdir()
    (compiled.parent / "broken" / "model.json").write_text("{")
    done = run("--engines-dir", compiled.parent, "--to", "night", "--format", "onnx", "--fp16")
    assert done.exit_code == 1
    assert "up to date" in done.stdout
    assert "broken/model.json: not valid JSON" in done.stderr


def test_two_precisions_exclude_each_other() -> None:
    error = run("--fp16", "--fp32").exception
    assert isinstance(error, UsageError)
    assert "--fp16 and --fp32 exclude each other" in str(error)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("all", AMPERE_AND_NEWER),
        ("all,sm75", RTX_GPUS),
        ("sm89, sm80,sm89", ("sm80", "sm89")),
        ("", ()),
        ("sm90,sm80", ("sm80", "sm90")),
    ],
)
def test_gpus_are_listed_in_one_order(text: str, named: tuple[str, ...]) -> None:
    assert _gpus(text) == named


@pytest.mark.parametrize(
    ("text", "words"), [(",", "--gpus names no GPU"), ("sm80,sm90", "TensorRT for RTX does not compile for sm90")]
)
def test_gpus_that_there_are_not_are_refused(text: str, words: str) -> None:
    done = run("--format", "tensorrt-rtx", "--gpus", text)
    assert words in str(done.exception)
    assert isinstance(done.exception, UsageError)
