"""The network's size, splitting where memory runs out, and what becomes of the network's result."""

from __future__ import annotations

from fractions import Fraction
from types import TracebackType

import numpy as np
import pytest
from numpy.typing import NDArray

from cgtool.backends.base import BackendInfo
from cgtool.conversion.translate import Look, Size, Translator, network_size
from cgtool.errors import OutOfMemoryError
from cgtool.frame import Frame


class FakeBackend:
    """Inverts frames; has memory for so many at once, and overwrites its output at every call."""

    def __init__(self, fits: int = 99) -> None:
        self.info = BackendInfo("fake", "cpu", "fp32", 8)
        self.fits = fits
        self.calls: list[int] = []
        self._output = np.empty(0, np.uint8)

    def infer(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if len(frames) > self.fits:
            raise OutOfMemoryError("full")
        self.calls.append(len(frames))
        if self._output.shape[1:] != frames.shape[1:]:
            self._output = np.empty((16, *frames.shape[1:]), np.uint8)
        np.subtract(255, frames, out=self._output[: len(frames)])
        return self._output[: len(frames)]

    def close(self) -> None:
        self._output = np.empty(0, np.uint8)

    def __enter__(self) -> FakeBackend:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def frames(count: int, height: int = 48, width: int = 64) -> list[Frame]:
    random = np.random.default_rng(0)
    shape = (height, width, 3)
    return [Frame(random.integers(0, 256, shape, np.uint8), n, n * 40, Fraction(1, 1000)) for n in range(count)]


PLAIN = Look(smooth=0, detail="resize")


@pytest.mark.parametrize(
    ("width", "height", "size", "wanted"),
    [
        (1280, 720, "auto", (508, 286)),
        (720, 1280, "auto", (286, 508)),
        (161, 121, "auto", (381, 286)),
        (1920, 1080, 540, (960, 540)),
        (1921, 1081, "native", (1921, 1081)),
        (16, 16, 286, (286, 286)),
    ],
)
def test_network_size(width: int, height: int, size: Size, wanted: tuple[int, int]) -> None:
    assert network_size(width, height, size, training_scale=286) == wanted


def test_auto_is_capped() -> None:
    assert network_size(3840, 2160, "auto", training_scale=1024) == (1280, 720)


@pytest.mark.parametrize(("width", "height"), [(10_000, 10), (10, 10_000), (1, 5000)])
def test_banners_stay_within_memory(width: int, height: int) -> None:
    w, h = network_size(width, height, "auto", training_scale=286)
    assert w * h <= 9 * 286 * 286
    assert min(w, h) >= 1


@pytest.mark.parametrize(("size", "wanted"), [("auto", 8), (540, 2), ("native", 2)])
def test_large_frames_go_in_small_batches(size: Size, wanted: int) -> None:
    translator = Translator(FakeBackend(), size, 286, PLAIN)
    translator.limit_batch(1920, 1080)
    assert translator.batch == wanted


def test_out_of_memory_halves_the_batch_and_loses_no_frame() -> None:
    backend = FakeBackend(fits=3)
    translator = Translator(backend, "native", 286, PLAIN)
    clip = frames(11)
    done = []
    for at in range(0, len(clip), 8):
        done += translator.infer([translator.shrink(frame) for frame in clip[at : at + 8]])
    assert [picture.frame.index for picture in done] == list(range(11))
    for picture, frame in zip(done, clip, strict=True):
        assert np.array_equal(picture.result, 255 - frame.pixels)
    assert backend.calls == [2, 2, 2, 2, 2, 1]
    assert translator.warnings == [
        "out of memory at a batch of 8; going on with 4",
        "out of memory at a batch of 4; going on with 2",
    ]


def test_not_even_one_frame_fits() -> None:
    translator = Translator(FakeBackend(fits=0), "native", 286, PLAIN)
    with pytest.raises(OutOfMemoryError, match=r"64x48.*--size"):
        translator.infer([translator.shrink(frame) for frame in frames(2)])


def test_plain_at_native_size_is_the_engines_output_bit_for_bit() -> None:
    translator = Translator(FakeBackend(), "native", 286, PLAIN)
    for picture in translator.infer([translator.shrink(frame) for frame in frames(3)]):
        finished = translator.finish(translator.smooth(picture)).frame
        assert np.array_equal(finished.pixels, 255 - frames(3)[finished.index].pixels)
        assert finished.pts == finished.index * 40


@pytest.mark.parametrize(("detail", "size"), [("guided", 32), ("resize", 32), ("resize", 96), ("guided", 96)])
def test_the_result_has_the_frames_own_size(detail: str, size: int) -> None:
    look = Look(smooth=0.8, detail="guided" if detail == "guided" else "resize", texture=0.5)
    translator = Translator(FakeBackend(), size, 286, look)
    for height, width in ((48, 64), (33, 57)):
        translator = Translator(FakeBackend(), size, 286, look)
        for frame in frames(3, height, width):
            [picture] = translator.infer([translator.shrink(frame)])
            finished = translator.finish(translator.smooth(picture)).frame
            assert finished.pixels.shape == frame.pixels.shape
            assert finished.pixels.dtype == np.uint8


def test_no_strength_is_the_source() -> None:
    for detail in ("guided", "resize"):
        look = Look(smooth=0, detail="guided" if detail == "guided" else "resize", strength=0)
        translator = Translator(FakeBackend(), 24, 286, look)
        [frame] = frames(1)
        [picture] = translator.infer([translator.shrink(frame)])
        difference = translator.finish(picture).frame.pixels.astype(int) - frame.pixels
        assert np.abs(difference).max() <= 1


def test_speed_is_known_only_after_enough_calls() -> None:
    translator = Translator(FakeBackend(), "native", 286, PLAIN, batch=1)
    [frame] = frames(1)
    for _ in range(10):
        translator.infer([translator.shrink(frame)])
    assert translator.milliseconds_per_megapixel() is None
    translator.infer([translator.shrink(frame)])
    speed = translator.milliseconds_per_megapixel()
    assert speed is not None
    assert speed > 0
