"""OpenVINO's cache, start and failures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from cgtool.backends.base import GeneratorSource
from cgtool.backends.openvino.backend import OpenVINOBackend
from cgtool.errors import EngineError, ModelError
from tests.backends.support import Sources, source_of

FRAMES = np.random.default_rng(0).integers(0, 256, (3, 24, 40, 3), dtype=np.uint8)


@pytest.fixture
def tiny() -> GeneratorSource:
    """A source that is exported quickly."""
    return source_of(nn.Conv2d(3, 3, 3, padding=1).eval(), 4, "tiny")


@pytest.fixture
def cached(sources: Sources, shared_cache: Path) -> GeneratorSource:
    """A source whose graph is cached, and which fails the test that loads it."""
    source = sources["resnet"]
    OpenVINOBackend(source).close()

    def load() -> None:
        raise AssertionError("the network was loaded although its graph is cached")

    return GeneratorSource(source.key, source.label, source.stride, load)  # type: ignore[arg-type]


def in_new_process(body: str, **source: object) -> subprocess.CompletedProcess[str]:
    """Run code that finds a backend's classes and ``source``, whose network can't be loaded."""
    script = f"""
import json, resource, sys, time
import numpy as np
from cgtool.backends.base import GeneratorSource
from cgtool.backends.selection import EngineRequest, open_backend
from cgtool.errors import OutOfMemoryError
source = GeneratorSource(load=None, **json.loads({json.dumps(json.dumps(source))}))
{body}
"""
    return subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=120)


def test_a_cached_graph_starts_without_pytorch(cached: GeneratorSource) -> None:
    body = """
opened = open_backend(source, EngineRequest(device="cpu"))
assert opened.backend.info.engine == "openvino", opened.reasons
assert opened.backend.infer(np.zeros((1, 64, 64, 3), np.uint8)).shape == (1, 64, 64, 3)
print(sorted(name for name in sys.modules if name in ("torch", "openvino_telemetry.main")))
"""
    done = in_new_process(body, key=cached.key, label=cached.label, stride=cached.stride)
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr


def test_running_out_of_memory_is_told_apart_and_the_next_frame_works(cached: GeneratorSource) -> None:
    body = """
backend = open_backend(source, EngineRequest(engine="openvino", precision="fp32")).backend
small = np.arange(3072, dtype=np.uint32).astype(np.uint8).reshape(1, 32, 32, 3)
before = backend.infer(small)
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
try:
    backend.infer(np.zeros((2, 9000, 9000, 3), np.uint8))
except OutOfMemoryError as error:
    print(error)
assert (backend.infer(small) == before).all()
"""
    done = in_new_process(body, key=cached.key, label=cached.label, stride=cached.stride)
    assert done.returncode == 0, done.stderr
    assert "out of memory (resnet, 2 frames of 9000x9000)" in done.stdout


def test_a_failed_frame_leaves_the_backend_usable(cached: GeneratorSource) -> None:
    with OpenVINOBackend(cached) as backend:
        before = backend.infer(FRAMES)
        with pytest.raises(EngineError, match="resnet failed"):
            backend.infer(np.zeros((3, 24, 40, 4), np.uint8))  # no picture has four channels
        np.testing.assert_array_equal(backend.infer(FRAMES), before)


def test_a_damaged_graph_is_made_anew(own_cache: Path, tiny: GeneratorSource) -> None:
    with OpenVINOBackend(tiny) as backend:
        before = backend.infer(FRAMES)
        assert backend.warnings == []
        assert backend.notes == [f"tiny was prepared once and kept in {own_cache / 'graphs'}; later starts are faster"]
    (path,) = (own_cache / "graphs").iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    for blob in (own_cache / "openvino").iterdir():
        blob.chmod(0o600)
        blob.write_bytes(b"not a blob")
    with OpenVINOBackend(tiny) as backend:
        np.testing.assert_array_equal(backend.infer(FRAMES), before)
        assert backend.warnings == []
    (again,) = (own_cache / "graphs").iterdir()
    assert again.read_bytes() == whole


def test_a_cache_folder_that_cannot_be_written_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: GeneratorSource
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CGTOOL_CACHE", str(tmp_path / "file" / "cache"))
    with OpenVINOBackend(tiny) as backend:
        assert backend.infer(FRAMES).std() > 0
        (warning,) = backend.warnings
    assert "file/cache/graphs: the prepared network can't be kept (Not a directory)" in warning
    assert "CGTOOL_CACHE" in warning


def test_a_damaged_model_is_the_error_that_is_seen(own_cache: Path) -> None:
    def load() -> None:
        raise ModelError("truncated", path="latest_net_G_A.pth")

    source = GeneratorSource("key", "label", 4, load)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=r"latest_net_G_A\.pth: truncated"):
        OpenVINOBackend(source)


def test_ctrl_c_after_two_backends_is_no_crash(cached: GeneratorSource) -> None:
    """OpenVINO's CPU plugin gives the thread a signal stack, and unmaps it with itself, in use or not."""
    body = """
import gc, os, signal
engines = [open_backend(source, EngineRequest("openvino")).backend for _ in range(2)]
while engines:
    engines.pop(0).close()
    gc.collect()
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
"""
    done = in_new_process(body, key=cached.key, label=cached.label, stride=cached.stride)
    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr
