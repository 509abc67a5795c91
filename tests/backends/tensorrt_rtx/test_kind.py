"""TensorRT for RTX: its real builder, which needs no GPU, on the graphs that ship and on graphs that it must refuse."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper, numpy_helper

from cgtool.backends import machine
from cgtool.backends.manifest import EngineFile, read_manifest
from cgtool.backends.spec import AMPERE_AND_NEWER, BuildOptions, EngineSpec, Progress, Shapes, Target
from cgtool.backends.table import KINDS
from cgtool.backends.tensorrt.bindings import load_tensorrt_rtx, log_of
from cgtool.backends.tensorrt.builder import build_engine
from cgtool.backends.tensorrt.library import TENSORRT_RTX
from cgtool.cli.app import cli
from cgtool.errors import EngineError, UsageError
from cgtool.tasks.export import Exported, ExportRequest, export, plan
from tests.backends.support import ENGINES
from tests.helpers.compiled import quick_exports, tiny_model

pytest.importorskip("tensorrt_rtx", reason="no TensorRT for RTX: pip install 'cgtool[tensorrt-rtx]'")

KIND = KINDS["tensorrt-rtx"].kind()
SMALL = Shapes((1, 8, 8), (1, 16, 16), (1, 32, 32))
SHAPES = Shapes((1, 144, 256), (1, 256, 456), (4, 720, 1280))
SHIPPED = sorted(ENGINES.glob("*/*-onnx-fp16.onnx"))


def build(graph: bytes, shapes: Shapes = SMALL, progress: Progress | None = None) -> bytes:
    return build_engine(TENSORRT_RTX, graph, shapes, BuildOptions(), progress=progress)


def graph(
    nodes: Sequence[onnx.NodeProto], constants: Sequence[np.ndarray[Any, Any]] = (), output: str = "translated"
) -> bytes:
    """A graph of frames; constants are called ``c0``, ``c1`` and so on."""
    shape: list[str | int | None] = ["batch", "height", "width", 3]
    given, made = (helper.make_tensor_value_info(name, TensorProto.UINT8, shape) for name in ("frames", output))
    weights = [numpy_helper.from_array(array, f"c{index}") for index, array in enumerate(constants)]
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("mine", 1)]
    model = helper.make_model(helper.make_graph(nodes, "graph", [given], [made], weights), opset_imports=opsets)
    model.ir_version = 10
    return bytes(model.SerializeToString())


def casts(to: int, *between: onnx.NodeProto, last: str = "x", output: str = "translated") -> list[onnx.NodeProto]:
    """Nodes on ``x``, the frames in another type, and back."""
    return [
        helper.make_node("Cast", ["frames"], ["x"], to=to),
        *between,
        helper.make_node("Cast", [last], [output], to=TensorProto.UINT8),
    ]


def test_two_builds_at_once_give_what_one_gives() -> None:
    plain = graph(casts(TensorProto.FLOAT))
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(build, [plain, plain])
    assert len(one) == len(other) == len(build(plain))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("tensorrt-build")]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}-{path.name[:6]}")
def test_a_shipped_model_is_parsed_as_it_was_written(path: Path) -> None:
    trt = load_tensorrt_rtx()
    builder = trt.Builder(log_of(trt).sink)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, log_of(trt).sink)
    assert parser.parse(path.read_bytes())
    written = onnx.load(path).graph
    types = {TensorProto.UINT8: trt.DataType.UINT8, TensorProto.FLOAT16: trt.DataType.HALF, 1: trt.DataType.FLOAT}
    for tensor, value in ((network.get_input(0), written.input[0]), (network.get_output(0), written.output[0])):
        shape = tuple(one.dim_value or -1 for one in value.type.tensor_type.shape.dim)
        assert (tensor.name, tuple(tensor.shape)) == (value.name, shape)
        assert tensor.dtype == types[value.type.tensor_type.elem_type]
    layers = [network.get_layer(index) for index in range(network.num_layers)]
    convolutions = [layer for layer in layers if layer.type == trt.LayerType.CONVOLUTION]
    norms = [layer for layer in layers if layer.type == trt.LayerType.NORMALIZATION]
    nodes = [node.op_type for node in written.node]
    assert len(convolutions) == nodes.count("Conv") > 0
    assert len(layers) > len(nodes)  # TensorRT splits some, and drops none
    assert {layer.get_output(0).dtype for layer in convolutions} == {trt.DataType.HALF}
    assert {layer.get_output(0).dtype for layer in norms} == {trt.DataType.FLOAT}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}-{path.name[:6]}")
def test_a_shipped_model_is_compiled(path: Path) -> None:
    heard: set[str] = set()

    def progress(phase: str, step: int, steps: int) -> bool:
        heard.add(phase)
        return True

    engine = build(path.read_bytes(), SHAPES, progress)
    assert engine[:4] == b"vtrt"
    assert path.stat().st_size < len(engine) < 16e6, "the weights, and code that small models need as much of"
    assert heard


def test_ctrl_c_ends_a_build() -> None:
    steps: list[int] = []

    def progress(phase: str, step: int, total: int) -> bool:
        steps.append(step)
        return len(steps) < 50

    with pytest.raises(KeyboardInterrupt):
        build(SHIPPED[0].read_bytes(), SHAPES, progress)
    assert len(steps) == 50


INTERRUPTED = """
import sys
from pathlib import Path
from cgtool.backends.spec import BuildOptions, Shapes
from cgtool.backends.tensorrt.builder import build_engine
from cgtool.backends.tensorrt.library import TENSORRT_RTX

def progress(phase, step, steps):
    print(phase, flush=True)
    return True

shapes = Shapes((1, 144, 256), (1, 256, 456), (4, 720, 1280))
while True:  # a build takes about a second: the signal comes in the middle of one
    build_engine(TENSORRT_RTX, Path(sys.argv[1]).read_bytes(), shapes, BuildOptions(), progress=progress)
"""


def test_a_real_ctrl_c_ends_a_real_build() -> None:
    command = [sys.executable, "-c", INTERRUPTED, str(SHIPPED[0])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline(), "the build has begun"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode in (-signal.SIGINT, 130)
    assert errors.strip().endswith("KeyboardInterrupt")


def test_two_exports_of_one_engine_at_once_leave_one_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cuda_devices", lambda: ())
    tiny_model(tmp_path / "tiny")
    request = ExportRequest((str(tmp_path / "tiny"),), format="tensorrt-rtx", output=tmp_path / "out", force=True)
    with quick_exports():
        *_, first = export(plan(request, None), request)  # the graph is made once
        with ThreadPoolExecutor(2) as pool:
            both = list(pool.map(lambda _: list(export(plan(request, None), request))[-1], range(2)))
    assert all(isinstance(done, Exported) and done.status == "compiled" for done in (first, *both))
    (manifest,) = (tmp_path / "out" / "tiny").glob("*.engine.json")
    assert len(EngineFile(manifest, read_manifest(manifest)).read()) == 1
    assert len(list((tmp_path / "out" / "tiny").iterdir())) == 2


def test_no_cache_and_no_folder_that_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cuda_devices", lambda: ())
    (tmp_path / "file").touch()
    monkeypatch.setenv("CGTOOL_CACHE", str(tmp_path / "file"))
    tiny_model(tmp_path / "tiny")
    command = ["export", str(tmp_path / "tiny"), "--format", "tensorrt-rtx", "--json"]
    with quick_exports():
        compiled, refused = (
            CliRunner().invoke(cli, [*command, *more]) for more in ([], ["-o", str(tmp_path / "file" / "out")])
        )
    assert json.loads(compiled.stdout)["status"] == "compiled"
    assert (refused.exit_code, json.loads(refused.stdout)["status"]) == (1, "failed")
    assert "can't be written" in json.loads(refused.stdout)["error"]


REFUSED = {
    "an unknown operator": (
        graph(casts(TensorProto.FLOAT, helper.make_node("Sharpen", ["x"], ["y"], "look", domain="mine"), last="y")),
        r"TensorRT for RTX refuses the graph: node 1 look \(Sharpen\): it has no such operator",
    ),
    "an operator that it lacks": (
        graph(casts(TensorProto.FLOAT, helper.make_node("Unique", ["x"], ["y"], "once"), last="y")),
        r"node 1 once \(Unique\): it has no such operator",
    ),
    "mixed types": (
        graph(
            casts(
                TensorProto.FLOAT16,
                helper.make_node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]),
                helper.make_node("InstanceNormalization", ["t", "c0", "c1"], ["n"], "norm"),
                helper.make_node("Transpose", ["n"], ["y"], perm=[0, 2, 3, 1]),
                last="y",
            ),
            [np.ones(3, np.float32), np.zeros(3, np.float32)],
        ),
        r"node 2 norm \(InstanceNormalization\): .*Input type = HALF, scale type = FLOAT",
    ),
    "another output": (
        graph(casts(TensorProto.FLOAT, output="pictures"), output="pictures"),
        r"not one of cgtool's: it must take frames \(UINT8\) and give translated \(UINT8\)",
    ),
    "no graph": (b"rubbish", "Failed to parse the ONNX model"),
    "nothing": (b"", "not one of cgtool's"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_graph_is_refused_with_its_reason(what: str) -> None:
    data, words = REFUSED[what]
    with pytest.raises(EngineError, match=words) as caught:
        build(data)
    assert "CUDA" not in str(caught.value)


def test_unknown_gpus_are_named() -> None:
    with pytest.raises(UsageError, match="does not compile for sm90"):
        BuildOptions(gpus=("sm90",))


def test_a_target_names_gpus_and_library() -> None:
    target = KIND.target(BuildOptions())
    assert target.hardware == {"gpus": list(AMPERE_AND_NEWER)}
    assert target.versions["tensorrt-rtx"] == load_tensorrt_rtx().__version__
    assert len(target.tags) == 1
    assert KIND.target(BuildOptions(gpus=("sm75",))).tags[0] == "sm75"


@pytest.mark.parametrize(
    ("capability", "words"),
    [
        (None, None),
        ("sm89", None),
        ("sm90", "NVIDIA H100 (sm90) is no RTX GPU; use --engine tensorrt"),
        ("sm75", "built for sm80, sm86, sm89, sm120, sm121, here is sm75; run cgtool export --gpus sm75"),
    ],
)
def test_what_a_gpu_can_run(capability: str | None, words: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cuda_devices", lambda: ("NVIDIA H100",))
    monkeypatch.setattr(machine, "compute_capability", lambda ordinal: capability)
    spec = EngineSpec(None, "tensorrt-rtx", "fp16", SMALL, KIND.target(BuildOptions()))  # type: ignore[arg-type]
    assert KIND.problem(spec, "cuda:0") == words
    old = replace(spec, target=Target(spec.target.hardware, {"tensorrt-rtx": "1.6.1"}))
    if capability != "sm90":
        assert "built with TensorRT for RTX 1.6.1" in str(KIND.problem(old, "cuda:0"))


def test_export_without_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cuda_devices", lambda: ())
    tiny_model(tmp_path / "tiny")
    export = ["export", str(tmp_path / "tiny"), "--format", "tensorrt-rtx", "--json", "--gpus"]
    with quick_exports():
        runs = [CliRunner().invoke(cli, [*export, gpus]) for gpus in ("sm89,sm75", "sm75,sm89", "sm80")]
    assert [json.loads(run.stdout)["status"] for run in runs] == ["compiled", "up to date", "compiled"]
    old, new = map(read_manifest, sorted((tmp_path / "tiny").glob("*-tensorrt-rtx-*.engine.json")))
    assert [manifest.hardware for manifest in (old, new)] == [{"gpus": ["sm75", "sm89"]}, {"gpus": ["sm80"]}]
    assert new.versions["tensorrt-rtx"] == load_tensorrt_rtx().__version__
    assert new.parity == {}  # nothing here could open it


def test_the_engine_is_not_opened_without_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cuda_devices", lambda: ())
    picture = ENGINES / "summer2winter" / "sample.jpg"
    output = tmp_path / "out.png"
    done = CliRunner().invoke(
        cli, ["convert", str(picture), "--to", "winter", "-o", str(output), "--engine", "tensorrt-rtx"]
    )
    assert isinstance(done.exception, EngineError)  # which the program tells in one line
    assert "tensorrt-rtx cuda: no CUDA device is visible" in str(done.exception)
    assert not output.exists()
