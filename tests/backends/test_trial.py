"""The proof on first use: engines that do not do as they should are refused, and the next takes over."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import nn

from cgtool.backends import machine, timings, trial
from cgtool.backends.base import GeneratorSource
from cgtool.backends.manifest import EngineFile, read_manifest
from cgtool.backends.openvino.ir import to_ir
from cgtool.backends.proof import agreement, sample_of
from cgtool.backends.sample import Promise
from cgtool.backends.selection import EngineRequest, open_backend
from cgtool.backends.spec import EngineSpec
from cgtool.backends.table import KINDS
from cgtool.backends.torch.backend import TorchBackend
from cgtool.cli.app import cli
from cgtool.conversion.model import source_of
from cgtool.errors import EngineError
from cgtool.models.folder import read_model_folder
from tests.backends.support import Sources, psnr
from tests.helpers.compiled import forge, manifest_of, replace_file

FRAMES = np.random.default_rng(0).integers(0, 256, (1, 64, 48, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cuda_devices", lambda: ())


@pytest.fixture
def source(compiled: Path) -> GeneratorSource:
    return source_of(read_model_folder(compiled), "A_to_B")


def file_of(folder: Path, name: str) -> EngineFile:
    path = manifest_of(folder, name)
    return EngineFile(path, read_manifest(path))


def changed(path: Path, change: Callable[[NDArray[np.float32]], NDArray[np.float32]], *, everywhere: bool) -> bytes:
    """A graph with other numbers in its last convolution, or in all."""
    model = onnx.load(path)
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    names = {name for node in (convolutions if everywhere else convolutions[-1:]) for name in node.input[1:]}
    for tensor in model.graph.initializer:
        if tensor.name in names:
            tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor)), tensor.name))
    return bytes(model.SerializeToString())


@pytest.fixture(scope="session")
def graphs(compiled_once: Path) -> dict[str, bytes]:
    """Graphs that lie: dark for light, no numbers, and another network."""
    path = compiled_once / "A_to_B-onnx-fp32.onnx"
    dice = np.random.default_rng(1)
    return {
        "inverted": changed(path, np.negative, everywhere=False),
        "NaN": changed(path, lambda values: values * np.float32("nan"), everywhere=False),
        "foreign": changed(path, lambda values: dice.permuted(values.ravel()).reshape(values.shape), everywhere=True),
    }


def lie(folder: Path, name: str, graph: bytes) -> None:
    """Put a lying graph in an engine's files, with a manifest that confirms them, and let it be tried first."""
    if "openvino" in name:
        for suffix, data in zip((".xml", ".bin"), to_ir(graph, half=False), strict=True):
            replace_file(folder, name, suffix, data)
    else:
        replace_file(folder, name, ".onnx", graph)
    forge(folder, name, measured={timings.hardware("cpu"): 0.001})


def translated(source: GeneratorSource) -> NDArray[np.uint8]:
    with TorchBackend(source) as backend:
        return backend.infer(FRAMES)


@pytest.mark.parametrize("name", ["openvino-fp32", "onnx-fp32"])
@pytest.mark.parametrize("what", ["inverted", "NaN", "foreign"])
def test_a_lying_engine_is_refused_and_the_next_takes_over(
    source: GeneratorSource, compiled: Path, graphs: dict[str, bytes], name: str, what: str
) -> None:
    lie(compiled, name, graphs[what])
    opened = open_backend(source, EngineRequest(precision="fp32"))
    with opened.backend as backend:
        result = backend.infer(FRAMES)
    assert psnr(result, translated(source)) >= 60
    (warning,) = opened.warnings
    assert warning.startswith(f"passed over {name.split('-')[0]} cpu fp32 (A_to_B-{name}): refused on its first use")
    assert "dB where 60 is asked for" in warning
    assert any(f"A_to_B-{name}" not in reason and "proven here on a small frame" in reason for reason in opened.reasons)


@pytest.mark.parametrize("engine", ["openvino", "onnx"])
def test_a_lying_graph_is_refused_where_it_is_compiled_on_the_fly(
    source: GeneratorSource, compiled: Path, graphs: dict[str, bytes], engine: str
) -> None:
    for name in ("openvino-fp32", "onnx-fp16"):
        manifest_of(compiled, name).unlink()
    lie(compiled, "onnx-fp32", graphs["inverted"])
    words = rf"dusk A_to_B.* {engine} cpu fp32.*: refused on its first use here: it gives another"
    with pytest.raises(EngineError, match=words):
        open_backend(source, EngineRequest(engine, precision="fp32"))
    with open_backend(source, EngineRequest(precision="fp32")).backend as backend:
        assert backend.info.engine == "torch"


def test_maps_that_are_no_numbers_are_refused(sources: Sources, own_cache: Path) -> None:
    source = sources["maps"]
    promise = Promise(sample_of(source), ("ab" * 32,))
    spec = EngineSpec(source, "torch", "fp32")
    with TorchBackend(source) as backend:
        assert trial.once_open(backend, promise, spec, "cpu") == "proven here on a small frame, 99.0 dB"
    wrong = replace(promise, digests=("cd" * 32,))
    net = copy.deepcopy(source.load())
    nn.init.constant_(next(net.head.parameters()), float("nan"))  # type: ignore[union-attr]
    with (
        TorchBackend(replace(source, load=lambda: net)) as backend,
        pytest.raises(trial.DisprovenError, match="it gives NaN"),
    ):
        trial.once_open(backend, wrong, spec, "cpu")


def test_an_engine_of_another_shape_is_refused(sources: Sources) -> None:
    sample = sample_of(sources["maps"])
    with TorchBackend(sources["resnet"]) as backend, pytest.raises(EngineError, match="arrays of shape"):
        agreement(backend, sample, sources["maps"].maps)


def test_a_proof_is_kept_for_engine_device_and_driver(
    source: GeneratorSource, compiled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request, asked = EngineRequest("openvino", precision="fp32"), []

    def counted(*arguments: object) -> float | None:
        asked.append(arguments)
        return agreement(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(trial, "agreement", counted)
    for _ in range(2):
        open_backend(source, request).backend.close()
    assert len(asked) == 1
    (proof,) = (compiled.parents[1] / "cache" / "proofs").glob("*.json")
    assert json.loads(proof.read_text())["psnr_db"] >= 60
    proof.write_text('{"psnr_db": 12.0}')  # which is none
    open_backend(source, request).backend.close()
    assert len(asked) == 2
    monkeypatch.setattr(machine, "driver", lambda device: "a newer driver")
    open_backend(source, request).backend.close()
    assert len(asked) == 3
    forge(compiled, "openvino-fp32", sample=None)
    opened = open_backend(source, request)
    opened.backend.close()
    assert len(asked) == 3, "a manifest of an older cgtool: it opens, unproven"
    assert any(reason.endswith(trial.NO_SAMPLE) for reason in opened.reasons)
    assert list(opened.warnings) == []


def test_a_cache_that_cannot_be_written_costs_only_time(
    source: GeneratorSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CGTOOL_CACHE", str(tmp_path / "file"))
    for _ in range(2):
        opened = open_backend(source, EngineRequest("onnx", precision="fp32"))
        opened.backend.close()
        assert any("proven here" in reason for reason in opened.reasons)


def test_a_damaged_sample_refuses_its_engine(source: GeneratorSource, compiled: Path) -> None:
    sample = file_of(compiled, "openvino-fp32").manifest.sample
    assert sample is not None
    forge(compiled, "openvino-fp32", sample=vars(sample) | {"picture": "rubbish"})
    opened = open_backend(source, EngineRequest("openvino", precision="fp32"))
    opened.backend.close()
    assert any("the small frame in its manifest is damaged" in reason for reason in opened.reasons)


def test_the_list_of_models_tells(source: GeneratorSource, compiled: Path) -> None:
    def proofs() -> dict[str, str]:
        done = CliRunner().invoke(cli, ["models", "list", "-v", "--json", "--engines-dir", str(compiled.parent)])
        (row,) = (row for row in map(json.loads, done.stdout.splitlines()) if row["name"] == "dusk")
        return {engine["name"]: engine["proof"] for engine in row["engines"]}

    forge(compiled, "onnx-fp16", sample=None)
    assert set(proofs().values()) == {"to be proven on first use", trial.NO_SAMPLE}
    open_backend(source, EngineRequest("openvino", precision="fp32")).backend.close()
    after = proofs()
    assert after["A_to_B-openvino-fp32"].startswith("proven here on a small frame, ")
    assert after["A_to_B-onnx-fp32"] == "to be proven on first use"


# In a child process, as everything is tried that is not on a CPU


def in_child(source: GeneratorSource, folder: Path, name: str) -> float | None:
    engine = file_of(folder, name)
    assert engine.manifest.sample is not None
    return trial.in_child(engine.manifest.sample, engine.spec(source), "cpu", engine.read())


@pytest.mark.parametrize("name", ["openvino-fp32", "onnx-fp16"])
def test_a_child_measures_what_this_process_would(source: GeneratorSource, compiled: Path, name: str) -> None:
    engine = file_of(compiled, name)
    assert engine.manifest.sample is not None
    opened = KINDS[engine.manifest.format].kind().open(engine.spec(source), engine.read(), "cpu", latency=True)
    with opened as backend:
        here = agreement(backend, engine.manifest.sample, None)
    assert here == pytest.approx(in_child(source, compiled, name), abs=0.5)


def test_a_child_sees_a_lie(source: GeneratorSource, compiled: Path, graphs: dict[str, bytes]) -> None:
    lie(compiled, "onnx-fp32", graphs["inverted"])
    found = in_child(source, compiled, "onnx-fp32")
    assert found is not None
    assert found < 30
    engine = file_of(compiled, "onnx-fp32")
    assert engine.manifest.sample is not None
    with pytest.raises(EngineError, match="is refused"):
        trial.in_child(engine.manifest.sample, engine.spec(source), "cpu", [b"no graph at all"])


CRASHES = {
    "a crash": ("import os; os.abort()", "crashed .SIGABRT"),
    "an end": ("import os; os._exit(3)", r"crashed \(exit code 3"),
    "no answer": ("import os; os._exit(0)", "gave no answer"),
    "an error of Python": (
        "raise RuntimeError('no such device')",
        "crashed .*: RuntimeError: no such device",
    ),
    "no end": ("import time; time.sleep(600)", "did not end within 3 seconds"),
}


@pytest.mark.parametrize("what", CRASHES)
def test_a_library_that_takes_its_process_down_is_refused(
    source: GeneratorSource, compiled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    code, words = CRASHES[what]
    library = tmp_path / "libraries"
    library.mkdir()
    (library / "onnxruntime.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(library))
    monkeypatch.setattr(trial, "SECONDS", 3.0 if what == "no end" else 60.0)
    engine = file_of(compiled, "onnx-fp32")
    begin = time.monotonic()
    with pytest.raises(trial.DisprovenError, match=f"refused on its first use here: a trial of it {words}"):
        trial.before_opening(engine.promise, engine.spec(source), "cuda:0", engine.read())
    assert time.monotonic() - begin < 60
    assert trial.kept(engine.promise, engine.spec(source), "cuda:0") is None


def test_what_cannot_be_opened_there_is_told_by_the_child(source: GeneratorSource, compiled: Path) -> None:
    engine = file_of(compiled, "onnx-fp32")
    with pytest.raises(EngineError, match="this onnxruntime has no cuda:0"):
        trial.before_opening(engine.promise, engine.spec(source), "cuda:0", engine.read())


def test_nothing_is_tried_twice_in_a_child(
    source: GeneratorSource, compiled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, tried = file_of(compiled, "onnx-fp32"), []

    def measured(*arguments: object) -> float:
        tried.append(arguments)
        return 77.0

    monkeypatch.setattr(trial, "in_child", measured)
    for _ in range(2):
        trial.before_opening(engine.promise, engine.spec(source), "cuda:0", engine.read())
    assert len(tried) == 1
    trial.before_opening(engine.promise, engine.spec(source), "cpu", engine.read())
    assert len(tried) == 1, "a CPU needs no child"
