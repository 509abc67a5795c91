"""OpenVINO's cache, start and failures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cgtool.backends.base import GeneratorSource
from cgtool.backends.openvino.backend import OpenVINOBackend
from cgtool.errors import EngineError
from tests.backends.support import Sources

FRAMES = np.random.default_rng(0).integers(0, 256, (3, 24, 40, 3), dtype=np.uint8)


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
