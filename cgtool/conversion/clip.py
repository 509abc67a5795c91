"""One video's way: decoded, through the network and the rendering, encoded; whole or not at all."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2

from cgtool.backends.machine import usable_cpus
from cgtool.change.colour_space import Samples
from cgtool.conversion.encoding import Encoding
from cgtool.conversion.events import Advanced, Outcome
from cgtool.conversion.jobs import Job
from cgtool.conversion.look import FullLook
from cgtool.conversion.mapping import samples_of
from cgtool.conversion.network import Network
from cgtool.conversion.pieces.passage import Passage
from cgtool.errors import EncoderError
from cgtool.media.containers import CONTAINERS, CarriedStream, Container, carry
from cgtool.media.encoders import EncoderChoice
from cgtool.media.hdr import carry_metadata
from cgtool.media.input.beside import Source
from cgtool.media.joining import Joiner, Piece
from cgtool.media.planes import depth_of, keeps_colours
from cgtool.media.reader import VideoReader
from cgtool.media.shape.interlacing import keep_fields
from cgtool.media.writer import VideoWriter
from cgtool.pictures import Size

logger = logging.getLogger(__name__)

_STAGES = ("decode", "infer", "smooth", "detail", "encode")


@dataclass(frozen=True)
class Clip:
    """A video that is being converted, with everything settled that its first frame tells.

    Attributes:
        job: What is read and what is made.
        network: The network, which this clip has for itself.
        look: How it shall look.
        encoding: How it is cut and encoded.
        overwrite: Replace an existing output.
        reader: The source.
        container: The output's format.
        encoder: How its video is encoded.
        as_decoded: Frames come to the encoder in the planes that they were decoded in.
        carried: The source's other streams that the output takes over.
        losses: What it can't take over, in words.
        passage: The way through the network and the rendering.
    """

    job: Job
    network: Network
    look: FullLook
    encoding: Encoding
    overwrite: bool
    reader: VideoReader
    container: Container
    encoder: EncoderChoice
    as_decoded: bool
    carried: tuple[CarriedStream, ...]
    losses: tuple[str, ...]
    passage: Passage

    @property
    def target(self) -> Path:
        """The output."""
        assert self.job.target is not None
        return self.job.target

    @property
    def source(self) -> Source:
        """Where the output's other streams come from."""
        assert self.job.source is not None
        return Source(self.job.source, self.carried, *self.reader.span_seconds)

    def writer(self) -> VideoWriter:
        """Writes the whole output."""
        return self._writer(self.target, self.source, overwrite=self.overwrite)

    def piece_writer(self, path: Path) -> VideoWriter:
        """Writes frames alone, to a file of the output's format."""
        return self._writer(path, Source(self.source.path, ()), overwrite=True)

    def _writer(self, path: Path, source: Source, *, overwrite: bool) -> VideoWriter:
        return VideoWriter(
            path,
            self.container,
            self.encoder,
            self.reader.info,
            source,
            overwrite=overwrite,
            as_decoded=self.as_decoded,
            extra_arguments=self.encoding.extra_arguments,
        )

    def joiner(self, pieces: Iterable[Piece]) -> Joiner:
        """Makes the output of pieces."""
        return Joiner(
            self.target,
            self.container,
            self.encoder,
            self.reader.info,
            self.source,
            list(pieces),
            overwrite=self.overwrite,
        )

    def outcome(
        self, frames: int, busy_seconds: dict[str, float], warnings: Iterable[str], earlier_frames: int = 0
    ) -> Outcome:
        """What the conversion came to. For parameters see `Outcome`; the clip's own warnings are added."""
        size = Size(self.reader.info.width, self.reader.info.height)
        told = (*self.losses, *self.reader.warnings, *self.network.warnings, *warnings)
        return Outcome(
            frames=frames,
            size=str(size if self.look.is_neutral else self.network.size_of(size)),
            busy_seconds={**dict.fromkeys(_STAGES, 0.0), **busy_seconds},
            warnings=tuple(dict.fromkeys(told)),
            earlier_frames=earlier_frames,
        )


@contextmanager
def open_clip(job: Job, network: Network, look: FullLook, encoding: Encoding, *, overwrite: bool) -> Iterator[Clip]:
    """Open a video for conversion.

    Args:
        job: What is read and what is made.
        network: The network, which this clip has for itself.
        look: How it shall look. A neutral one leaves the network out, and every sample of the source as it is where
            the encoder takes the source's pixel format.
        encoding: How it is cut and encoded.
        overwrite: Replace an existing output.

    Raises:
        CgtoolError: It can't be read, or can't be encoded like this.
    """
    assert job.source is not None
    assert job.target is not None
    container = CONTAINERS[job.target.suffix.lower()]
    start, end = encoding.span
    with VideoReader(job.source, start=start, end=end, deinterlace=encoding.deinterlace) as reader:
        info, size = reader.info, Size(reader.info.width, reader.info.height)
        logger.debug("%s: %s", job.source_name, size)
        way = _way(reader, network, look, encoding, container)
        carried, losses = carry(reader.streams(), container, info.stream_index, audio=not encoding.no_audio)
        passage = Passage(
            reader, network, look, as_decoded=way.as_decoded, samples=way.samples, keeps_hdr=way.keeps_hdr
        )
        yield Clip(
            job=job,
            network=network,
            look=look,
            encoding=encoding,
            overwrite=overwrite,
            reader=reader,
            container=container,
            encoder=way.encoder,
            as_decoded=way.as_decoded,
            carried=tuple(carried),
            losses=(*losses, *way.warnings),
            passage=passage,
        )


@dataclass(frozen=True)
class _Way:
    """How frames go to the encoder.

    Attributes:
        encoder: The encoder.
        as_decoded: They go there in planes, as the source has them, and not in RGB.
        samples: How a map network's maps are carried out on those planes; None where they aren't.
        keeps_hdr: High dynamic range stays what it is.
        warnings: What the user should know.
    """

    encoder: EncoderChoice
    as_decoded: bool
    samples: Samples | None
    keeps_hdr: bool
    warnings: Sequence[str]


def _way(reader: VideoReader, network: Network, look: FullLook, encoding: Encoding, container: Container) -> _Way:
    info, warnings = reader.info, list[str]()
    keep_hdr = info.colour.hdr is not None and encoding.hdr == "keep"
    samples = None if network.maps is None else samples_of(info.pixel_format, info.colour, keep_hdr=keep_hdr)
    if keep_hdr and samples is None and not look.is_neutral:
        warnings.append("HDR is kept only of 10 or 12 bits and with a model that gives maps")
    if look.every != 1 and network.maps is None and not look.is_neutral:
        warnings.append("--every is for models that give maps: the network sees every frame")
    decoded_format = info.pixel_format if look.is_neutral or samples is not None else None
    encoder = encoding.encoder(container, Size(info.width, info.height), decoded_format)
    as_decoded = keeps_colours(decoded_format, encoder.pixel_format)
    if info.colour.hdr and as_decoded and depth_of(encoder.pixel_format) == 8:
        as_decoded = False  # 8 bits hold no high dynamic range
        if keep_hdr:
            hint = "Use --codec hevc or av1, or --hdr sdr"
            raise EncoderError(f"HDR does not fit {encoder.pixel_format}, as {encoder.name} writes it", hint=hint)
    if info.colour.hdr and as_decoded:
        encoder, losses = carry_metadata(reader.first, encoder)
        warnings += losses
    if info.field_order is not None:
        encoder, losses = keep_fields(encoder, info.field_order)
        warnings += losses
    logger.debug("%s, %s, %s frames", reader.info.colour, info.pixel_format, info.estimated_frames)
    logger.debug("encoder %s, %s%s", encoder.name, encoder.pixel_format, ", as decoded" if as_decoded else "")
    return _Way(encoder, as_decoded, samples if as_decoded else None, bool(info.colour.hdr) and as_decoded, warnings)


@contextmanager
def stages_beside_each_other() -> Iterator[None]:
    """OpenCV with few threads of its own: stages keep the cores busy, and sharing out small pieces costs a fifth."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(max(1, usable_cpus() // len(_STAGES)))
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def convert_whole(clip: Clip) -> Generator[Advanced, None, Outcome]:
    """Convert a video in one piece.

    Raises:
        CgtoolError: It can't be read, translated or written; nothing is left of it.
    """
    with clip.writer() as writer:
        pipeline = clip.passage.pipeline(None, writer.write, writer.abort)
        with stages_beside_each_other(), closing(pipeline.run()) as running:
            for progress in running:
                yield Advanced(progress.items, clip.reader.info.estimated_frames, dict(progress.busy_seconds))
        writer.finish()
    return clip.outcome(progress.items, progress.busy_seconds, writer.warnings)
