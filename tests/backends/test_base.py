"""What all engines share."""

from __future__ import annotations

from cgtool.backends.base import Backend, Engine, closed, counted, last_words
from cgtool.backends.identity.backend import IdentityBackend
from cgtool.errors import EngineError
from cgtool.pictures import Image


class Closing(IdentityBackend):
    closed = 0

    def close(self) -> None:
        self.closed += 1


def test_an_engine_is_a_backend_and_closes_itself() -> None:
    with Closing() as engine:
        assert isinstance(engine, Engine)
        assert isinstance(engine, Backend)
        assert (list(engine.notes), list(engine.warnings)) == ([], [])
    assert engine.closed == 1


def test_a_backend_need_not_be_one_of_ours() -> None:
    class Foreign:
        info = IdentityBackend.info

        def infer(self, frames: Image) -> Image:
            return frames

        def close(self) -> None: ...

        def __enter__(self) -> Foreign:
            return self

        def __exit__(self, *_: object) -> None: ...

    assert isinstance(Foreign(), Backend)


def test_frames_are_counted_with_width_and_height() -> None:
    assert counted((1, 720, 1280, 3)) == "1 frame of 1280x720"
    assert counted((4, 8, 16)) == "4 frames of 16x8"


def test_the_last_words_of_an_error() -> None:
    assert last_words(RuntimeError("in src/plugin.cpp:12\n\n  no such operator \n")) == "no such operator"
    assert last_words(MemoryError()) == "MemoryError"


def test_a_closed_engine_says_so() -> None:
    error = closed("toy")
    assert isinstance(error, EngineError)
    assert str(error) == "toy: the backend is closed"
