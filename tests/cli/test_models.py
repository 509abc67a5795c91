"""`cgtool models`: what is listed, and checkpoints imported from the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from cgtool.backends import timings
from cgtool.cli.models import models
from cgtool.errors import ModelError, UsageError
from tests.helpers.compiled import forge, manifest_of
from tests.models.checkpoints.published import instance, published_resnet


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(models, [str(argument) for argument in arguments])


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "latest_net_G_A.pth"
    torch.save(published_resnet(1, 4, instance).state_dict(), path)
    return path


@pytest.fixture
def engines(checkpoint: Path) -> Path:
    """A folder with one model, made by the command itself."""
    folder = checkpoint.parent / "engines"
    done = run("import", checkpoint, checkpoint, "--domains", "day, night", "--name", "dusk", "--engines-dir", folder)
    assert done.exit_code == 0, done.output
    return folder


def test_import_makes_a_model_that_is_listed(engines: Path) -> None:
    done = run("list", "--engines-dir", engines)
    assert done.exit_code == 0
    heading, *rows = done.stdout.splitlines()
    assert heading.split() == ["name", "--to", "size", "parameters", "on", "disk", "engines", "where"]
    [row] = [row for row in rows if row.split()[0] == "dusk"]
    assert row.split()[1:4] == ["night", "day", "286"]
    assert str(engines / "dusk") in row
    assert any("summer2winter" in row for row in rows), "the shipped model is there too"


def test_list_as_json(engines: Path) -> None:
    done = run("list", "--engines-dir", engines, "--json")
    rows = {row["name"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert rows["dusk"]["domains"] == ["day", "night"]
    assert sorted(rows["dusk"]["targets"]) == ["day", "night"]
    assert rows["dusk"]["training_scale"] == 286
    assert rows["dusk"]["sizes"] == {"night": 286, "day": 286}
    assert rows["dusk"]["path"] == str(engines / "dusk")
    assert rows["dusk"]["parameters"] > 1000
    assert rows["dusk"]["bytes"] > 2000


def test_import_tells_where_the_scale_comes_from(checkpoint: Path) -> None:
    folder = checkpoint.parent / "engines"
    arguments = ("import", checkpoint, "--domains", "day,night", "--engines-dir", folder)
    done = run(*arguments, "--name", "one")
    assert done.stdout.startswith(f"{folder / 'one'}: day and night, training scale 286 px (assumed")
    assert "training scale 512 px (given" in run(*arguments, "--name", "two", "--scale", "512").stdout
    (checkpoint.parent / "train_opt.txt").write_text("load_size: 320\npreprocess: resize_and_crop\n")
    assert "training scale 320 px (train_opt.txt" in run(*arguments, "--name", "three").stdout


def test_full_precision_takes_twice_the_space(checkpoint: Path) -> None:
    folder = checkpoint.parent / "engines"
    arguments = ("import", checkpoint, "--domains", "day,night", "--engines-dir", folder)
    run(*arguments, "--name", "half")
    run(*arguments, "--name", "full", "--fp32")
    half, full = ((folder / name / "A_to_B.safetensors").stat().st_size for name in ("half", "full"))
    assert full > 1.7 * half


def test_what_is_wrong_is_told_and_leaves_nothing(checkpoint: Path, engines: Path) -> None:
    arguments: list[str | Path] = ["import", checkpoint, "--engines-dir", engines, "--name"]
    for wrong, words in (
        ([*arguments, "x", "--domains", "day"], "must name two domains"),
        ([*arguments, "x", "--domains", "day,night,noon"], "must name two domains"),
        ([*arguments, "dusk", "--domains", "day,night"], "exists already"),
    ):
        error = run(*wrong).exception
        assert isinstance(error, UsageError)
        assert words in str(error)
    assert run(*arguments, "dusk", "--domains", "day,night", "--overwrite").exit_code == 0
    for missing in ("--domains", "--name"):
        kept = [a for a in (*arguments, "x", "--domains", "day,night") if a != missing]
        assert run(*kept).exit_code == 2
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    assert isinstance(run(*arguments, "x", "--domains", "day,night").exception, ModelError)
    assert [path.name for path in engines.iterdir()] == ["dusk"]


def test_a_damaged_model_is_told_and_the_others_are_listed(engines: Path) -> None:
    (engines / "broken").mkdir()
    (engines / "broken" / "model.json").write_text("{")
    done = run("list", "--engines-dir", engines)
    assert done.exit_code == 1
    assert "dusk" in done.stdout
    assert f"error: {engines / 'broken' / 'model.json'}" in done.stderr


def test_verbose_tells_of_every_engine(compiled: Path) -> None:
    forge(compiled, "onnx-fp16", measured={timings.hardware("cpu"): 123.4})
    forge(compiled, "onnx-fp32", key="0" * 64)
    (compiled / "A_to_B-openvino-fp32.bin").unlink()
    done = run("list", "--engines-dir", compiled.parent, "-v")
    assert done.exit_code == 0
    rows = [line for line in done.stdout.splitlines() if line.split()[:1] == ["dusk"]]
    lines = {row.split()[1]: row for row in rows[1:]}
    assert set(lines) == {"A_to_B-onnx-fp16", "A_to_B-onnx-fp32", "A_to_B-openvino-fp32"}
    assert lines["A_to_B-onnx-fp16"].split()[2:4] == ["night", "fp16"]
    for words in (" MB", " dB", " 123 ", "usable"):
        assert words in lines["A_to_B-onnx-fp16"]
    assert "made from other weights or by another cgtool" in lines["A_to_B-onnx-fp32"]
    assert "A_to_B-openvino-fp32.bin is missing" in lines["A_to_B-openvino-fp32"]


def test_verbose_json_describes_engines(compiled: Path) -> None:
    manifest_of(compiled, "openvino-fp32").write_text("{")
    forge(compiled, "onnx-fp32", measured={})
    plain, verbose = (
        next(row for row in map(json.loads, run("list", "--engines-dir", compiled.parent, *more).stdout.splitlines())
             if row["name"] == "dusk")
        for more in (["--json"], ["--json", "-v"])
    )  # fmt: skip
    assert plain["engines"] == ["A_to_B-onnx-fp16", "A_to_B-onnx-fp32", "A_to_B-openvino-fp32"]
    half, full, broken = verbose["engines"]
    assert set(half) == {
        "name", "target", "size_bytes", "precision", "psnr_db", "ms_per_megapixel", "problem", "usable", "proof",
    }  # fmt: skip
    assert (half["name"], half["target"], half["precision"], half["usable"], half["problem"]) == (
        "A_to_B-onnx-fp16", "night", "fp16", True, None,
    )  # fmt: skip
    assert half["size_bytes"] == (compiled / "A_to_B-onnx-fp16.onnx").stat().st_size
    assert half["psnr_db"] >= 40
    assert half["ms_per_megapixel"] > 0
    assert full["ms_per_megapixel"] is None
    assert (broken["usable"], broken["precision"]) == (False, None)
    assert "not a manifest that this cgtool reads" in broken["problem"]


def test_verbose_never_imports_torch(compiled: Path) -> None:
    script = f"""
import sys
from cgtool.cli.app import cli
cli.main(["models", "list", "-v", "--engines-dir", {str(compiled.parent)!r}], standalone_mode=False)
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "False", done.stderr
