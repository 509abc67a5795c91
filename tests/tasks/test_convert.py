"""Converting batches: real clips whole, failures told and contained, memory bounded."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from cgtool.backends.base import BackendInfo, GeneratorSource
from cgtool.backends.identity.backend import IdentityBackend
from cgtool.backends.opening import Opened
from cgtool.backends.selection import EngineRequest
from cgtool.conversion.events import Advanced, EngineOpened, Event, Finished, Result, Started
from cgtool.conversion.look import FullLook
from cgtool.conversion.model import Model
from cgtool.conversion.request import ConvertRequest
from cgtool.errors import EngineError, OutOfMemoryError, UsageError
from cgtool.tasks.convert import convert, lay_out
from tests.helpers.probe import assert_same_times, streams, timestamps
from tests.helpers.samples import numbered, numbers

SOURCE = GeneratorSource("key", "nothing", 4, lambda: pytest.fail("the network is not needed"))
LOOK = FullLook(size=286, smooth=0.0, texture=0.0, detail="resize")
MODEL = Model("nothing", "winter", SOURCE, 286, replace(LOOK, size="native"))


class FakeBackend(IdentityBackend):
    """Returns frames as they are until ``work`` says otherwise; counts what is asked of it."""

    info = BackendInfo(engine="fake", device="cpu", precision="fp32", batch=4)

    def __init__(self, work: Callable[[NDArray[np.uint8], int], NDArray[np.uint8]] = lambda frames, _: frames) -> None:
        self.work = work
        self.frames = 0
        self.opened = 0
        self.closed = 0
        self.request: EngineRequest | None = None

    def open(self, source: GeneratorSource, request: EngineRequest) -> Opened:
        assert source is SOURCE
        self.opened += 1
        self.request = request
        return Opened(self, ["fake: chosen"], [])

    def infer(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        self.frames += len(frames)
        return self.work(frames, self.frames - len(frames))

    def close(self) -> None:
        self.closed += 1


def events(inputs: Sequence[Path], backend: FakeBackend, **options: Any) -> list[Event]:  # noqa: ANN401
    request = ConvertRequest(inputs, model=MODEL, **{"preset": "ultrafast", **options})
    return list(convert(lay_out(request), opener=backend.open))


def results(happened: Sequence[Event]) -> list[Result]:
    return [event.result for event in happened if isinstance(event, Finished)]


def pipeline_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(("cgtool-", "ffmpeg-"))]


# Events


def test_what_happens_in_which_order(tmp_path: Path) -> None:
    first = numbered(tmp_path / "a.mp4", 20)
    missing = tmp_path / "b.mp4"
    third = numbered(tmp_path / "c.mp4", 5)
    backend = FakeBackend()
    happened = events([first, missing, third], backend)
    kinds = [type(event) for event in happened if not isinstance(event, Advanced)]
    assert kinds == [Started, EngineOpened, Finished, Started, Finished, Started, Finished]
    assert [(event.number, event.total) for event in happened if isinstance(event, Started)] == [(0, 3), (1, 3), (2, 3)]
    counts = [event.frames for event in happened if isinstance(event, Advanced)]
    assert {20, 5} <= set(counts)
    assert sum(later < earlier for earlier, later in itertools.pairwise(counts)) == 1, "once, at the next file"
    done, failed, other = results(happened)
    assert (done.status, failed.status, other.status) == ("converted", "failed", "converted")
    assert failed.error == f"{missing}: no such file"
    assert (backend.opened, backend.closed) == (1, 1)
    assert backend.frames == 25
    assert done.fps == pytest.approx(20 / done.seconds)
    assert list(done.busy_seconds)[:2] == ["decode", "infer"]
    assert list(done.busy_seconds)[-1] == "encode"
    assert pipeline_threads() == []


def test_the_engine_is_not_opened_for_nothing(tmp_path: Path) -> None:
    clip = numbered(tmp_path / "a.mp4", 2)
    (tmp_path / "a.winter.mp4").write_bytes(b"precious")
    backend = FakeBackend()
    [result] = results(events([clip], backend, skip_existing=True))
    assert (result.status, result.reason) == ("skipped", "exists already")
    [result] = results(events([clip], backend))
    assert result.status == "failed"
    assert "--overwrite" in str(result.error)
    assert backend.opened == 0
    assert (tmp_path / "a.winter.mp4").read_bytes() == b"precious"


def test_the_engine_is_told_whether_only_single_pictures_come(tmp_path: Path) -> None:
    photo = tmp_path / "a.png"
    Image.new("RGB", (32, 24), "green").save(photo)
    clip = numbered(tmp_path / "a.mp4", 2)
    for inputs, latency in (([photo], True), ([photo, clip], False)):
        backend = FakeBackend()
        events(inputs, backend, overwrite=True)
        assert backend.request is not None
        assert backend.request.latency is latency


def test_impossible_options_are_refused_before_any_work(tmp_path: Path) -> None:
    clip = numbered(tmp_path / "a.mp4", 2)
    backend = FakeBackend()
    options: dict[str, Any]
    for options, words in (
        ({"codec": "prores"}, "MP4 can't hold prores"),
        ({"pixel_format": "rgb48le"}, "rgb48le"),
        ({"overwrite": True, "skip_existing": True}, "exclude each other"),
        ({"to": "summer"}, "leads to 'winter'"),
        ({"engine": "abacus"}, "unknown --engine abacus"),
    ):
        with pytest.raises(UsageError, match=words):
            events([clip], backend, **options)
    assert backend.opened == 0


# Failures


def failing_at(number: int, error: Exception) -> Callable[[NDArray[np.uint8], int], NDArray[np.uint8]]:
    def work(frames: NDArray[np.uint8], before: int) -> NDArray[np.uint8]:
        if before <= number < before + len(frames):
            raise error
        return frames

    return work


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (EngineError("the device fell off"), "the device fell off"),
        (ZeroDivisionError("division by zero"), "failed unexpectedly (ZeroDivisionError: division by zero)"),
    ],
)
def test_one_files_failure_is_told_and_does_not_stop_the_others(tmp_path: Path, error: Exception, said: str) -> None:
    clips = [numbered(tmp_path / f"{name}.mp4", 30) for name in "abc"]
    backend = FakeBackend(failing_at(40, error))
    done = results(events(clips, backend, output=tmp_path / "out"))
    assert [result.status for result in done] == ["converted", "failed", "converted"]
    assert said in str(done[1].error)
    assert (done[1].fps, done[1].frames) == (0, 0)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.mp4", "c.mp4"]
    assert numbers(tmp_path / "out" / "c.mp4") == list(range(30))
    assert backend.closed == 1
    assert pipeline_threads() == []


def test_the_encoders_own_words_are_told(tmp_path: Path) -> None:
    clip = numbered(tmp_path / "a.mp4", 30)
    begin = time.monotonic()
    [result] = results(events([clip], FakeBackend(), preset=None, ffmpeg_args="-no_such_option 1"))
    assert "Unrecognized option 'no_such_option'" in str(result.error)
    assert time.monotonic() - begin < 3
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    assert pipeline_threads() == []


def test_running_out_of_memory_drops_no_frame(tmp_path: Path) -> None:
    clip = numbered(tmp_path / "a.mp4", 30)

    def work(frames: NDArray[np.uint8], before: int) -> NDArray[np.uint8]:
        if len(frames) > 2:
            raise OutOfMemoryError("full")
        return frames

    [result] = results(events([clip], FakeBackend(work)))
    assert result.status == "converted"
    assert "out of memory at a batch of 4; going on with 2" in result.warnings
    assert numbers(tmp_path / "a.winter.mp4") == list(range(30))
    assert_same_times(clip, tmp_path / "a.winter.mp4")


def test_leaving_early_stops_everything(tmp_path: Path) -> None:
    clip = numbered(tmp_path / "a.mp4", 50)
    blocked = threading.Event()

    def work(frames: NDArray[np.uint8], before: int) -> NDArray[np.uint8]:
        if before >= 20:
            blocked.wait(1)
        return frames

    backend = FakeBackend(work)
    request = ConvertRequest(clip, model=MODEL, preset="ultrafast")
    running = convert(lay_out(request), opener=backend.open)
    for event in running:
        if isinstance(event, Advanced) and event.frames >= 10:
            break
    running.close()  # type: ignore[attr-defined]
    blocked.set()
    assert backend.closed == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    assert pipeline_threads() == []


# Whole files


def assert_whole(source: Path, result: Path, frames: int) -> None:
    """Nothing of a clip is missing in its result, as the ffmpeg program sees both."""
    assert_same_times(source, result)
    assert len(timestamps(source)[0]) == frames
    kept = [(s.kind, s.language, s.default) for s in streams(source) if s.kind not in ("data", "attachment")]
    assert [(s.kind, s.language, s.default) for s in streams(result) if s.kind not in ("data", "attachment")] == kept
    assert [s.codec for s in streams(source) if s.kind == "attachment"] == [
        s.codec for s in streams(result) if s.kind == "attachment"
    ]
    [_, *copies] = [s for s in streams(source) if s.kind == "video"]
    assert len([s for s in streams(result) if s.kind == "video"]) == 1 + len(copies)
    for number in range(sum(s.kind == "audio" for s in streams(source))):
        before, tick = timestamps(source, f"0:a:{number}", decode=False)
        after, coarser = timestamps(result, f"0:a:{number}", decode=False)
        assert len(before) == len(after) > 0
        assert max(abs(a - b) for a, b in zip(before, after, strict=True)) <= max(tick, coarser)


SHORT = ["18_vp9_odd_161x121.webm", "22_nasa_multi_audio_subs_320x180.mp4", "30_vp9_alpha_200x200.webm"]
LONG = [
    "01_dashcam_960x540_aac.mp4",
    "02_snowfield_720p_ntsc_aac.mp4",
    "05_summergrass_720p_aac.mp4",
    "09_phone_garden_848x480_vfr_aac.mp4",
    "14_phone_rot-90_hlg10_editlist_hevc.mp4",
    "16_av1_hdr10_mountain_1080p60.mp4",
    "20_vfr_dropped_frames_1280x544.mp4",
    "21_anamorphic_sar16-11_704x576.mp4",
    "23_mkv_3ass_subs_1080p.mkv",
    "24_mkv_ass_720p_500f.mkv",
    "40_horses_pasture_960x540.mp4",
    "41_street_suburb_848x480_handheld.mp4",
    "42_summer_meadow_720p.mp4",
]


@pytest.mark.parametrize("name", [*SHORT, *(pytest.param(name, marks=pytest.mark.slow) for name in LONG)])
def test_every_real_clip_is_converted_whole(shared_data: Path, tmp_path: Path, name: str) -> None:
    source = shared_data / "clips" / name
    preset = "8" if name.endswith(".webm") else "ultrafast"
    [result] = results(events([source], FakeBackend(), preset=preset, output=tmp_path / "out" / name))
    assert result.status == "converted", result.error
    assert_whole(source, tmp_path / "out" / name, result.frames)


def test_the_list_of_clips_is_whole(shared_data: Path) -> None:
    assert sorted([*SHORT, *LONG]) == sorted(path.name for path in (shared_data / "clips").iterdir())


@pytest.mark.parametrize("name", ["bikes.mp4", "carphone_pristine.mp4"])
def test_published_clips_are_converted_whole(bunny: Path, tmp_path: Path, name: str) -> None:
    source = bunny.with_name(name)
    [result] = results(events([source], FakeBackend(), output=tmp_path / "out.mp4"))
    assert_whole(source, tmp_path / "out.mp4", result.frames)


def test_photographs_come_out_upright_and_equal_in_size(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "odd" / "exif"
    done = results(events([folder], FakeBackend(), output=tmp_path / "out"))
    assert [result.status for result in done] == ["converted"] * len(list(folder.iterdir()))
    for source in folder.iterdir():
        with Image.open(source) as before, Image.open(tmp_path / "out" / source.name) as after:
            upright = ImageOps.exif_transpose(before)
            assert after.size == upright.size
            assert after.getexif().get(0x0112, 1) == 1
            difference = np.asarray(after.convert("RGB")).astype(int) - np.asarray(upright.convert("RGB"))
            assert np.abs(difference).mean() < 3


def test_odd_pictures_are_converted(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "odd" / "images"
    done = results(events([folder], FakeBackend(), output=tmp_path / "out"))
    assert {result.status for result in done} == {"converted"}, [result.error for result in done]
    assert len(done) == len(list(folder.iterdir()))


def test_broken_files_are_told_apart(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "odd" / "broken"
    done = {Path(r.input).name: r for r in results(events([folder], FakeBackend(), output=tmp_path / "out"))}
    assert set(done) == {path.name for path in folder.iterdir()}
    failed = {name for name, result in done.items() if result.status == "failed"}
    assert failed == {
        "27_invalid_bitstream.webm",
        "bipbop_cbcs_video_init.mp4",
        "broken.png",
        "sine-3s-xhe-aac-44khz-mono.mp4",
    }
    for name, result in done.items():
        if name in failed:
            assert str(result.error).startswith(f"{folder / name}: ")
            assert "\n" not in str(result.error)
            assert "unexpectedly" not in str(result.error)
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(done) - failed
    for name in ("28_corrupted_nal.mp4", "truncated_jpeg.jpg"):
        assert any("damaged" in warning for warning in done[name].warnings), done[name].warnings


def test_pictures_that_can_not_be_written_are_told(tmp_path: Path) -> None:
    photo = tmp_path / "a.png"
    Image.new("RGB", (32, 24), "green").save(photo)
    (tmp_path / "file").touch()
    [result] = results(events([photo], FakeBackend(), output=tmp_path / "file" / "out.png"))
    assert result.status == "failed"
    assert "file/out.png: can't be written" in str(result.error)
