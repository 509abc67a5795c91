"""Convert footage: files in, translated files out, one after the other, each whole or not at all."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

from cgtool.backends import timings
from cgtool.backends.base import Backend, GeneratorSource
from cgtool.backends.opening import Opened
from cgtool.backends.selection import EngineRequest, open_backend
from cgtool.conversion.jobs import Job
from cgtool.conversion.model import Model
from cgtool.conversion.translate import Look, Picture, Size, Translator
from cgtool.errors import CgtoolError, MediaError, OutputExistsError, UsageError
from cgtool.frame import Frame
from cgtool.media.containers import CONTAINERS, Container, carry
from cgtool.media.encoders import EncoderChoice, choose_encoder
from cgtool.media.images import StillImage, read_image, write_image
from cgtool.media.reader import VideoReader
from cgtool.media.writer import Source, VideoWriter
from cgtool.pipeline.pipeline import Pipeline, Stage


@dataclass(frozen=True)
class VideoOptions:
    """How videos are cut and encoded. None stands for the encoder's or the container's default.

    Attributes:
        codec: A key of ``media.encoders.ENCODERS``.
        crf: Constant rate factor.
        preset: The encoder's preset.
        pixel_format: FFmpeg's name of the pixel format.
        hardware: Use a hardware encoder if one really opens.
        ffmpeg_arguments: Further ffmpeg output arguments.
        audio: Carry the sound.
        start, end: The span to convert, in seconds after the file's start.
    """

    codec: str | None = None
    crf: int | None = None
    preset: str | None = None
    pixel_format: str | None = None
    hardware: bool = False
    ffmpeg_arguments: tuple[str, ...] = ()
    audio: bool = True
    start: Fraction | None = None
    end: Fraction | None = None

    def __post_init__(self) -> None:
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise UsageError("--end must come after --start")

    def check(self, container: Container) -> None:
        """Find out before any work whether a container can be written like this.

        Raises:
            UsageError: It can't hold the codec, or the codec has no such option.
        """
        if self.codec is not None and self.codec not in container.codecs:
            raise UsageError(f"{container.name} can't hold {self.codec}; it takes {', '.join(container.codecs)}")
        self.encoder(container, 2, 2, hardware=False)

    def encoder(self, container: Container, width: int, height: int, *, hardware: bool) -> EncoderChoice:
        """The encoder for frames of this size."""
        return choose_encoder(
            self.codec or container.codecs[0],
            width,
            height,
            crf=self.crf,
            preset=self.preset,
            pixel_format=self.pixel_format,
            hardware=hardware,
        )


@dataclass(frozen=True)
class ConvertOptions:
    """How a batch is converted.

    Attributes:
        engine: What runs the network.
        size: The network's short side, see ``translate.network_size``; None for the model's default.
        smooth, texture, contrast: See ``translate.Look``; None for the model's defaults.
        detail, strength, preserve_color: See ``translate.Look``.
        batch: Frames a call of the engine; None for what the engine likes best.
        overwrite: Replace existing outputs.
        skip_existing: Leave existing outputs alone and count that as done.
        video: How videos are cut and encoded.
    """

    engine: EngineRequest = field(default_factory=EngineRequest)
    size: Size | None = None
    smooth: float | None = None
    detail: Literal["guided", "resize"] = "guided"
    texture: float | None = None
    contrast: float | None = None
    strength: float = 1.0
    preserve_color: bool = False
    batch: int | None = None
    overwrite: bool = False
    skip_existing: bool = False
    video: VideoOptions = field(default_factory=VideoOptions)

    def __post_init__(self) -> None:
        if self.overwrite and self.skip_existing:
            raise UsageError("--overwrite and --skip-existing exclude each other")


@dataclass(frozen=True)
class Result:
    """What became of one file.

    Attributes:
        input, output: As the user would write them; ``-`` for standard input and output.
        status: ``converted``, ``skipped`` or ``failed``.
        frames: Frames written.
        seconds: Wall-clock time.
        fps: Frames a second.
        engine, device, precision: What ran the network.
        size: The network's input, as WIDTHxHEIGHT.
        busy_seconds: Working time of each stage.
        warnings: What changed or was lost on the way.
        reason: Why it was skipped.
        error: Why it failed.
    """

    input: str
    output: str | None
    status: Literal["converted", "skipped", "failed"]
    frames: int = 0
    seconds: float = 0.0
    fps: float = 0.0
    engine: str | None = None
    device: str | None = None
    precision: str | None = None
    size: str | None = None
    busy_seconds: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    reason: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class Started:
    """A file is begun. ``number`` counts from 0."""

    job: Job
    number: int
    total: int


@dataclass(frozen=True)
class EngineOpened:
    """The engine is ready; ``reasons`` say why it was taken and the others were not."""

    opened: Opened


@dataclass(frozen=True)
class Advanced:
    """Frames were written; ``estimated_frames`` is a guess, or None."""

    frames: int
    estimated_frames: int | None


@dataclass(frozen=True)
class Finished:
    """A file is done, one way or another."""

    result: Result


Event = Started | EngineOpened | Advanced | Finished
BackendOpener = Callable[[GeneratorSource, EngineRequest], Opened]


def convert(
    jobs: Sequence[Job], model: Model, options: ConvertOptions, *, opener: BackendOpener = open_backend
) -> Iterator[Event]:
    """Convert a batch, telling what happens. One file's failure does not stop the others.

    Args:
        jobs: What ``plan`` laid out.
        model: The generator.
        options: How.
        opener: Opens the engine; for tests and other front ends.

    Raises:
        UsageError: An output's container or codec can't take what was asked for; nothing was begun.
        EngineError: No engine can be opened. Failures of single files are results instead.
        ModelError: The model's weights can't be loaded.
    """
    for suffix in {job.target.suffix.lower() for job in jobs if job.target is not None and not job.is_image}:
        options.video.check(CONTAINERS[suffix])
    with ExitStack() as stack:
        engine: Backend | None = None
        for number, job in enumerate(jobs):
            yield Started(job, number, len(jobs))
            early = _settle_without_engine(job, options)
            if early is not None:
                yield Finished(early)
                continue
            if engine is None:
                opened = opener(model.source, replace(options.engine, latency=all(job.is_image for job in jobs)))
                engine = stack.enter_context(opened.backend)
                yield EngineOpened(opened)
            translator = _translator(engine, model, options)
            yield from _convert_one(job, translator, engine, options)
            _remember_speed(model.source, engine, translator)


def _translator(engine: Backend, model: Model, options: ConvertOptions) -> Translator:
    # The identity engine is there to show that nothing changes, so nothing is scaled or smoothed either.
    untouched = engine.info.engine == "identity"
    look = Look(
        smooth=options.smooth if options.smooth is not None else 0.0 if untouched else model.smooth,
        detail=options.detail,
        texture=options.texture if options.texture is not None else model.texture,
        contrast=options.contrast if options.contrast is not None else model.contrast,
        strength=options.strength,
        preserve_color=options.preserve_color,
    )
    size = options.size or ("native" if untouched else model.size)
    return Translator(engine, size, model.training_scale, look, batch=options.batch)


def _remember_speed(source: GeneratorSource, engine: Backend, translator: Translator) -> None:
    speed = translator.milliseconds_per_megapixel()
    if speed is not None:
        timings.record(source.key, engine.info, speed)


def _settle_without_engine(job: Job, options: ConvertOptions) -> Result | None:
    """The result of a job for which the network is not needed; None if it is."""

    def result(status: Literal["skipped", "failed"], **why: str) -> Result:
        return Result(job.source_name, job.target_name, status, **why)  # type: ignore[arg-type]

    if job.is_result:
        return result("skipped", reason="is itself a result")
    if job.error is not None:
        return result("failed", error=str(job.error))
    if job.target is None or not job.target.exists() or options.overwrite:
        return None
    if options.skip_existing:
        return result("skipped", reason="exists already")
    hint = "Use --overwrite to replace it or --skip-existing to leave it"
    return result("failed", error=str(OutputExistsError("exists already", path=job.target, hint=hint)))


def _convert_one(job: Job, translator: Translator, engine: Backend, options: ConvertOptions) -> Iterator[Event]:
    begin = time.perf_counter()
    info = engine.info
    unfinished = Result(
        job.source_name, job.target_name, "failed", engine=info.engine, device=info.device, precision=info.precision
    )
    try:
        if job.is_image:
            done = _convert_image(job, translator, unfinished, options)
        else:
            done = yield from _convert_video(job, translator, unfinished, options)
    except CgtoolError as error:
        done = replace(unfinished, error=str(error))
    except Exception as error:  # a batch goes on whatever one file does to us
        done = replace(unfinished, error=f"{job.source_name}: failed unexpectedly ({type(error).__name__}: {error})")
    seconds = time.perf_counter() - begin
    info = engine.info  # another one if frames did not fit the first
    done = replace(done, engine=info.engine, device=info.device, precision=info.precision)
    fps = done.frames / seconds if done.status == "converted" else 0.0
    yield Finished(replace(done, seconds=seconds, fps=fps))


def _convert_image(job: Job, translator: Translator, unfinished: Result, options: ConvertOptions) -> Result:
    begin = time.perf_counter()
    image = read_image(sys.stdin.buffer.read() if job.source is None else job.source)
    read = time.perf_counter()
    picture = translator.shrink(Frame(image.pixels, 0, 0, Fraction(1)))
    [translated] = translator.infer([picture])
    pixels = translator.finish(translator.smooth(translated)).frame.pixels
    inferred = time.perf_counter()
    result = StillImage(pixels, image.alpha, image.exif, image.dpi)
    lost = write_image(sys.stdout.buffer if job.target is None else _make_folder(job.target), result)
    written = time.perf_counter()
    return replace(
        unfinished,
        status="converted",
        frames=1,
        size=_size_text(picture),
        busy_seconds={"decode": read - begin, "infer": inferred - read, "encode": written - inferred},
        warnings=(*image.warnings, *translator.warnings, *lost),
    )


def _make_folder(target: Path) -> Path:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MediaError(f"can't be written: {error.strerror}", path=target) from error
    return target


def _convert_video(
    job: Job, translator: Translator, unfinished: Result, options: ConvertOptions
) -> Generator[Event, None, Result]:
    assert job.source is not None
    assert job.target is not None
    container = CONTAINERS[job.target.suffix.lower()]
    video = options.video
    with VideoReader(job.source, start=video.start, end=video.end) as reader:
        info = reader.info
        encoder = video.encoder(container, info.width, info.height, hardware=video.hardware)
        carried, losses = carry(reader.streams(), container, info.stream_index, audio=video.audio)
        source = Source(job.source, carried, *reader.span_seconds)
        with VideoWriter(
            job.target,
            container,
            encoder,
            info,
            source,
            overwrite=options.overwrite,
            extra_arguments=video.ffmpeg_arguments,
        ) as writer:
            if options.batch is None:
                translator.limit_batch(info.width, info.height)
            pipeline: Pipeline[Picture] = Pipeline(
                (translator.shrink(frame) for frame in reader.frames()),
                [
                    Stage("infer", translator.infer, translator.batch),
                    Stage("smooth", lambda pictures: [translator.smooth(picture) for picture in pictures]),
                    Stage("detail", lambda pictures: [translator.finish(picture) for picture in pictures]),
                ],
                lambda picture: writer.write(picture.frame),
                interrupt=writer.abort,
            )
            with closing(pipeline.run()) as running:
                for progress in running:
                    yield Advanced(progress.items, info.estimated_frames)
            writer.finish()
        return replace(
            unfinished,
            status="converted",
            frames=progress.items,
            size="x".join(map(str, translator.network_size(info.width, info.height))),
            busy_seconds=dict(progress.busy_seconds),
            warnings=(*losses, *reader.warnings, *translator.warnings, *writer.warnings),
        )


def _size_text(picture: Picture) -> str:
    height, width = picture.small.shape[:2]
    return f"{width}x{height}"
