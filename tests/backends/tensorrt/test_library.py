"""What differs between TensorRT and TensorRT for RTX, held to each package's own bindings."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cgtool.backends.table import KINDS
from cgtool.backends.tensorrt.library import TENSORRT, TENSORRT_RTX

# Names that only TensorRT for RTX has, and those of the shared code: by class of its bindings.
NEEDED = {
    "ComputeCapability": {"SM75", "SM80", "SM86", "SM89", "SM120", "SM121"},
    "CudaGraphStrategy": {"WHOLE_GRAPH_CAPTURE"},
    "DynamicShapesKernelSpecializationStrategy": {"EAGER"},
    "IBuilderConfig": {"num_compute_capabilities", "set_compute_capability"},
    "ICudaEngine": {"create_runtime_config", "create_execution_context"},
    "IRuntimeCache": {"serialize", "deserialize"},
    "IRuntimeConfig": {
        "create_runtime_cache",
        "set_runtime_cache",
        "cuda_graph_strategy",
        "dynamic_shapes_kernel_specialization_strategy",
        "set_execution_context_allocation_strategy",
    },
}


def test_both_are_kinds() -> None:
    for library in (TENSORRT, TENSORRT_RTX):
        assert KINDS[library.kind].title == library.title


def test_the_rtx_names_exist() -> None:
    trt = pytest.importorskip("tensorrt_rtx", reason="no TensorRT for RTX: pip install 'cgtool[tensorrt-rtx]'")
    for owner, names in NEEDED.items():
        assert names <= set(dir(getattr(trt, owner))), owner
    assert "IRuntimeConfig" in trt.ICudaEngine.create_execution_context.__doc__


def test_importing_it_imports_neither() -> None:
    code = "import cgtool.backends.tensorrt.library, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"torch", "tensorrt", "tensorrt_rtx"}.isdisjoint(loaded)
