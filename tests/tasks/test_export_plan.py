"""What is going to be exported: models, directions, formats, precisions, shapes; and what can't be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cgtool.backends import machine
from cgtool.backends.openvino.backend import default_precision
from cgtool.backends.spec import BuildOptions, Shapes
from cgtool.backends.tensorrt import bindings
from cgtool.backends.tensorrt_rtx import kind as tensorrt_rtx
from cgtool.errors import EngineError, ModelError, UsageError
from cgtool.models.lookup import find_models
from cgtool.pictures import Size
from cgtool.tasks.export import ExportRequest, plan
from tests.backends.support import ENGINES
from tests.tasks.test_export import asked


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cuda_devices", lambda: ())


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """An NVIDIA L4 with TensorRT 11.4, as far as is asked."""
    monkeypatch.setattr(machine, "cuda_devices", lambda: ("NVIDIA L4",))
    monkeypatch.setattr(bindings, "tensorrt_version", lambda: "11.4.0.106")
    monkeypatch.setattr(bindings, "compute_capability", lambda device: "8.9")


def test_all_models_and_directions_are_planned(compiled: Path) -> None:
    request = ExportRequest(format="onnx")
    specs = plan(request, compiled.parent)
    assert [(spec.label, spec.folder) for spec in specs if spec.origin.model == "dusk"] == [
        ("dusk day to night: onnx fp16", compiled)
    ]
    shipped = {model.name for model in find_models(None)[0]}
    assert {spec.origin.model for spec in specs} == {"dusk", *shipped}
    assert {spec.source.direction for spec in specs if spec.origin.model == "summer2winter"} == {"A_to_B", "B_to_A"}
    to_night = plan(replace(request, to="NIGHT"), compiled.parent)
    assert [spec.origin.model for spec in to_night] == ["dusk", "day2night"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ("openvino", None)),
        ({"precision": "int8", "calibration": ENGINES}, ("openvino", "int8")),
        ({"precision": "fp32"}, ("openvino", "fp32")),
        ({"precision": "fp16"}, ("openvino", None)),
        ({"format": "onnx"}, ("onnx", "fp16")),
        ({"format": "onnx", "precision": "fp32"}, ("onnx", "fp32")),
    ],
)
def test_formats_and_precisions(compiled: Path, options: dict[str, Any], expected: tuple[str, str | None]) -> None:
    (spec,) = plan(asked(compiled, **options), None)
    assert (spec.format, spec.precision) == (expected[0], expected[1] or default_precision())


@pytest.mark.usefixtures("gpu")
def test_auto_is_tensorrt_where_it_is(compiled: Path) -> None:
    (spec,) = plan(asked(compiled), None)
    assert (spec.format, spec.precision) == ("tensorrt", "fp16")
    assert spec.stem == "A_to_B-tensorrt-fp16-4x64x114-sm89-trt11.4"
    (spec,) = plan(asked(compiled, precision="int8", calibration=ENGINES), None)
    assert spec.format == "openvino"


@pytest.mark.parametrize(("capability", "format_"), [("sm89", "tensorrt-rtx"), ("sm90", "openvino")])
def test_auto_is_what_the_gpu_runs(
    compiled: Path, monkeypatch: pytest.MonkeyPatch, capability: str, format_: str
) -> None:
    def not_installed() -> str:
        raise EngineError("tensorrt can't be imported")

    monkeypatch.setattr(machine, "cuda_devices", lambda: ("NVIDIA GPU",))
    monkeypatch.setattr(machine, "compute_capability", lambda ordinal: capability)
    monkeypatch.setattr(bindings, "tensorrt_version", not_installed)
    monkeypatch.setattr(tensorrt_rtx, "installed", lambda module: True)
    (spec,) = plan(asked(compiled), None)
    assert spec.format == format_


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"precision": "int8"}, "--int8 needs photographs.*--calibration"),
        ({"precision": "int8", "format": "onnx"}, "--format onnx can't do --int8"),
        ({"precision": "int8", "calibration": Path("nowhere")}, "nowhere: no such folder"),
        ({"precision": "bf16", "format": "onnx"}, "--format onnx can't do --bf16"),
        ({"precision": "bf16", "format": "tensorrt"}, "--format tensorrt can't do --bf16"),
        (
            {"format": "onnx", "largest": Size(64, 64), "build": BuildOptions(hardware_compatible=True)},
            "--max, --hardware-comp.* TensorRT and TensorRT for RTX alone",
        ),
        (
            {"format": "openvino", "best": Size(64, 64)},
            "--opt is .* openvino engines take frames of any size; leave",
        ),
        (
            {"format": "tensorrt-rtx", "build": BuildOptions(version_compatible=True)},
            "for TensorRT alone. Leave it",
        ),
        ({"format": "openvino", "build": BuildOptions(gpus=("sm80",))}, "--gpus is for TensorRT for RTX alone. Leave"),
        ({"to": "mars"}, "no model leads to 'mars'.*Known domains: day, night"),
    ],
)
def test_what_can_not_be_met_is_refused(compiled: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        plan(asked(compiled, **options), None)


def test_models_that_can_not_be_had(compiled: Path) -> None:
    with pytest.raises(UsageError, match="no model or model folder is called 'nobody'"):
        plan(ExportRequest(models=("nobody",)), None)
    (compiled / "model.json").write_text("{")
    with pytest.raises(ModelError, match="not valid JSON"):
        plan(asked(compiled), None)
    assert compiled.name not in {spec.origin.model for spec in plan(ExportRequest(), compiled.parent)}


def test_tensorrt_without_a_gpu_is_refused(compiled: Path) -> None:
    with pytest.raises(EngineError, match=r"no NVIDIA GPU is visible.*--format openvino"):
        plan(asked(compiled, format="tensorrt"), None)


def test_bf16_on_a_cpu_without(compiled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cgtool.backends.openvino.backend.default_precision", lambda: "fp32")
    with pytest.raises(UsageError, match="this CPU has no bf16"):
        plan(asked(compiled, precision="bf16"), None)
    (spec,) = plan(asked(compiled, precision="fp16"), None)
    assert spec.precision == "fp32"


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize(
    ("options", "shapes"),
    [
        ({}, Shapes((1, 32, 32), (4, 64, 114), (4, 228, 228))),
        ({"best": Size(128, 96), "batch": 2}, Shapes((1, 48, 48), (2, 96, 128), (2, 256, 256))),
        (dict.fromkeys(("smallest", "best", "largest"), Size(8, 8)), Shapes((1, 8, 8), (4, 8, 8), (4, 8, 8))),
    ],
)
def test_tensorrts_profile(compiled: Path, options: dict[str, Any], shapes: Shapes) -> None:
    (spec,) = plan(asked(compiled, format="tensorrt", **options), None)
    assert spec.shapes == shapes


@pytest.mark.usefixtures("gpu")
def test_a_profile_out_of_order_is_refused(compiled: Path) -> None:
    with pytest.raises(UsageError, match=r"not in order.*--min, --opt and --max"):
        plan(asked(compiled, format="tensorrt", best=Size(96, 96), largest=Size(64, 64)), None)
