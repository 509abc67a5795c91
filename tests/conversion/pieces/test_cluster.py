"""A cluster of Ray: segments wherever there is room, and all of them where a node is killed in the middle."""

from __future__ import annotations

import json
import os
import pickle
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cgtool.conversion.events import Advanced, Finished, Note, Result
from cgtool.conversion.jobs import Job
from cgtool.conversion.pieces import cluster
from cgtool.conversion.pieces.cluster import Board, Cluster, Order, Parcel, carry_out, forget
from cgtool.conversion.pieces.segmented import Segmentation
from cgtool.conversion.pieces.segments import NOTHING, Part
from cgtool.conversion.request import ConvertRequest, PreviewRequest, WatchRequest
from cgtool.errors import ClusterError, UsageError
from tests.conversion.pieces.working import FRAMES, SEGMENTS, difference, ended, footage, start
from tests.helpers.probe import make, streams, timestamps

JOB = Job(Path("a.mp4"), Path("b.mp4"))


class Handle:
    """A board as Ray's handle of it looks like."""

    def __init__(self) -> None:
        self.board = Board()
        self.tell = self.read = self

    def remote(self, key: str, number: int, advanced: Advanced) -> None:
        self.board.tell(key, number, advanced)


def test_a_task_tells_the_board_and_gives_back_what_came() -> None:
    result = Result("a.mp4", "b.mp4", "converted", frames=7)

    def work(job: Job, cutting: Segmentation) -> Any:  # noqa: ANN401
        assert (job, cutting.part) == (JOB, Part(3, 4, alone=True))
        yield Note("prepared")
        yield Advanced(25, 100, earlier_frames=20)
        yield Finished(result)

    handle = Handle()
    order = Order("key", JOB, Segmentation(part=Part(3, 4, alone=True)))
    answer = carry_out(order, work, handle)
    assert (answer.result, answer.notes, answer.files) == (result, ("prepared",), {})
    assert handle.board.read("key") == {2: Advanced(5, 100)}, "its own frames alone"
    assert handle.board.read("other") == {}
    assert pickle.loads(pickle.dumps(order)) == order


def test_what_is_sent_is_named_as_the_user_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))

    def work(job: Job, cutting: Segmentation) -> Any:  # noqa: ANN401
        assert job.source is not None
        assert tmp_path in job.source.parents
        assert job.source.stat().st_mtime_ns == 123_456_000
        yield Finished(Result("", "", "failed", error=f"{job.source}: holds no video"))

    order = Order("key", JOB, Segmentation(part=NOTHING), Parcel((), 123_456_000))
    answer = carry_out(order, work, Handle())
    assert answer.result.error == "a.mp4: holds no video"
    assert [path.name for path in tmp_path.iterdir()] == ["cgtool-ray-key"]
    forget("key")
    assert list(tmp_path.iterdir()) == []


def test_without_ray_the_line_to_run_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    for make_it in (
        lambda: ConvertRequest("a.mp4", ray="local"),
        lambda: Cluster("local", gpus=False, send_files=False),
    ):
        with pytest.raises(UsageError, match=r"needs ray.*pip install 'cgtool\[ray\]'") as caught:
            make_it()
        assert caught.value.exit_code == 2


def test_where_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "require", lambda *_: None)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        here = Cluster(address, gpus=False, send_files=False)
        with pytest.raises(ClusterError, match=rf"no Ray cluster at {address}: .*[^.]\. Give --ray local"):
            here.__enter__()


@pytest.mark.parametrize(
    ("request_of", "words"),
    [
        (lambda folder: ConvertRequest("a.mp4", ray="local", part="1/2"), "--part and --ray exclude each other"),
        (lambda folder: ConvertRequest("a.mp4", ray_send_files=True), "--ray-send-files needs --ray"),
        (lambda folder: ConvertRequest("-", ray="local"), "files of files"),
        (lambda folder: ConvertRequest("a.png", output="-", ray="local"), "files of files"),
        (lambda folder: WatchRequest(folder, output=folder / "out", ray="local"), "Leave --ray out"),
        (lambda folder: PreviewRequest("a.mp4", ray="local"), "Leave --ray out"),
    ],
)
def test_what_ray_can_not_do(request_of: Any, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401
    monkeypatch.setattr("cgtool.conversion.request.require", lambda *_: None)
    with pytest.raises(UsageError, match=words):
        request_of(tmp_path)


@pytest.mark.ray
@pytest.mark.parametrize("how", ["shared", pytest.param("sent", marks=pytest.mark.slow)])
def test_two_nodes_of_which_one_is_killed(tmp_path: Path, how: str) -> None:
    """On a disk that is shared, and with files that are sent."""
    pytest.importorskip("ray", reason="Ray is not installed")
    source = make(tmp_path / "a.mkv", "-i", footage(tmp_path / "a.mp4"), "-map", "0", "-c", "copy", "-c:s", "srt")
    make(tmp_path / "a.png", "-f", "lavfi", "-i", "testsrc2=size=64x48", "-frames:v", "1")
    program = [sys.executable, "-m", "tests.conversion.pieces.on_ray", str(source), str(tmp_path / "out"), how]
    (tmp_path / "tmp").mkdir()
    place = {**os.environ, "TMPDIR": str(tmp_path / "tmp"), "RAY_TMPDIR": "/tmp"}  # its sockets' names must be short
    place["RAY_worker_niceness"] = "0"  # Ray's own would let everything else on a busy machine go first
    done = subprocess.run(program, env=place, stdout=subprocess.PIPE, text=True, timeout=500, check=True)
    (status, error, frames, told, killed), *rest = map(json.loads, done.stdout.splitlines())
    assert (status, error, frames, killed) == ("converted", None, FRAMES, True)
    assert told[-1][1] == SEGMENTS
    assert max(frames for frames, _ in told) <= FRAMES
    assert [row[:3] for row in rest] == ([] if how == "shared" else [["converted", None, 1]])
    result, single = tmp_path / "out" / "a.mkv", tmp_path / "single.mkv"
    ended(start(source, single, "--codec", "ffv1"))
    assert timestamps(result) == timestamps(single)
    assert streams(result) == streams(single)
    mean, most = difference(result, single)
    assert mean <= 1
    assert most <= 6
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.mkv", "a.png"][: 1 + len(rest)]
    assert not list((tmp_path / "tmp").glob("cgtool-ray*"))
