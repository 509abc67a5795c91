"""Memory does not grow with a clip's length."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.probe import make
from tests.helpers.processes import children_of

PEAK = """
import json, sys, time
from pathlib import Path
from cgtool.conversion.events import Advanced, Finished
from cgtool.conversion.request import ConvertRequest
from cgtool.tasks.convert import convert, lay_out
from tests.tasks.test_convert import MODEL, FakeBackend
from tests.tasks.test_convert_memory import peak_bytes

# The engine is the slowest, as it is in life: the queue before it is always full, those after it are not.
engine = FakeBackend(lambda frames, _: (time.sleep(0.05 * len(frames)), frames)[1])
request = ConvertRequest(sys.argv[1], output=sys.argv[2], model=MODEL, preset="ultrafast")
for event in convert(lay_out(request), opener=engine.open):
    if isinstance(event, Advanced):
        peaks = peak_bytes()
    if isinstance(event, Finished):
        print(json.dumps([event.result.status, event.result.frames, *peaks]))
"""


def peak_bytes() -> tuple[int, int]:
    """Most memory that this process and its ffmpeg ever had; getrusage would count what a parent had at the fork."""
    [encoder] = children_of(os.getpid(), "ffmpeg") or [os.getpid()]
    found = []
    for process in (os.getpid(), encoder):
        match = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
        found.append(int(match[1]) * 1024 if match else 0)
    return found[0], found[1]


@pytest.mark.slow
def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    """Ten minutes of 1080p take at most a tenth more than thirty seconds do, here and in ffmpeg."""
    peaks = []
    short = make(tmp_path / "short.mp4", "-f", "lavfi", "-i", "testsrc=size=1920x1080:rate=2:duration=30",
                 "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "10")  # fmt: skip
    long = make(tmp_path / "long.mp4", "-stream_loop", "19", "-i", short, "-c", "copy")
    for source, frames in ((short, 60), (long, 1200)):
        command = [sys.executable, "-c", PEAK, str(source), str(source.with_suffix(".result.mp4"))]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        status, count, *peak = json.loads(done.stdout)
        assert (status, count) == ("converted", frames)
        peaks.append(peak)
    for few, many in zip(*peaks, strict=True):
        assert 0 < many < 1.1 * few
