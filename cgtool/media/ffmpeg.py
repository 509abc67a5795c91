"""The ffmpeg program that imageio-ffmpeg ships, as a child process whose last words are kept."""

from __future__ import annotations

import contextlib
import functools
import logging
import shlex
import subprocess
import threading
from collections import deque
from collections.abc import Sequence

import imageio_ffmpeg

from cgtool.errors import EncoderError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)

_LAST_WORDS = 12
"""Lines of ffmpeg's standard error that are kept for messages."""

_PIPE_BYTES = 1 << 20


def executable() -> str:
    """Path of the ffmpeg program.

    Raises:
        EncoderError: There is none for this platform.
    """
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise EncoderError(
            "no ffmpeg program was found", hint="Install imageio-ffmpeg, or set IMAGEIO_FFMPEG_EXE to one"
        ) from error


class FFmpegProcess:
    """A running ffmpeg that reads from its standard input.

    Args:
        arguments: Everything after the program's name.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        command = [executable(), "-hide_banner", "-nostdin", "-nostats", "-loglevel", "error", *arguments]
        logger.debug("%s", shlex.join(command))
        # In a session of its own: a Ctrl-C on the terminal reaches us alone, and we decide what becomes of ffmpeg.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        _widen(self.stdin_fd)
        self._words: deque[str] = deque(maxlen=_LAST_WORDS)
        # An unread stderr fills its pipe and stops ffmpeg, and with it everything.
        self._listener = threading.Thread(target=self._listen, name="ffmpeg-stderr", daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            for line in lines:
                text = line.decode("utf-8", errors="replace").strip()
                if text:
                    self._words.append(text)

    @property
    def stdin_fd(self) -> int:
        """File descriptor to write to."""
        assert self._process.stdin is not None
        return self._process.stdin.fileno()

    def close_stdin(self) -> None:
        """Tell ffmpeg that no more will come."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            return  # it has gone already; wait() tells how

    def wait(self) -> int:
        """Wait until ffmpeg has ended; its exit code."""
        code = self._process.wait()
        self._listener.join()
        return code

    def kill(self) -> None:
        """End ffmpeg at once and wait until it is gone."""
        self._process.kill()
        self.close_stdin()
        self.wait()

    @property
    def last_words(self) -> str:
        """The last lines it wrote to stderr, in one line."""
        return "; ".join(self._words) or "it said nothing"


def _widen(pipe: int) -> None:
    """Let a pipe hold as much as Linux allows: at 64 KiB, a frame takes dozens of turns between the two processes."""
    with contextlib.suppress(OSError, AttributeError):  # not Linux, or its user has too many large pipes
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def output_of(arguments: Sequence[str], timeout_seconds: float = 20) -> str | None:
    """Standard output of ffmpeg with these arguments; None unless it ends well."""
    command = [executable(), "-hide_banner", "-nostdin", "-loglevel", "quiet", *arguments]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return None
    return done.stdout.decode("utf-8", errors="replace") if done.returncode == 0 else None


@functools.cache
def version() -> str:
    """The program's name of itself."""
    return (output_of(["-version"]) or "ffmpeg").splitlines()[0].partition(" Copyright")[0]
