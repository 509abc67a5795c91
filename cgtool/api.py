"""cgtool from Python: the commands as functions, whose keywords are the command line's options with underscores.

``cgtool/__init__.py`` gives these names lazily. A function named ``..._events`` yields what happens while it happens;
the one without runs to the end and returns what came of it. Both raise ``cgtool.UsageError`` for what can't be, before
any work begins.
"""

from __future__ import annotations

import functools
import inspect
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypedDict, TypeVar, cast

from cgtool.conversion.events import Event, Finished, Result
from cgtool.conversion.model import Model as Model
from cgtool.conversion.model import choose_model as choose_model
from cgtool.conversion.request import ConvertRequest, FileName, PreviewRequest, WatchRequest
from cgtool.errors import CgtoolError as CgtoolError
from cgtool.errors import UsageError as UsageError

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from cgtool.change.measures import Measures
    from cgtool.tasks.check_data import DataCheck
    from cgtool.tasks.export import Event as ExportEvent
    from cgtool.tasks.export import Exported
    from cgtool.tasks.join import Joined
    from cgtool.tasks.measure import MeasuredFrame
    from cgtool.tasks.models import ModelRow
    from cgtool.tasks.preview import Event as PreviewEvent
    from cgtool.tasks.train import Event as TrainEvent
    from cgtool.tasks.train import Finished as TrainFinished

P = ParamSpec("P")
Q = TypeVar("Q")
R = TypeVar("R")

logger = logging.getLogger("cgtool")
logger.addHandler(logging.NullHandler())  # what is logged is the application's to show


def _takes(record: Callable[P, Q]) -> Callable[[Callable[[Q], R]], Callable[P, R]]:
    """Give a function that takes a record the record's own parameters, for callers, type checkers and ``help``."""

    def decorate(function: Callable[[Q], R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **options: P.kwargs) -> R:
            return function(record(*args, **options))

        return _as(record)(call)

    return decorate


def _as(other: Callable[P, object]) -> Callable[[Callable[..., R]], Callable[P, R]]:
    """Give a function the parameters of another one."""

    def decorate(function: Callable[..., R]) -> Callable[P, R]:
        answer = inspect.signature(function).return_annotation
        function.__signature__ = inspect.signature(other).replace(return_annotation=answer)  # type: ignore[attr-defined]
        return function

    return decorate


@_takes(ConvertRequest)
def convert_events(request: ConvertRequest) -> Iterator[Event]:
    """Convert files and tell what happens, see ``cgtool.conversion.events``.

    The keywords are `cgtool.conversion.request.ConvertRequest`'s attributes. A file's failure is a result, and does not
    stop the others.

    Raises:
        UsageError: Something that was asked for can't be; nothing was begun.
        ModelError: The model is damaged.
        EngineError: No engine can be opened.
    """
    from cgtool.tasks import convert as task

    return task.convert(task.lay_out(request))


@_takes(ConvertRequest)
def convert(request: ConvertRequest) -> list[Result]:
    """Convert files; a result for each. For keywords and errors see `convert_events`."""
    from cgtool.tasks import convert as task

    events = task.convert(task.lay_out(request))
    return [event.result for event in events if isinstance(event, Finished)]


def join(output: FileName, *, overwrite: bool = False) -> Joined:
    """Join the segments of a video that several machines have made, as ``cgtool join`` does, and remove their folder.

    Args:
        output: The video that they shall become.
        overwrite: Replace an existing one.

    Returns:
        ``frames``, ``segments`` and ``warnings``.

    Raises:
        MediaError: There are no segments, some are missing, the source has changed, somebody else is joining them, or
            the output exists.
        EncoderError: ffmpeg failed.
    """
    from cgtool.tasks import join as task

    return task.join(Path(output), overwrite=overwrite)


@_takes(WatchRequest)
def watch_events(request: WatchRequest) -> Iterator[Event]:
    """Convert what appears in a folder and tell what happens, without end unless ``once``.

    The keywords are `cgtool.conversion.request.WatchRequest`'s attributes; events and errors are `convert_events`'s.
    """
    from cgtool.tasks import watch as task

    return task.watch(request)


@_takes(PreviewRequest)
def preview_events(request: PreviewRequest) -> Iterator[PreviewEvent]:
    """Make a page that shows moments of clips, changed in several ways, and tell what happens.

    The keywords are `cgtool.conversion.request.PreviewRequest`'s attributes; see `cgtool.tasks.preview.preview`.
    """
    from cgtool.tasks import preview as task

    return task.preview(request)


@_takes(PreviewRequest)
def preview(request: PreviewRequest) -> Path:
    """Make the page of `preview_events`; where it is. An input that can't be read is left out, and logged."""
    from cgtool.tasks import preview as task

    path = Path()
    for event in task.preview(request):
        if isinstance(event, task.Looked) and event.error is not None:
            logger.warning("%s", event.error)
        elif isinstance(event, task.PageWritten):
            path = event.path
    return path


def models(engines_dir: FileName | None = None) -> list[ModelRow]:
    """Every model that conversion finds; damaged ones are left out and logged as warnings.

    Args:
        engines_dir: Where to look first.
    """
    from cgtool.tasks.models import list_models

    rows, problems = list_models(_path(engines_dir))
    for problem in problems:
        logger.warning("%s", problem)
    return rows


def measure_events(source: FileName, result: FileName) -> Iterator[MeasuredFrame]:
    """Measure a converted clip against its source, frame by frame; see `cgtool.tasks.measure.measure`."""
    from cgtool.tasks import measure as task

    return task.measure(Path(source), Path(result))


def measure(source: FileName, result: FileName) -> Measures:
    """A converted clip's steadiness, flicker, sharpness and change against its source.

    Raises:
        MediaError: A file can't be read, or the counts of frames differ.
        UsageError: The sizes differ.
    """
    *_, last = measure_events(source, result)
    return last.summary


class ExportOptions(TypedDict, total=False):
    """``cgtool export``'s options."""

    to: str | None
    format: str
    fp16: bool
    fp32: bool
    bf16: bool
    int8: bool
    size: tuple[int, int] | None
    min: tuple[int, int] | None
    opt: tuple[int, int] | None
    max: tuple[int, int] | None
    batch: int
    verify: bool
    calibration: FileName | None
    workspace: int | None
    timing_cache: FileName | None
    hardware_compatible: bool
    version_compatible: bool
    gpus: tuple[str, ...]
    output: FileName | None
    engines_dir: FileName | None
    force: bool


def export_events(*names: str, **options: Unpack[ExportOptions]) -> Iterator[ExportEvent]:
    """Compile models to engines and tell what happens; see `cgtool.tasks.export.export`.

    Args:
        names: Models by name or folder; none for all that there are.
        options: See ``cgtool export --help``; sizes are (width, height) in pixels.
    """
    from cgtool.backends.spec import BuildOptions
    from cgtool.pictures import Size
    from cgtool.tasks import export as task

    given: dict[str, Any] = {**options}
    engines_dir = _path(given.pop("engines_dir", None))
    precisions = [name for name in ("fp16", "fp32", "bf16", "int8") if given.pop(name, False)]
    if len(precisions) > 1:
        raise UsageError(f"{' and '.join(precisions)} exclude each other", hint="Give one")
    given["precision"] = precisions[0] if precisions else None
    build = {name: given.pop(name) for name in ("hardware_compatible", "version_compatible", "gpus") if name in given}
    timing_cache = _path(given.pop("timing_cache", None))
    given["build"] = BuildOptions(given.pop("workspace", None), timing_cache, **build)
    for name in ("calibration", "output"):
        given[name] = _path(given.get(name))
    every = given.pop("size", None)
    for option, name in (("min", "smallest"), ("opt", "best"), ("max", "largest")):
        size = given.pop(option, None) or every
        given[name] = None if size is None else Size(*size)
    request = task.ExportRequest(names, **given)
    return task.export(task.plan(request, engines_dir), request)


def export(*names: str, **options: Unpack[ExportOptions]) -> list[Exported]:
    """Compile models to engines, each proven against PyTorch; what became of each. See `export_events`."""
    from cgtool.tasks.export import Exported

    return [event for event in export_events(*names, **options) if isinstance(event, Exported)]


def check_data(data: FileName, sheet: FileName | None = None, workers: int = 2) -> DataCheck:
    """Look at the images of a training before it begins, as it does itself; see `cgtool.tasks.check_data.check_data`.

    Args:
        data: Holds ``trainA`` and ``trainB``, and ``testA`` and ``testB``, ``maskA`` and ``maskB`` if there are any.
        sheet: Where a contact sheet is written, a JPEG; None for none.
        workers: Threads that decode.

    Returns:
        ``lines`` and ``warnings`` in words, ``copies`` as pairs of paths.

    Raises:
        UsageError: A folder is missing or holds no image, or both domains have the same one.
        CgtoolError: The sheet can't be written.
    """
    from cgtool.tasks import check_data as task

    return task.check_data(Path(data), _path(sheet), workers)


def train_events(
    data: FileName | None = None,
    *,
    domains: str | tuple[str, str],
    name: str,
    a: FileName | None = None,
    b: FileName | None = None,
    preset: str = "paper",
    runs_dir: FileName = "runs",
    engines_dir: FileName | None = None,
    init: FileName | None = None,
    save_init: FileName | None = None,
    logger: str | tuple[str, ...] = "tensorboard",
    **options: str | float | None,
) -> Iterator[TrainEvent]:
    """Train a model, or go on where the run of this name was, and tell what happens; see `cgtool.tasks.train.train`.

    Args:
        data: Holds ``trainA`` and ``trainB``, and ``testA`` and ``testB`` if there are images for samples.
        domains: Both domains, as ``"summer,winter"`` or a tuple.
        name: Of the run and the model.
        a, b: Folders of images of each domain, instead of ``data``.
        preset: Where options begin: a key of `cgtool.training.presets.PRESETS`.
        runs_dir, engines_dir: Where the run's and the model's folder go.
        init, save_init: Folders of a warm start to begin with, and to write.
        logger: Who is told of losses, judgements and samples: ``tensorboard``, ``wandb``, ``mlflow``, or several.
        options: Everything else that ``cgtool train --help`` lists.

    Raises:
        UsageError: The images, names, folders or options won't do.
    """
    from cgtool.models.lookup import default_engines_dir
    from cgtool.tasks import train as task
    from cgtool.training.presets import resolve

    parts = tuple(part.strip() for part in domains.split(",")) if isinstance(domains, str) else domains
    if len(parts) != 2:
        raise UsageError(f"{domains!r} is not two domains", hint="Write them as in summer,winter")
    if (data is None) == (a is None or b is None):
        raise UsageError("give either data, a folder with trainA and trainB, or both a and b")
    first, second = (Path(data, "trainA"), Path(data, "trainB")) if data is not None else (Path(a or ""), Path(b or ""))
    of_run = {one.name for one in fields(task.TrainRequest)}
    run: Mapping[str, Any] = {key: value for key, value in options.items() if key in of_run}
    request = task.TrainRequest(
        name=name,
        domains=(parts[0], parts[1]),
        folders=(first, second),
        config=resolve(preset, {key: value for key, value in options.items() if key not in of_run}),
        test_folders=None if data is None else (Path(data, "testA"), Path(data, "testB")),
        runs_dir=Path(runs_dir),
        engines_dir=default_engines_dir(_path(engines_dir)),
        init=_path(init),
        save_init=_path(save_init),
        logger=(logger,) if isinstance(logger, str) else tuple(logger),
        **run,
    )
    return task.train(request)


@_as(train_events)
def train(*args: Any, **options: Any) -> TrainFinished:  # noqa: ANN401  # as train_events
    """Train a model to its end, or to where ``stop_after`` says. For parameters see `train_events`."""
    *_, last = train_events(*args, **options)
    return cast("TrainFinished", last)


def _path(name: FileName | None) -> Path | None:
    return None if name is None else Path(os.fspath(name))
