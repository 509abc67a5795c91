"""Everything that can go wrong, as one tree. Every message names the thing, the reason and what to do.

CgtoolError                 exit code 1
├── UsageError              exit code 2: the request itself can't be met (unknown domain, clashing options)
├── MediaError              a video or image that can't be read, or an output that can't be written
│   └── OutputExistsError   refused, because nothing is overwritten unasked
├── EncoderError            the encoder failed; carries its own last words
├── ModelError              a model folder or checkpoint that is missing, damaged or foreign
├── ClusterError            a cluster that can't be joined, or that lost a task too often
└── EngineError             a backend that can't be opened or that failed
    └── OutOfMemoryError    the device ran out of memory; a smaller batch may fit

SIGTERM becomes Terminated (exit code 143), which like Ctrl-C's KeyboardInterrupt (130) is no Exception: one file's
failure is survived, these are not.

Errors of libraries are translated at the boundary where the library is called, with ``raise ... from``.
"""

from __future__ import annotations

import logging
import os

DEBUG_HINT = "Run it again with --debug (or CGTOOL_DEBUG=1) to see where"


class CgtoolError(Exception):
    """Base of every error that cgtool raises on purpose.

    Args:
        message: The fault, as a clause without a full stop.
        path: The file or folder concerned; it leads the message.
        hint: The user's way out of it.
    """

    exit_code = 1

    def __init__(self, message: str, *, path: str | os.PathLike[str] | None = None, hint: str | None = None) -> None:
        self.message = message
        self.path = None if path is None else os.fspath(path)
        self.hint = hint
        super().__init__(message)

    def __str__(self) -> str:
        text = self.message if self.path is None else f"{self.path}: {self.message}"
        return text if self.hint is None else f"{text}. {self.hint}"


class UsageError(CgtoolError):
    """The request itself can't be met."""

    exit_code = 2


class MediaError(CgtoolError):
    """A video or image can't be read, or an output can't be written."""


class OutputExistsError(MediaError):
    """The output exists and overwriting was not asked for."""


class EncoderError(CgtoolError):
    """The encoder failed."""


class ModelError(CgtoolError):
    """A model folder or checkpoint is missing, damaged or foreign."""


class ClusterError(CgtoolError):
    """A cluster can't be joined, or has lost a task too often."""


class EngineError(CgtoolError):
    """A backend can't be opened, or failed while it ran."""


class OutOfMemoryError(EngineError):
    """The device ran out of memory."""


def unexpected(error: Exception) -> str:
    """Words for an error that is nobody's purpose, with the way to see more of it unless that is seen already."""
    words = f"failed unexpectedly ({type(error).__name__}: {error})"
    return words if logging.getLogger("cgtool").isEnabledFor(logging.DEBUG) else f"{words}. {DEBUG_HINT}"


def first_line(error: BaseException) -> str:
    """The first line of a library's error, without a full stop; the error's kind where it says nothing."""
    return str(error).strip().partition("\n")[0].strip().rstrip(".") or type(error).__name__


class Terminated(BaseException):
    """SIGTERM was received."""
