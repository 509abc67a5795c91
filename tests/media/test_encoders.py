"""From a user's wishes to ffmpeg's arguments."""

from __future__ import annotations

import pytest

from cgtool.errors import UsageError
from cgtool.media import encoders
from cgtool.media.containers import CONTAINERS
from cgtool.media.encoders import ENCODERS, Encoder, choose_encoder, find_hardware_encoder
from tests.helpers.probe import ffmpeg


def value(arguments: tuple[str, ...], option: str) -> str | None:
    return arguments[arguments.index(option) + 1] if option in arguments else None


def test_every_codec_of_every_container_has_an_encoder_that_ffmpeg_ships() -> None:
    shipped = ffmpeg("-encoders").stdout.split()
    for container in CONTAINERS.values():
        for codec in container.codecs:
            assert ENCODERS[codec].name in shipped


@pytest.mark.parametrize("codec", ENCODERS)
def test_wishes_reach_the_encoder_or_are_refused(codec: str) -> None:
    encoder = ENCODERS[codec]
    for option, wish, default in (("crf", 33, encoder.crf), ("preset", "7", encoder.preset)):
        name = "-crf" if option == "crf" else encoder.preset_option
        if default is None:
            with pytest.raises(UsageError, match=f"--{option} does not apply to {codec}"):
                choose_encoder(codec, 64, 48, **{option: wish})  # type: ignore[arg-type]
            assert value(choose_encoder(codec, 64, 48).arguments, name) is None
        else:
            assert value(choose_encoder(codec, 64, 48).arguments, name) == str(default)
            assert value(choose_encoder(codec, 64, 48, **{option: wish}).arguments, name) == str(wish)  # type: ignore[arg-type]


@pytest.mark.parametrize("codec", [codec for codec in ENCODERS if codec != "gif"])
def test_default_pixel_formats_are_ones_that_the_encoder_takes(codec: str) -> None:
    """Named outright, they are checked against ffmpeg's own list; for gif, ffmpeg makes a palette of RGB."""
    for name in (ENCODERS[codec].pixel_format, ENCODERS[codec].odd_pixel_format or ENCODERS[codec].pixel_format):
        choice = choose_encoder(codec, 64, 48, pixel_format=name)
        assert choice.pixel_format == value(choice.arguments, "-pix_fmt:{n}") == name


@pytest.mark.parametrize(
    ("codec", "name", "said"),
    [
        ("h264", "yuv999", "--pixel-format yuv999 is none that libx264 takes. It takes yuv420p "),
        ("prores", "rgb48le", "It takes yuv422p10le "),
        ("gif", "pal8", "--pixel-format does not apply to gif"),
    ],
)
def test_pixel_formats_that_can_not_be_are_refused(codec: str, name: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        choose_encoder(codec, 64, 48, pixel_format=name)
    assert said in str(caught.value)


@pytest.mark.parametrize(("width", "height"), [(63, 48), (64, 47), (63, 47)])
def test_odd_sizes_are_told_and_a_wish_comes_first(width: int, height: int) -> None:
    [warning] = choose_encoder("h264", width, height).warnings
    assert f"{width}x{height} is odd" in warning
    assert choose_encoder("h264", width, height, pixel_format="yuv444p").warnings == ()
    assert choose_encoder("vp9", width, height).warnings == ()


def test_crf_0_of_vp9_is_lossless_as_it_is_of_the_others() -> None:
    assert value(choose_encoder("vp9", 64, 48, crf=0).arguments, "-lossless") == "1"
    assert value(choose_encoder("vp9", 64, 48, crf=1).arguments, "-lossless") is None


def test_hardware_encoders_are_opened_before_they_are_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """libx264 stands in for a hardware encoder that opens; one that ffmpeg does not know, for one that doesn't."""
    find_hardware_encoder.cache_clear()
    pretended = {"no_such_encoder": "-cq", "libx264": "-crf"}
    monkeypatch.setitem(encoders.ENCODERS, "h264", Encoder("x", "yuv420p", crf=18, hardware=pretended))
    choice = choose_encoder("h264", 64, 48, crf=30, hardware=True)
    assert (choice.name, value(choice.arguments, "-crf")) == ("libx264", "30")
    assert choice.warnings == ()
    find_hardware_encoder.cache_clear()
    monkeypatch.setitem(encoders.ENCODERS, "h264", Encoder("x", "yuv420p", hardware={"no_such_encoder": "-cq"}))
    choice = choose_encoder("h264", 64, 48, hardware=True)
    assert choice.name == "x"
    assert choice.warnings == ("no hardware encoder for h264 opens on this machine; x is used",)
    find_hardware_encoder.cache_clear()
