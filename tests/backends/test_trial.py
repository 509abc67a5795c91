"""The proof on first use: engines that do not do as they should are refused, and the next takes over."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from cgtool.backends import machine, trial
from cgtool.backends.manifest import EngineFile, read_manifest
from cgtool.backends.onnx.export import to_onnx
from cgtool.backends.opening import Opened
from cgtool.backends.selection import EngineRequest, open_backend
from cgtool.backends.spec import EngineSpec
from cgtool.backends.torch.graph import frame_graph
from cgtool.conversion.model import source_of
from cgtool.errors import EngineError
from cgtool.models.folder import read_model_folder
from tests.compiled import forge, manifest_of, quick_exports, replace_file

NAME = "onnx-fp32"
REQUEST = EngineRequest("onnx", "cpu", "fp32")


def opened(folder: Path, request: EngineRequest = REQUEST) -> Opened:
    found = open_backend(source_of(read_model_folder(folder), "A_to_B"), request)
    found.backend.close()
    return found


def proofs(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache" / "proofs").glob("*.json"))


def lie(folder: Path, change: Callable[[nn.Module], None]) -> None:
    """Put another network's graph in the place of an engine's, and a manifest that vouches for it."""
    model = read_model_folder(folder)
    source = source_of(model, "A_to_B")
    net = copy.deepcopy(source.load())
    with torch.no_grad():
        change(net)
    with quick_exports():
        replace_file(folder, NAME, ".onnx", to_onnx(frame_graph(net, source.stride, "fp32", source.cell)))


def last(net: nn.Module) -> nn.Conv2d:
    return [module for module in net.modules() if isinstance(module, nn.Conv2d)][-1]


def invert(net: nn.Module) -> None:
    last(net).weight.neg_()
    bias = last(net).bias
    assert bias is not None
    bias.neg_()


def break_down(net: nn.Module) -> None:
    last(net).weight.fill_(float("nan"))


def strangers(net: nn.Module) -> None:
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight)


def test_an_engine_is_proven_once(compiled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert any("proven here on a small frame" in reason for reason in opened(compiled).reasons)
    [kept] = proofs(tmp_path)
    record = json.loads(kept.read_text())
    assert record["psnr_db"] > 60
    assert record["device"] == machine.device_name("cpu")
    monkeypatch.setattr(trial, "agreement", lambda *_: pytest.fail("it was proven before"))
    assert any("proven here on a small frame" in reason for reason in opened(compiled).reasons)


def test_a_damaged_proof_and_another_driver_prove_anew(
    compiled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(compiled)
    [kept] = proofs(tmp_path)
    kept.write_text("rubbish")
    opened(compiled)
    assert json.loads(kept.read_text())["psnr_db"] > 60
    monkeypatch.setattr(machine, "driver", lambda device: "another")
    opened(compiled)
    assert len(proofs(tmp_path)) == 2


def test_a_cache_that_can_not_be_written_is_no_failure(compiled: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir(exist_ok=True)
    (tmp_path / "cache" / "proofs").write_text("a file in its place")
    for _ in range(2):
        assert any("proven here" in reason for reason in opened(compiled).reasons)


@pytest.mark.parametrize(("change", "words"), [(invert, "another picture than PyTorch"), (break_down, "gives")])
def test_a_lying_engine_is_refused(compiled: Path, change: Callable[[nn.Module], None], words: str) -> None:
    lie(compiled, change)
    with pytest.raises(EngineError, match=f"refused on its first use here.*{words}"):
        opened(compiled)


def test_the_next_engine_takes_over_and_the_user_is_warned(compiled: Path) -> None:
    lie(compiled, invert)
    found = opened(compiled, EngineRequest("auto", "cpu", "fp32"))
    assert any("refused on its first use here" in warning for warning in found.warnings)
    assert "ONNX" not in found.backend.info.engine or "fp16" in str(found.backend.info)


def test_another_engines_bytes_are_refused(compiled: Path) -> None:
    """The same manifest, a whole graph of another network."""
    lie(compiled, strangers)
    with pytest.raises(EngineError, match="refused on its first use here"):
        opened(compiled)


def test_an_engine_of_before_is_unproven_and_opens(compiled: Path, tmp_path: Path) -> None:
    content = json.loads(manifest_of(compiled, NAME).read_text())
    del content["sample"]
    manifest_of(compiled, NAME).write_text(json.dumps(content))
    assert any(trial.NO_SAMPLE in reason for reason in opened(compiled).reasons)
    assert not proofs(tmp_path)


def test_a_damaged_sample_is_told(compiled: Path) -> None:
    forge(compiled, NAME, sample={"width": 32, "height": 32, "frame": "AAAA", "picture": "AAAA"})
    with pytest.raises(EngineError, match="the small frame in its manifest is damaged"):
        opened(compiled)


def engine(folder: Path) -> tuple[EngineFile, EngineSpec]:
    file = EngineFile(manifest_of(folder, NAME), read_manifest(manifest_of(folder, NAME)))
    spec = EngineSpec(source_of(read_model_folder(folder), "A_to_B"), "onnx", "fp32", shapes=file.manifest.shapes)
    return file, spec


def test_a_child_process_measures_the_same(compiled: Path) -> None:
    file, spec = engine(compiled)
    sample = file.manifest.sample
    assert sample is not None
    agreed = trial.in_child(sample, spec, "cpu", file.read())
    assert agreed is not None
    assert agreed > 60
    with pytest.raises(EngineError):
        trial.in_child(sample, spec, "cpu", [b"no graph at all"])


def test_a_child_that_crashes_or_hangs_refuses_the_engine(
    compiled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a driver may do on hardware that nobody could test."""
    file, spec = engine(compiled)
    promise = file.promise
    for code, words in (
        ("import os; os.kill(os.getpid(), 11)", "a trial of it crashed .SIGSEGV"),
        ("import time; time.sleep(60)", "did not end within"),
        ("print('no answer')", "gave no answer"),
    ):
        program = tmp_path / "python"
        program.write_text(f"#!{sys.executable}\n{code}\n")
        program.chmod(0o755)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "executable", str(program))
            patch.setattr(trial, "SECONDS", 5.0)
            with pytest.raises(trial.DisprovenError, match=words):
                trial.before_opening(promise, spec, "cuda:0", file.read())
    assert not proofs(tmp_path)


def test_on_a_cpu_no_child_is_asked(compiled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, spec = engine(compiled)
    monkeypatch.setattr(trial, "in_child", lambda *_: pytest.fail("a child"))
    trial.before_opening(file.promise, spec, "cpu", file.read())
    trial.before_opening(replace(file.promise, sample=None), spec, "cuda:0", file.read())
