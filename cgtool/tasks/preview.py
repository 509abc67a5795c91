"""Preview: a few moments of each input, changed in several ways, in one page to be looked at before the long wait."""

from __future__ import annotations

import base64
import json
import logging
import math
import shlex
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from html import escape
from pathlib import Path
from typing import Any

from cgtool import files
from cgtool.backends.selection import EngineRequest, open_backend
from cgtool.conversion.events import EngineOpened
from cgtool.conversion.jobs import Job, plan
from cgtool.conversion.look import FullLook
from cgtool.conversion.mapping import Mapping
from cgtool.conversion.model import Model
from cgtool.conversion.moments import Clip, Moment, begins, describe, read_moment
from cgtool.conversion.network import Network, Translated
from cgtool.conversion.rendering import Rendering
from cgtool.conversion.request import PreviewRequest
from cgtool.errors import CgtoolError, MediaError
from cgtool.frame import Frame
from cgtool.media.containers import CONTAINERS
from cgtool.media.images import read_image
from cgtool.media.samples import bytes_per_frame, jpeg, webm
from cgtool.pictures import Image, Size, resize
from cgtool.tasks.convert import BackendOpener

logger = logging.getLogger(__name__)

PAGE = Path(__file__).with_name("preview.html")
_LARGEST = 1280
"""Long side of pictures in the page, in pixels."""
_LARGEST_MOVING = 640
_MOMENTS = 5
_STRENGTHS = (0.5, 1.0)


_THREADS = 2

_Result = tuple[Sequence[Image], dict[str, str | None]]
"""A moment's frames in one of the ways, and the pictures of them."""


@dataclass(frozen=True)
class Choice:
    """A way in which a clip can be changed.

    Attributes:
        name: What the page calls it.
        look: How it looks.
        options: What says so on the command line.
    """

    name: str
    look: FullLook
    options: tuple[str, ...]


@dataclass(frozen=True)
class Looked:
    """An input is in the page, or failed. ``number`` counts from 1."""

    input: str
    number: int
    total: int
    error: str | None = None


@dataclass(frozen=True)
class PageWritten:
    """The page is there."""

    path: Path
    size_bytes: int


Event = EngineOpened | Looked | PageWritten


def choices(model: Model, look: FullLook) -> list[Choice]:
    """Strengths a half and one, and the whole change without the model's own texture where it shows some."""
    found = []
    for strength in _STRENGTHS:
        options = () if strength == 1 else ("--strength", f"{strength:g}")
        name = "full strength" if strength == 1 else "half strength"
        found.append(Choice(f"{model.target}, {name}", replace(look, strength=strength), options))
    if look.texture > 0 and look.detail == "guided" and model.source.maps is None:
        found.append(
            Choice(f"{model.target}, no texture", replace(look, texture=0.0, strength=1.0), ("--texture", "0"))
        )
    return found


def preview(request: PreviewRequest, *, opener: BackendOpener = open_backend) -> Iterator[Event]:
    """Make the page, telling what happens. An input that can't be read does not stop the others.

    Args:
        request: What was asked for.
        opener: Opens the engines.

    Raises:
        MediaError: No input could be read, or the page can't be written; nothing is written then.
        EngineError: No engine can be opened.
    """
    models = request.choose_models()
    names = request.input_names
    jobs = plan(names, None, models[0].target, recursive=request.recursive)
    jobs = [job for job in jobs if not job.is_result and job.passed_over is None]
    engine = EngineRequest(request.engine, request.device, request.precision)
    shown: list[dict[str, Any]] = []
    with ExitStack() as stack:
        looks: list[tuple[Model, Network, FullLook]] = []
        for model in models:
            opened = opener(model.source, engine)
            backend = stack.enter_context(opened.backend)
            yield EngineOpened(opened)
            look = request.over(model.look)
            network = Network(backend, look.size, model.training_scale, maps=model.source.maps, batch=request.batch)
            looks.append((model, network, look))
        for number, job in enumerate(jobs, 1):
            try:
                if job.error is not None:
                    raise job.error
                shown.append(_look_at(job, looks, request))
            except CgtoolError as error:
                logger.debug("%s failed", job.source_name, exc_info=True)
                yield Looked(job.source_name, number, len(jobs), str(error))
            else:
                yield Looked(job.source_name, number, len(jobs))
    if not shown:
        raise MediaError("nothing to show: no input could be read")
    title = ", ".join(one["name"] for one in shown[:3]) + (" …" if len(shown) > 3 else "")
    page = page_of(title, shown)
    path = Path(request.output or "preview.html")
    try:
        files.write_whole(path, page)
    except OSError as error:
        raise MediaError(f"can't be written: {error.strerror or error}", path=path) from error
    yield PageWritten(path, len(page.encode()))


def page_of(title: str, inputs: Sequence[dict[str, Any]]) -> str:
    """The page, with everything that it shows inside."""
    data = json.dumps({"inputs": inputs}, ensure_ascii=False).replace("<", "\\u003c")
    template = PAGE.read_text(encoding="utf-8")
    return template.replace("{{title}}", escape(title)).replace("{{data}}", data)


def _look_at(job: Job, looks: Sequence[tuple[Model, Network, FullLook]], request: PreviewRequest) -> dict[str, Any]:
    """One input as the page's script wants it."""
    assert job.source is not None
    if job.is_image:
        pixels = read_image(job.source).pixels
        clip = Clip(Size.of(pixels), 1, Fraction(25))
        frame = Frame(resize(pixels, fitted(clip.size, _LARGEST)), 0, 0, Fraction(1))
        moments = [Moment(0.0, Fraction(25), [frame])]
    else:
        clip = describe(job.source)
        size = fitted(clip.size, _LARGEST)
        moments = [read_moment(job.source, begin, size) for begin in begins(clip.seconds, _MOMENTS)]
    befores = [_pictures([frame.pixels for frame in moment.frames], moment.rate) for moment in moments]
    told = []
    for model, network, look in looks:
        ways = choices(model, look)
        changed, spent = _changed(moments, network, ways)
        for number, way in enumerate(ways):
            results = [moment[number] for moment in changed]
            told.append(
                {
                    "name": way.name,
                    "command": command(job, model, way, request, several=len(looks) > 1),
                    "after": [shown for _, shown in results],
                    **_estimate(job, clip, [pixels for pixels, _ in results], moments[0].rate, spent, request),
                }
            )
    return {
        "name": job.source.name,
        "size": str(clip.size),
        "seconds": None if job.is_image else clip.seconds,
        "moments": [{"at": moment.at_seconds, **before} for moment, before in zip(moments, befores, strict=True)],
        "choices": told,
    }


def _changed(moments: Sequence[Moment], network: Network, ways: Sequence[Choice]) -> tuple[list[list[_Result]], float]:
    """Each moment in each of the ways, and seconds per frame. The network sees frames once, while others are finished.

    The first moment warms the engine up and does not count, where there are others.
    """
    began, counted = time.perf_counter(), 0
    with ThreadPoolExecutor(_THREADS) as pool:
        waiting = []
        for number, moment in enumerate(moments):
            translated = _translated(moment, network)
            if number == 0 and len(moments) > 1:
                began = time.perf_counter()
            else:
                counted += len(moment.frames)
            waiting.append(pool.submit(_finished, moment, translated, network, ways))
        results = [one.result() for one in waiting]
    return results, (time.perf_counter() - began) / counted


def _translated(moment: Moment, network: Network) -> list[Translated]:
    network.expect(Size.of(moment.frames[0].pixels))
    translated: list[Translated] = []
    for first in range(0, len(moment.frames), network.batch):
        translated += network.infer([network.shrink(frame) for frame in moment.frames[first : first + network.batch]])
    return translated


def _finished(
    moment: Moment, translated: Sequence[Translated], network: Network, ways: Sequence[Choice]
) -> list[_Result]:
    shown: list[list[Image]] = []
    if network.maps is not None:
        size, knots = Size.of(moment.frames[0].pixels), network.maps.knots
        mappings = [Mapping(way.look, knots, size, None) for way in ways]
        maps = [mappings[0].steady(frame) for frame in translated]
        for mapping in mappings:
            finished = (mapping.finish(frame) for frame in maps)
            shown.append([frame.pixels for frame in finished if isinstance(frame, Frame)])
    else:
        renderings = [Rendering(way.look) for way in ways]
        steadied = [renderings[0].steady(frame) for frame in translated]
        shown = [[rendering.finish(frame).pixels for frame in steadied] for rendering in renderings]
    return [(pixels, _pictures(pixels, moment.rate)) for pixels in shown]


def _pictures(frames: Sequence[Image], rate: Fraction) -> dict[str, str | None]:
    """A still from the middle, and all of it moving, as data URIs; nothing moves in a single frame."""
    still = _uri("image/jpeg", jpeg(frames[len(frames) // 2]))
    if len(frames) == 1:
        return {"still": still, "clip": None}
    size = fitted(Size.of(frames[0]), _LARGEST_MOVING)
    return {"still": still, "clip": _uri("video/webm", webm([resize(frame, size) for frame in frames], rate))}


def _estimate(
    job: Job,
    clip: Clip,
    results: Sequence[Sequence[Image]],
    rate: Fraction,
    seconds_per_frame: float,
    request: PreviewRequest,
) -> dict[str, float | None]:
    """About how long the whole will take, and how large it will be."""
    if job.is_image or clip.frames is None or job.target is None:
        return {"takes_seconds": None, "bytes": None}
    container = CONTAINERS[job.target.suffix.lower()]
    encoder = request.encoder(container, Size(2, 2), None)
    begin = time.perf_counter()
    # Two moments will do, and half of a second of each.
    parts = [pixels[: math.ceil(len(pixels) / 2)] for pixels in (results[1::2] or results)]
    each = bytes_per_frame([[_even(one) for one in part] for part in parts], rate, encoder)
    scale = clip.size.pixels / Size.of(results[0][0]).pixels
    encoding = (time.perf_counter() - begin) / sum(len(part) for part in parts)
    # Decoding, the network and encoding overlap, but share the cores: their sum is nearer than their maximum.
    takes = clip.frames * (seconds_per_frame + encoding * scale)
    return {"takes_seconds": takes, "bytes": None if each is None else each * scale * clip.frames}


def command(job: Job, model: Model, way: Choice, request: PreviewRequest, *, several: bool) -> str:
    """What makes the whole like this, for a shell."""
    words = ["cgtool", "convert", job.source_name, "--to", model.target]
    if request.model is not None and not several:
        words += ["--model", request.model.name if isinstance(request.model, Model) else str(request.model)]
    given = {name: getattr(request, name) for name in ("engine", "device", "precision")}
    words += [word for name, value in given.items() if value != "auto" for word in (f"--{name}", str(value))]
    for name in ("size", "smooth", "detail", "contrast", "texture"):
        value = getattr(request, name)
        if value is not None and f"--{name}" not in way.options:
            words += [f"--{name}", f"{value:g}" if isinstance(value, float) else str(value)]
    for name in ("codec", "crf", "preset", "pixel_format"):
        if not job.is_image and getattr(request, name) is not None:
            words += [f"--{name}".replace("_", "-"), str(getattr(request, name))]
    if request.preserve_color:
        words.append("--preserve-color")
    if request.engines_dir is not None:
        words += ["--engines-dir", str(request.engines_dir)]
    return shlex.join([*words, *way.options])


def fitted(size: Size, longest: int) -> Size:
    """A size with even sides and these proportions, no longer than so many pixels and no larger than it was."""
    factor = min(1.0, longest / max(size))
    width, height = (max(2, round(side * factor / 2) * 2) for side in size)
    return Size(width, height)


def _even(pixels: Image) -> Image:
    height, width = (side - side % 2 for side in pixels.shape[:2])
    return pixels[:height, :width]


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
