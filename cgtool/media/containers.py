"""Output containers as a table, and what becomes of the source's other streams in each of them.

To add a container, write a `Container` and give it its suffixes in `CONTAINERS`. For every stream of the source but the
converted one there are three ways, best first: copied as it is, transcoded to what the container can hold, left out.
The last two are told to the user.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

ANY = frozenset({"*"})
UNKNOWN = "unknown"
"""The codec of streams that FFmpeg can't decode."""
_LATEST_SOUND_SECONDS = Fraction(1, 50)
"""Sound that is late by less than this needs no silence before it where a container can't hold that it is late."""

_PICTURES = {
    **{"mjpeg": ("image/jpeg", "jpg"), "png": ("image/png", "png"), "webp": ("image/webp", "webp")},
    **{"gif": ("image/gif", "gif"), "bmp": ("image/bmp", "bmp")},
}
_TEXT_SUBTITLES = ("mov_text", "subrip", "ass", "ssa", "webvtt", "text")
_PCM = frozenset(f"pcm_{kind}" for kind in ("s16le", "s16be", "s24le", "s24be", "s32le", "s32be", "f32le", "f32be"))


@dataclass(frozen=True)
class Container:
    """An output format.

    Attributes:
        name: Its name in messages.
        muxer: FFmpeg's name of it.
        codecs: Values of ``--codec`` that it holds; the first is its default.
        audio: Codecs that are copied into it.
        audio_encoder: FFmpeg arguments that make audio it can hold of any other; empty if it holds none.
        subtitles: FFmpeg encoder (or ``copy``) for each subtitle codec it can take.
        other_video: Codecs of further video streams and cover pictures that are copied.
        attachments: Whether fonts and other attached files fit.
        chapters: Whether chapters fit.
        timecode: Whether a timecode fits.
        languages: Language codes of ISO 639-2 that FFmpeg writes only in another spelling, and that spelling.
        clock: Ticks that frames are laid on: ``source`` (its own), ``frames`` (a tick per frame, at the source's
            nominal rate) or ``centiseconds``. All but the first begin at 0, picture and sound alike.
    """

    name: str
    muxer: str
    codecs: tuple[str, ...]
    audio: frozenset[str] = frozenset()
    audio_encoder: tuple[str, ...] = ()
    subtitles: Mapping[str, str] = field(default_factory=dict)
    other_video: frozenset[str] = frozenset()
    attachments: bool = False
    chapters: bool = False
    timecode: bool = False
    languages: Mapping[str, str] = field(default_factory=dict)
    clock: Literal["source", "frames", "centiseconds"] = "source"


# Codecs that MP4 and QuickTime share (ISO base media file format).
_ISO_AUDIO = frozenset({"aac", "aac_adts", "mp3", "mp2", "ac3", "eac3", "alac"}) | _PCM
# What Matroska has a name for, of its own or WAVE's; the rest of what FFmpeg decodes becomes FLAC, which loses nothing.
_MKV_AUDIO = (
    frozenset({"aac", "aac_adts", "mp3", "mp2", "ac3", "eac3", "alac", "flac", "opus", "vorbis", "dts", "truehd"})
    | frozenset({"mlp", "wavpack", "wmav1", "wmav2", "adpcm_ms", "adpcm_ima_wav"})
    | (_PCM - {"pcm_f32be"})
    | frozenset({"pcm_u8", "pcm_f64le", "pcm_alaw", "pcm_mulaw"})
)
_TO_MOV_TEXT = dict.fromkeys(_TEXT_SUBTITLES, "mov_text") | {"mov_text": "copy"}
# QuickTime counts languages by a table of its own; FFmpeg knows each by one of its two or three codes only.
_MOV_LANGUAGES = {
    **{"fre": "fra", "deu": "ger", "nld": "dut", "swe": "sve", "ell": "gre", "isl": "ice", "zho": "chi", "sqi": "alb"},
    **{"rum": "ron", "cze": "ces", "slo": "slk", "mkd": "mac", "hye": "arm", "kat": "geo", "bod": "tib", "mya": "bur"},
    **{"msa": "may", "cym": "wel", "eus": "baq"},
}
# Opus has no layout of its own for 5.1(side) and the like, which FFmpeg's encoder refuses: they become plain 5.1.
_OPUS = ("libopus", "-b:{n}", "160k", "-filter:{n}", "aformat=channel_layouts=7.1|5.1|stereo|mono")

_MP4 = Container(
    name="MP4",
    muxer="mp4",
    codecs=("h264", "hevc", "av1", "vp9"),
    audio=_ISO_AUDIO | {"flac", "opus", "dts"},
    audio_encoder=("aac", "-b:{n}", "192k"),
    subtitles={**_TO_MOV_TEXT, "dvd_subtitle": "copy"},
    other_video=frozenset({"h264", "hevc", "av1", "vp9", "mpeg4", "mjpeg", "png"}),
    chapters=True,
    timecode=True,
)
_MOV = Container(
    name="QuickTime",
    muxer="mov",
    codecs=("h264", "hevc", "prores"),
    audio=_ISO_AUDIO,
    audio_encoder=("aac", "-b:{n}", "192k"),
    subtitles=_TO_MOV_TEXT,
    other_video=frozenset({"h264", "hevc", "prores", "mpeg4", "mjpeg", "png"}),
    chapters=True,
    timecode=True,
    languages=_MOV_LANGUAGES,
)
_MKV = Container(
    name="Matroska",
    muxer="matroska",
    codecs=("h264", "hevc", "av1", "vp9", "prores", "ffv1"),
    audio=_MKV_AUDIO,
    audio_encoder=("flac",),
    subtitles={
        **dict.fromkeys(_TEXT_SUBTITLES, "copy"),
        "mov_text": "subrip",
        "hdmv_pgs_subtitle": "copy",
        "dvd_subtitle": "copy",
        "dvb_subtitle": "copy",
    },
    other_video=ANY,
    attachments=True,
    chapters=True,
    timecode=True,
)
_WEBM = Container(
    name="WebM",
    muxer="webm",
    codecs=("vp9", "av1"),
    audio=frozenset({"opus", "vorbis"}),
    audio_encoder=_OPUS,
    subtitles=dict.fromkeys(_TEXT_SUBTITLES, "webvtt") | {"webvtt": "copy"},
    other_video=frozenset({"vp8", "vp9", "av1"}),
    chapters=True,
    timecode=True,
)
_AVI = Container(
    name="AVI",
    muxer="avi",
    codecs=("h264", "ffv1"),
    audio=frozenset({"aac", "mp3", "mp2", "ac3", "wmav2", "pcm_s16le", "pcm_u8"}),
    audio_encoder=(
        *("libmp3lame", "-b:{n}", "192k"),
        *("-filter:{n}", "aformat=channel_layouts=stereo|mono,aresample=async=1:first_pts=0"),
    ),
    clock="frames",
)
_GIF = Container(name="GIF", muxer="gif", codecs=("gif",), clock="centiseconds")

CONTAINERS: Mapping[str, Container] = {
    ".mp4": _MP4,
    ".m4v": _MP4,
    ".mov": _MOV,
    ".mkv": _MKV,
    ".webm": _WEBM,
    ".avi": _AVI,
    ".gif": _GIF,
}
"""Output containers by file suffix."""

VIDEO_SUFFIXES = frozenset(CONTAINERS) | {
    *(".3g2", ".3gp", ".asf", ".dv", ".f4v", ".flv", ".m2ts", ".m2v", ".mpe", ".mpeg", ".mpg", ".mts"),
    *(".mxf", ".ogv", ".qt", ".rm", ".rmvb", ".ts", ".vob", ".wmv", ".y4m"),
}
"""Suffixes of files that are taken for videos when a directory is searched."""


@dataclass(frozen=True)
class SourceStream:
    """A stream of the source file.

    Attributes:
        index: Its number in the file.
        kind: ``video``, ``audio``, ``subtitle``, ``attachment`` or ``data``.
        codec: FFmpeg's name of the codec, or ``UNKNOWN``; ``aac_adts`` for AAC as transport streams have it.
        is_default: Whether players choose it by themselves.
        is_timecode: Its timecode is carried as a property of the converted stream.
        is_picture: A cover picture, not a moving one.
        language: Its code (ISO 639-2), None if the file doesn't say.
        file_name: Of an attached file or a cover picture, None if the file doesn't say.
        begin_seconds: When it begins on the file's clock, None if unknown.
    """

    index: int
    kind: str
    codec: str
    is_default: bool = False
    is_picture: bool = False
    is_timecode: bool = False
    language: str | None = None
    file_name: str | None = None
    begin_seconds: Fraction | None = None


@dataclass(frozen=True)
class CarriedStream:
    """A stream that goes from the source to the output beside the converted one.

    Attributes:
        index: Its number in the source file.
        arguments: FFmpeg's ``-c`` argument and what belongs to it; ``{n}`` stands for the output stream's number.
        is_attached: It becomes an attached file instead of a stream; ``arguments`` say what belongs to ``-attach``.
    """

    index: int
    arguments: tuple[str, ...]
    is_attached: bool = False


def carry(
    streams: Iterable[SourceStream], container: Container, converted_index: int, *, audio: bool = True
) -> tuple[list[CarriedStream], list[str]]:
    """Decide what becomes of every stream but the converted one.

    Args:
        streams: All streams of the source.
        container: The output's format.
        converted_index: The stream that is converted.
        audio: False to leave all audio out (``--no-audio``).

    Returns:
        The streams to carry, in the source's order, and a warning for each change or loss.
    """
    streams = list(streams)
    begin = next((stream.begin_seconds for stream in streams if stream.index == converted_index), None)
    carried: list[CarriedStream] = []
    changed: dict[tuple[str, str, str], list[int]] = {}
    for stream in streams:
        if stream.index == converted_index or (stream.kind == "audio" and not audio):
            continue
        if stream.is_picture and container.attachments and stream.codec in _PICTURES:
            carried.append(_attach(stream))
            continue
        if stream.kind == "audio":
            arguments, warning = _carry_audio(stream, container, begin)
        else:
            arguments, warning = _carry_one(stream, container)
        if arguments:
            carried.append(CarriedStream(stream.index, arguments + language_arguments(stream.language, container)))
        if warning:
            changed.setdefault((stream.kind, stream.codec, warning), []).append(stream.index)
    return carried, [_warning(*what, indices) for what, indices in changed.items()]


def _warning(kind: str, codec: str, what: str, indices: list[int]) -> str:
    numbers = ", ".join(map(str, indices))
    return f"{'stream' if len(indices) == 1 else 'streams'} {numbers} ({kind}, {codec}): {what}"


def _attach(stream: SourceStream) -> CarriedStream:
    """Matroska keeps cover pictures as attached files; FFmpeg would write one as a film."""
    kind, suffix = _PICTURES[stream.codec]
    tags = (f"mimetype={kind}", f"filename={stream.file_name or f'cover.{suffix}'}")
    return CarriedStream(stream.index, tuple(a for tag in tags for a in ("-metadata:s:{n}", tag)), is_attached=True)


def _carry_audio(
    stream: SourceStream, container: Container, picture_begin: Fraction | None
) -> tuple[tuple[str, ...], str | None]:
    if stream.codec == UNKNOWN:
        return (), "left out, nothing here decodes it"
    how = f"re-encoded by {container.audio_encoder[0]}" if container.audio_encoder else "left out"
    if stream.codec not in container.audio:
        return container.audio_encoder, f"{how}, {container.name} can't hold it"
    # A container that begins at 0 begins its sound there, too. Sound that is to come later needs silence before it,
    # which can be put into what is encoded anew, but not into a copy.
    if container.clock != "source" and stream.begin_seconds is not None and picture_begin is not None:
        late = stream.begin_seconds - picture_begin
        if late > _LATEST_SOUND_SECONDS:
            return (
                container.audio_encoder,
                f"{how}, {container.name} can't hold that it begins {float(late):.2f} s late",
            )
    return ("copy",), None


def language_arguments(language: str | None, container: Container) -> tuple[str, ...]:
    """FFmpeg arguments that keep a stream's language where the container spells it otherwise."""
    spelling = container.languages.get(language or "")
    return () if spelling is None else ("-metadata:s:{n}", f"language={spelling}")


def _carry_one(stream: SourceStream, container: Container) -> tuple[tuple[str, ...], str | None]:
    lost = f"left out, {container.name} can't hold it"
    if stream.kind == "subtitle":
        encoder = container.subtitles.get(stream.codec)
        if encoder is None:
            return (), lost
        styled = stream.codec in ("ass", "ssa") and encoder != "copy"
        return (encoder,), "styling is lost" if styled else None
    if stream.kind == "video":
        if (container.other_video is ANY and stream.codec != UNKNOWN) or stream.codec in container.other_video:
            warning = None if stream.is_picture else "a further video stream, copied and not converted"
            return ("copy",), warning
        return (), lost
    if stream.kind == "attachment":
        return (("copy",), None) if container.attachments else ((), lost)
    if stream.is_timecode:
        return (), None if container.timecode else f"left out, {container.name} can't hold its timecode"
    if stream.codec == "bin_data":  # where MP4 keeps the titles of its chapters, which are carried as such
        return (), None
    return (), "left out, data streams are not carried"
