"""A map network's way: on the decoder's own planes it gives what the way through RGB gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cgtool.backends.base import BackendInfo, Engine, GeneratorSource, MapGrid
from cgtool.backends.opening import Opened
from cgtool.change.rgb import RgbChange
from cgtool.conversion.events import Finished
from cgtool.conversion.look import FullLook
from cgtool.conversion.mapping import samples_of
from cgtool.conversion.model import Model
from cgtool.conversion.request import ConvertRequest
from cgtool.media.colour import Colour
from cgtool.media.images import read_image
from cgtool.media.reader import VideoReader
from cgtool.pictures import Image, Size, resize
from cgtool.tasks.convert import convert, lay_out
from tests.helpers.probe import describe, make
from tests.helpers.samples import GRADIENT

GRID = MapGrid(stride=4, knots=4)


class FakeMaps(Engine):
    """Gives maps that follow the picture: dark places become bluer, bright ones paler, the right half more."""

    info = BackendInfo("fake", "cpu", "fp32", 2)

    def infer(self, frames: Image) -> NDArray[np.float32]:
        batch, height, width, _ = frames.shape
        maps = np.zeros((batch, GRID.knots, 7, height // 4, width // 4), np.float32)
        amount = np.linspace(0.5, 1, width // 4, dtype=np.float32)
        for knot in range(GRID.knots):
            maps[:, knot, :3] = -0.3 * amount
            maps[:, knot, 3] = 0.15 * amount
            maps[:, knot, 4:] = np.array([0.02, 0.05, 0.12]).reshape(3, 1, 1) * amount * (knot + 1) / GRID.knots
        return maps.reshape(batch, -1, height // 4, width // 4)

    def close(self) -> None:
        pass


def no_network() -> None:
    raise AssertionError("the fake needs none")


SOURCE = GeneratorSource("fake", "fake maps", 8, no_network, maps=GRID)  # type: ignore[arg-type]  # never called
MODEL = Model("fake", "winter", SOURCE, 64, FullLook(size=64, smooth=0.5, texture=0.0))


def converted(source: Path, target: Path, **options: object) -> Finished:
    request = ConvertRequest(source, model=MODEL, output=target, overwrite=True, **options)  # type: ignore[arg-type]
    *_, done = convert(lay_out(request), opener=lambda *_: Opened(FakeMaps(), [], []))
    assert isinstance(done, Finished)
    assert done.result.error is None
    return done


def pixels(path: Path) -> NDArray[np.int16]:
    with VideoReader(path) as reader:
        return np.stack([frame.pixels for frame in reader.frames()]).astype(np.int16)


@pytest.mark.parametrize("size", ["192x128", "191x127"])
@pytest.mark.parametrize(
    ("pixel_format", "colours"),
    [
        ("yuv420p", "colorspace=bt709:range=tv"),
        ("yuv420p", "colorspace=smpte170m:range=tv"),
        ("yuv420p", "colorspace=bt709:range=pc"),
        ("yuv422p", "colorspace=bt709:range=tv"),
        ("yuv444p", "colorspace=bt709:range=tv"),
        ("yuv420p10le", "colorspace=bt709:range=tv"),
    ],
)
def test_planes_and_rgb_give_the_same(tmp_path: Path, pixel_format: str, colours: str, size: str) -> None:
    # Muted: of saturated colours, luma differs from matrix to matrix, and with it the knots that they are changed by.
    picture = f"{GRADIENT}:size={size}:rate=5:duration=1,hue=s=0.5,format={pixel_format},setparams={colours}"
    clip = make(tmp_path / "clip.mkv", "-f", "lavfi", "-i", picture, "-c:v", "ffv1")
    planes = converted(clip, tmp_path / "planes.mkv", codec="ffv1").result
    rgb = converted(clip, tmp_path / "rgb.mkv", codec="ffv1", pixel_format="bgr0").result
    assert planes.frames == rgb.frames == 5
    with VideoReader(tmp_path / "planes.mkv") as reader:
        assert reader.info.pixel_format == pixel_format
    difference = np.abs(pixels(tmp_path / "planes.mkv") - pixels(tmp_path / "rgb.mkv"))
    assert difference.mean() < 1.0
    assert np.quantile(difference, 0.999) <= 4
    assert np.abs(pixels(tmp_path / "planes.mkv") - pixels(clip)).mean() > 2, "the maps change something"


@pytest.mark.parametrize("pixel_format", ["yuv411p", "yuv410p", "gbrp"])
def test_other_formats_are_changed_in_rgb(tmp_path: Path, pixel_format: str) -> None:
    picture = f"{GRADIENT}:size=191x127:rate=5:duration=0.4,hue=s=0.5,format={pixel_format}"
    clip = make(tmp_path / "clip.mkv", "-f", "lavfi", "-i", picture, "-c:v", "ffv1")
    done = converted(clip, tmp_path / "out.mkv", codec="ffv1", smooth=0.0).result
    height, width = (max(1, round(side * 64 / 127 / 8)) * 8 for side in (127, 191))
    change = RgbChange(Size(191, 127), (height // 4, width // 4), GRID.knots)
    with VideoReader(clip) as reader:
        for frame, shown in zip(reader.frames(), pixels(tmp_path / "out.mkv"), strict=True):
            [maps] = FakeMaps().infer(resize(frame.pixels, Size(width, height))[None])
            assert np.array_equal(change(frame.pixels, maps), shown)
    assert (done.size, done.frames) == (f"{width}x{height}", 2)


def test_an_image_is_changed_at_its_own_size_and_keeps_its_alpha(tmp_path: Path) -> None:
    from PIL import Image as Pillow

    random = np.random.default_rng(0).integers(0, 256, (75, 101, 4)).astype(np.uint8)
    Pillow.fromarray(random).save(tmp_path / "in.png")
    converted(tmp_path / "in.png", tmp_path / "out.png")
    result = read_image(tmp_path / "out.png")
    assert result.pixels.shape == (75, 101, 3)
    assert result.alpha is not None
    assert np.array_equal(result.alpha, random[..., 3])
    assert not np.array_equal(result.pixels, random[..., :3])


def test_the_network_sees_whole_cells(tmp_path: Path) -> None:
    picture = "testsrc2=size=161x121:rate=5:duration=0.4"
    clip = make(tmp_path / "clip.mkv", "-f", "lavfi", "-i", picture, "-c:v", "ffv1", "-pix_fmt", "yuv420p")
    done = converted(clip, tmp_path / "out.mkv", codec="ffv1").result
    assert done.size == "88x64"


def test_no_strength_is_the_source(tmp_path: Path) -> None:
    picture = "testsrc2=size=64x48:rate=5:duration=0.4"
    clip = make(tmp_path / "clip.mkv", "-f", "lavfi", "-i", picture, "-c:v", "ffv1", "-pix_fmt", "yuv420p")
    converted(clip, tmp_path / "out.mkv", codec="ffv1", strength=0.0)
    assert np.array_equal(pixels(tmp_path / "out.mkv"), pixels(clip))


def colour(*, matrix: int = 1, transfer: int = 1, full_range: bool = False) -> Colour:
    return Colour(matrix=matrix, primaries=1, transfer=transfer, full_range=full_range, width=64, height=48)


def test_what_planes_are_read_as() -> None:
    samples = samples_of("yuv420p10le", colour())
    assert samples is not None
    assert (samples.depth, samples.step, samples.siting) == (10, (2, 2), (0.0, 0.5))
    assert samples.luma_weights == (0.2126, 0.0722)
    gray = samples_of("gray", colour(full_range=True))
    assert gray is not None
    assert (gray.kind, gray.full_range) == ("gray", True)


@pytest.mark.parametrize("name", ["yuv411p", "yuv410p", "yuva420p", "bgr0", "gbrp", "nv12", None])
def test_formats_that_go_the_way_of_rgb(name: str | None) -> None:
    assert samples_of(name, colour()) is None


def test_high_dynamic_range_is_tone_mapped_unless_it_is_kept() -> None:
    hdr = colour(transfer=16, matrix=9)
    assert samples_of("yuv420p10le", hdr) is None
    assert samples_of("yuv420p", hdr, keep_hdr=True) is None
    samples = samples_of("yuv420p10le", hdr, keep_hdr=True)
    assert samples is not None
    assert samples.luma_weights == (0.2627, 0.0593)


def psnr(one: Path, other: Path) -> float:
    """Of two videos as they are seen in SDR, in dB."""
    return float(10 * np.log10(255**2 / np.mean((pixels(one) - pixels(other)).astype(np.float64) ** 2)))


@pytest.mark.parametrize("transfer", [pytest.param("smpte2084", marks=pytest.mark.slow), "arib-std-b67"])
def test_high_dynamic_range_that_is_kept_looks_like_the_tone_mapped_result(tmp_path: Path, transfer: str) -> None:
    tags = f"setparams=range=tv:colorspace=bt2020nc:color_primaries=bt2020:color_trc={transfer}"
    picture = f"{GRADIENT}:size=192x128:rate=5:duration=0.6,eq=saturation=0.2,format=yuv420p10le,{tags}"
    clip = make(tmp_path / "clip.mkv", "-f", "lavfi", "-i", picture, "-c:v", "ffv1")
    sdr = converted(clip, tmp_path / "sdr.mp4", crf=5).result
    kept = converted(clip, tmp_path / "kept.mp4", crf=5, hdr="keep").result
    assert len(sdr.warnings) == 1
    assert kept.warnings == ()
    with VideoReader(tmp_path / "kept.mp4") as reader:
        assert reader.info.pixel_format == "yuv420p10le"
        assert transfer in describe(tmp_path / "kept.mp4")
        assert "bt2020nc" in describe(tmp_path / "kept.mp4")
    with VideoReader(clip) as one, VideoReader(tmp_path / "kept.mp4") as other:
        frames = zip(one.planar_frames(), other.planar_frames(), strict=True)
        assert min(np.abs(a.planes[0].astype(int) - b.planes[0]).mean() for a, b in frames) > 10
    assert psnr(tmp_path / "sdr.mp4", tmp_path / "kept.mp4") > 32


def test_what_can_not_keep_high_dynamic_range_is_told(tmp_path: Path) -> None:
    tags = "setparams=range=tv:colorspace=bt2020nc:color_primaries=bt2020:color_trc=smpte2084"
    picture = f"{GRADIENT}:size=64x48:rate=5:duration=0.4,format=yuv420p10le,{tags}"
    clip = make(tmp_path / "clip.mkv", "-f", "lavfi", "-i", picture, "-c:v", "ffv1")
    request = ConvertRequest(clip, model=MODEL, output=tmp_path / "a.mp4", codec="h264", hdr="keep")
    *_, done = convert(lay_out(request), opener=lambda *_: Opened(FakeMaps(), [], []))
    assert isinstance(done, Finished)
    assert "HDR does not fit yuv420p" in str(done.result.error)
    assert not (tmp_path / "a.mp4").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["14_phone_rot-90_hlg10_editlist_hevc.mp4", "16_av1_hdr10_mountain_1080p60.mp4"])
def test_real_high_dynamic_range_is_kept(real_data: Path, tmp_path: Path, name: str) -> None:
    pytest.importorskip("torch")
    model = Path(__file__).parents[1] / "warmstarts" / "summer2winter"
    for target, hdr in (("sdr.mp4", "sdr"), ("kept.mp4", "keep")):
        request = ConvertRequest(
            real_data / "clips" / name, to="winter", model=model, output=tmp_path / target, end=0.15, crf=8, hdr=hdr,  # type: ignore[arg-type]
        )  # fmt: skip
        *_, done = convert(lay_out(request))
        assert isinstance(done, Finished)
        assert done.result.error is None
    assert psnr(tmp_path / "sdr.mp4", tmp_path / "kept.mp4") > 32


def test_ten_bits_stay_ten_bits(tmp_path: Path) -> None:
    """A gray ramp of 1,024 levels on its way to winter, by a real network and the default encoder for such a source."""
    pytest.importorskip("torch")
    picture = "color=gray:size=1024x128:rate=5:duration=0.4,format=yuv420p10le,geq=lum=X:cb=512:cr=512"
    ramp = f"{picture},setparams=range=pc:colorspace=bt709"
    clip = make(tmp_path / "ramp.mkv", "-f", "lavfi", "-i", ramp, "-c:v", "ffv1", "-color_range", "pc")
    model = Path(__file__).parents[1] / "warmstarts" / "summer2winter"
    request = ConvertRequest(clip, to="winter", model=model, output=tmp_path / "out.mp4", engine="torch")
    *_, done = convert(lay_out(request))
    assert isinstance(done, Finished)
    assert (done.result.error, done.result.warnings) == (None, ())
    with VideoReader(tmp_path / "out.mp4") as reader:
        assert reader.info.pixel_format == "yuv420p10le"
        for frame in reader.planar_frames():
            assert len(np.unique(frame.planes[0])) > 900
            assert not np.array_equal(frame.planes[0][64], np.arange(1024)), "winter changes it"
