"""What a person sees on a terminal, and how the program ends when they lose patience or the reader goes away."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.processes import children_of
from tests.helpers.samples import numbered

COMMAND = [sys.executable, "-m", "cgtool", "convert"]
SLOW = ["--engine", "identity", "--preset", "veryslow"]


class Terminal:
    """A program on a terminal of its own, as a shell would start it."""

    def __init__(self, command: list[str], cwd: Path) -> None:
        self.process, self._terminal = pty.fork()
        if self.process == 0:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup make test
            os.chdir(cwd)
            os.execve(command[0], command, {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"})
        self.output = b""

    def read_until(self, words: bytes, seconds: float = 30) -> bool:
        """Whether the words appeared; at its end, the whole output is read."""
        deadline = time.monotonic() + seconds
        while words not in self.output and time.monotonic() < deadline:
            ready, _, _ = select.select([self._terminal], [], [], 0.1)
            if ready:
                try:
                    self.output += os.read(self._terminal, 65536)
                except OSError:  # the other side is closed
                    break
        return words in self.output

    def press(self, key: bytes) -> None:
        os.write(self._terminal, key)

    def close(self) -> None:
        os.close(self._terminal)

    def exit_code(self) -> int:
        self.read_until(b"\0never", seconds=600)  # who stops reading stops the program, once the terminal is full
        _, status = os.waitpid(self.process, 0)
        self.close()
        return os.waitstatus_to_exitcode(status)


@pytest.fixture
def clips(tmp_path: Path) -> list[Path]:
    return [numbered(tmp_path / f"{name}.mp4", 50, size="320x240") for name in ("a", "[b]")]


def test_a_terminal_shows_progress_and_keeps_only_the_results(clips: list[Path], tmp_path: Path) -> None:
    names = [path.name for path in clips]
    terminal = Terminal([*COMMAND, *names, "--to", "winter", "-o", "out", *SLOW], tmp_path)
    code = terminal.exit_code()
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.output.decode())
    assert code == 0, text
    for words in ("all files", "a.mp4", "[b].mp4", "2 converted, 0 skipped, 0 failed"):
        assert words in text
    assert "Traceback" not in text
    assert b"\x1b[?25h" in terminal.output, "the cursor is back"


def test_a_long_name_leaves_room_for_the_rest(bunny: Path, tmp_path: Path) -> None:
    path = tmp_path / f"{'long ' * 30}end.mp4"
    shutil.copy(bunny, path)
    terminal = Terminal([*COMMAND, str(path), "--to", "winter", "-o", "out.mp4", "--engine", "identity"], tmp_path)
    assert terminal.exit_code() == 0
    assert re.search(rb"\d+/132\x1b", terminal.output), "the count beside the name is not pushed off the line"


def test_ctrl_c_on_a_terminal(bunny: Path, tmp_path: Path) -> None:
    """The terminal signals the whole foreground group: us, and a child that did not leave it."""
    terminal = Terminal([*COMMAND, str(bunny), "--to", "winter", "-o", "out.mp4", *SLOW], tmp_path)
    assert terminal.read_until(b"fps")
    [child] = children_of(terminal.process, "ffmpeg")
    begin = time.monotonic()
    terminal.press(b"\x03")
    assert terminal.exit_code() == 130
    assert time.monotonic() - begin < 10
    assert b"Traceback" not in terminal.output
    assert b"\x1b[?25h" in terminal.output, "the cursor is back"
    assert list(tmp_path.iterdir()) == []
    assert not Path(f"/proc/{child}").exists()


def test_a_closed_terminal_leaves_nothing(bunny: Path, tmp_path: Path) -> None:
    terminal = Terminal([*COMMAND, str(bunny), "--to", "winter", "-o", "out.mp4", *SLOW], tmp_path)
    assert terminal.read_until(b"fps")
    [child] = children_of(terminal.process, "ffmpeg")
    terminal.close()
    os.waitpid(terminal.process, 0)
    assert not Path(f"/proc/{child}").exists()
    assert list(tmp_path.iterdir()) == []


def start(bunny: Path, folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command = [*COMMAND, str(bunny), "--to", "winter", "-o", "out.mp4", *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to this"
        time.sleep(0.01)


def is_encoding(folder: Path) -> bool:
    return any(path.stat().st_size > 0 for path in folder.glob(".*.part"))


@pytest.mark.parametrize("library", ["numpy", "libav", "openvino"])
def test_stopping_before_the_first_frame_leaves_nothing(bunny: Path, tmp_path: Path, library: str) -> None:
    """While modules are imported, while the engine is made ready."""
    with start(bunny, tmp_path, "--engine", "openvino") as process:
        wait_for(lambda: library in Path(f"/proc/{process.pid}/maps").read_text())
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors.decode()
    assert b"Traceback" not in errors
    assert list(tmp_path.iterdir()) == []


def test_an_impatient_user_leaves_nothing_either(bunny: Path, tmp_path: Path) -> None:
    with start(bunny, tmp_path, *SLOW) as process:
        wait_for(lambda: is_encoding(tmp_path))
        [child] = children_of(process.pid, "ffmpeg")
        for _ in range(5):
            process.send_signal(signal.SIGINT)
            time.sleep(0.003)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 130, errors.decode()
    assert b"Traceback" not in errors
    assert not Path(f"/proc/{child}").exists()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_conversion_left_goes_with_the_next_one(bunny: Path, tmp_path: Path) -> None:
    """`kill -9` leaves a temporary file. The next conversion to that output removes it, and no living one's."""
    with start(bunny, tmp_path, *SLOW) as dead:
        wait_for(lambda: is_encoding(tmp_path))
        dead.kill()
        dead.wait()
    [left] = tmp_path.iterdir()
    with start(bunny, tmp_path, *SLOW) as living:
        wait_for(lambda: not left.exists() and is_encoding(tmp_path))
        [writing] = tmp_path.iterdir()
        photo = tmp_path.parent / "other.mp4"
        numbered(photo, 5)
        command = [*COMMAND, str(photo), "--to", "winter", "-o", "out.mp4", "--engine", "identity"]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        assert sorted(tmp_path.iterdir()) == sorted([writing, tmp_path / "out.mp4"])
        living.send_signal(signal.SIGINT)
        living.communicate(timeout=20)
    assert list(tmp_path.iterdir()) == [tmp_path / "out.mp4"]


def test_a_killed_encoder_is_told(bunny: Path, tmp_path: Path) -> None:
    with start(bunny, tmp_path, *SLOW) as process:
        wait_for(lambda: is_encoding(tmp_path))
        [child] = children_of(process.pid, "ffmpeg")
        os.kill(child, signal.SIGKILL)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert errors.decode().splitlines() == ["error: out.mp4: ffmpeg was killed by signal 9: it said nothing"]
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_goes_away_ends_it_quietly(clips: list[Path], tmp_path: Path) -> None:
    """`cgtool convert ... | head -n 0`."""
    names = [path.name for path in clips]
    command = [*COMMAND, *names, "--to", "winter", "-o", "out", "--json", "--engine", "identity"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
        process.wait(timeout=30)
    assert process.returncode == 1
    assert errors == b""


def test_a_terminal_with_json_gets_only_json(clips: list[Path], tmp_path: Path) -> None:
    terminal = Terminal([*COMMAND, clips[0].name, "--to", "winter", "--json", "--engine", "identity"], tmp_path)
    assert terminal.exit_code() == 0
    [line] = terminal.output.decode().splitlines()
    row = json.loads(line)
    assert (row["status"], row["frames"]) == ("converted", 50)
