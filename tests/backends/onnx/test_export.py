"""ONNX files: their types, what they say of themselves, and that they run at every size in every runtime."""

from __future__ import annotations

import cv2
import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto
from onnx.reference import ReferenceEvaluator
from torch import Tensor, nn

from cgtool.backends.onnx.backend import ONNXBackend
from cgtool.backends.onnx.export import strip, to_onnx
from cgtool.backends.openvino.backend import OpenVINOBackend
from cgtool.backends.torch.graph import FrameGraph, frame_graph
from cgtool.config import EnginePrecision
from tests.backends.onnx.tensorrt_readiness import tensor_types
from tests.backends.support import Sources, expected, psnr

AGREEMENT = {"fp32": 60.0, "fp16": 45.0}


def typed_nodes(serialized: bytes) -> list[tuple[str, list[int]]]:
    """Every operator with the types of its inputs."""
    model = onnx.load_from_string(serialized)
    onnx.checker.check_model(model, full_check=True)
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    types = tensor_types(graph)
    return [(node.op_type, [types[name] for name in node.input if name]) for node in graph.node]


@pytest.mark.parametrize("name", ["resnet", "resize", "unet", "resnet50", "photo2monet"])
def test_fp16_has_half_convolutions_and_full_norms(sources: Sources, name: str) -> None:
    nodes = typed_nodes(sources.graph(name, "fp16"))
    convolutions = [types for operator, types in nodes if operator in ("Conv", "ConvTranspose")]
    norms = [types for operator, types in nodes if operator == "InstanceNormalization"]
    assert len(convolutions) >= 6
    assert len(norms) >= 7
    assert {kind for types in convolutions for kind in types} == {TensorProto.FLOAT16}
    assert {kind for types in norms for kind in types} == {TensorProto.FLOAT}


def test_fp32_has_no_half(sources: Sources) -> None:
    kinds = {kind for _, types in typed_nodes(sources.graph("resnet", "fp32")) for kind in types}
    assert kinds == {TensorProto.UINT8, TensorProto.FLOAT, TensorProto.INT64}


def test_fp16_is_half_the_size(sources: Sources) -> None:
    full, half = (len(sources.graph("photo2monet", precision)) for precision in ("fp32", "fp16"))
    assert half < 0.6 * full


SIZES = [(256, 256), (161, 121), (720, 1280)]


@pytest.fixture(scope="module", params=SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def frames(request: pytest.FixtureRequest, video_frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = request.param
    return np.stack([cv2.resize(frame, (width, height)) for frame in video_frames[:3]]).astype(np.uint8)


@pytest.fixture(scope="module")
def wanted(sources: Sources, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return expected(sources["resnet"], frames)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_runs_at_any_size_and_batch(
    sources: Sources,
    frames: NDArray[np.uint8],
    wanted: NDArray[np.uint8],
    runtime: str,
    precision: EnginePrecision,
) -> None:
    graph = sources.graph("resnet", precision)
    with (
        ONNXBackend(graph, label="resnet", precision=precision)
        if runtime == "onnx"
        else OpenVINOBackend(sources["resnet"], "fp32", engine=[graph])
    ) as backend:
        for batch in (1, 3):
            assert psnr(backend.infer(frames[:batch]), wanted[:batch]) >= AGREEMENT[precision]


class Loud(nn.Module):
    """Features of about +-512, then an instance norm, as a trained generator may have inside."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, kernel_size=1, bias=False)
        self.norm = nn.InstanceNorm2d(3)
        nn.init.constant_(self.conv.weight, 512 / 3)

    def forward(self, image: Tensor) -> Tensor:
        features: Tensor = self.norm(self.conv(image))
        return features.tanh()


def evaluated(graph: FrameGraph, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The graph's result in the types that it names: CPU runtimes would compute FP16 in FP32 in secret."""
    with np.errstate(over="ignore"):
        (result,) = ReferenceEvaluator(onnx.load_from_string(to_onnx(graph))).run(None, {"frames": frames})
    return np.asarray(result)


def test_loud_features_do_not_overflow() -> None:
    frames = np.random.default_rng(0).choice([0, 255], (1, 32, 32, 1)).repeat(3, axis=3).astype(np.uint8)
    with torch.inference_mode():
        exact = FrameGraph(Loud(), 4)(torch.from_numpy(frames)).numpy()
    assert exact.std() > 50
    naive = evaluated(FrameGraph(Loud().half(), 4, torch.float16), frames)
    assert naive.std() == 0, "the overflow that this is about: a flat picture"
    assert psnr(evaluated(frame_graph(Loud(), 4, "fp16"), frames), exact) >= 45


def test_a_file_says_what_it_is() -> None:
    metadata = {"model": "summer2winter", "weights_sha256": "ab" * 32, "training_scale": "286"}
    model = onnx.load_from_string(to_onnx(FrameGraph(nn.Conv2d(3, 3, 1), 4), metadata))
    assert {entry.key: entry.value for entry in model.metadata_props} == metadata
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 18)]


def test_nothing_is_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Some releases of onnxscript say how many rules they applied; standard output is for results."""
    export = torch.onnx.export

    def talkative(*given: object, **options: object) -> object:
        print("Applied 5 of general pattern rewrite rules.")
        return export(*given, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(torch.onnx, "export", talkative)
    assert to_onnx(FrameGraph(nn.Conv2d(3, 3, 1), 4))
    assert capsys.readouterr().out == ""


def test_a_file_does_not_say_where_it_was_made(sources: Sources) -> None:
    """PyTorch's exporter notes the line of every file that a node comes from."""
    data = sources.graph("resnet", "fp32")
    model = onnx.load_from_string(data)
    parts = [model.graph, *model.graph.node, *model.graph.input, *model.graph.output, *model.graph.initializer]
    assert all(not part.metadata_props and not part.doc_string for part in parts)
    for trace in (b"stack_trace", b".py", b"site-packages", b"class_hierarchy"):
        assert trace not in data


def test_branches_are_stripped_as_well() -> None:
    traced = onnx.helper.make_node("Identity", ["x"], ["y"], doc_string="/root/x.py")
    inner = onnx.helper.make_graph([traced], "inner", [], [])
    node = onnx.helper.make_node("If", ["c"], ["z"], then_branch=inner, else_branch=inner)
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "outer", [], []), doc_string="/root/y.py")
    strip(model)
    assert b"/root" not in model.SerializeToString()
