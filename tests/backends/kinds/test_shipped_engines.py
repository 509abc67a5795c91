"""The engines that ship: nothing of the machine that made them is in them, and they are what their weights are."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import onnx
import pytest

from cgtool.backends.engines import problem_here
from cgtool.backends.manifest import EngineFile, find_engines
from cgtool.config import DIRECTIONS
from cgtool.conversion.model import source_of
from cgtool.models.folder import read_model_folder
from tests.backends.support import ENGINES

PATHS = re.compile(
    rb"/(?:root|home|usr|work|tmp|opt|mnt|var|Users)/[\w.-]{2}|site-packages|dist-packages|[A-Z]:\\{1,2}[\w.-]{3}"
)


def tracked() -> list[Path]:
    """What is in the repository; in an unpacked archive, all that is there."""
    command = ["git", "-C", str(ENGINES), "ls-files", "-z", "."]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        return [path for path in ENGINES.rglob("*") if path.is_file()]
    return [ENGINES / name for name in listed if name]


def test_no_file_names_a_folder_of_the_machine_that_made_it() -> None:
    files = tracked()
    assert {".onnx", ".json", ".safetensors"} <= {path.suffix for path in files}
    found = {path.name: match[0] for path in files if (match := PATHS.search(path.read_bytes()))}
    assert found == {}


@pytest.mark.parametrize(
    "trace",
    [
        b"/root/project/cgtool/backends/graph.py",
        b'File "/usr/lib/python3.11/site-packages/torch/nn/modules/conv.py"',
        b"C:\\Users\\me\\cgtool",
        b'"C:\\\\cgtool"',
    ],
)
def test_a_path_would_be_seen(trace: bytes) -> None:
    assert PATHS.search(b"\x00weights\xff" + trace + b"\x00")


ONNX_FILES = sorted(ENGINES.glob("*/*.onnx"))


@pytest.mark.parametrize("path", ONNX_FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_graphs_carry_no_traces(path: Path) -> None:
    model = onnx.load(path)
    assert all(not node.metadata_props and not node.doc_string for node in model.graph.node)
    assert all(not value.metadata_props for value in (*model.graph.input, *model.graph.output))
    assert not model.graph.metadata_props
    assert {entry.key for entry in model.metadata_props} == {
        "model", "direction", "source_domain", "target_domain", "training_scale", "precision", "cgtool_version",
        "weights_sha256",
    }  # fmt: skip


def test_they_are_whole_and_of_the_weights_beside_them() -> None:
    assert len(ONNX_FILES) >= 4
    shipped = set(tracked())
    for folder in sorted({path.parent for path in ONNX_FILES}):
        for engine in find_engines(folder):
            assert isinstance(engine, EngineFile)
            if engine.manifest_path in shipped:
                direction = next(d for d in DIRECTIONS if d == engine.manifest.direction)
                assert problem_here(engine, source_of(read_model_folder(folder), direction)) is None
                assert len(engine.read()) == 1
