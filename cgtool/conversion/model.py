"""Which generator a conversion uses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cgtool import pictures
from cgtool.backends.base import GeneratorSource, Origin
from cgtool.backends.engines import cached_engines_dir
from cgtool.config import MAX_AUTO_SIZE, Direction
from cgtool.conversion.translate import Size, network_size
from cgtool.errors import UsageError
from cgtool.models.folder import Defaults, ModelFolder, checkpoint_key, engine_key
from cgtool.models.lookup import resolve

if TYPE_CHECKING:
    from torch import nn

CHECKPOINT_SUFFIXES = (".pth", ".pt")
_REFERENCE_SCALE = 286
"""The reference trains on images of this short side unless told otherwise (``--load_size``)."""


@dataclass(frozen=True)
class Model:
    """The generator to convert with.

    Attributes:
        name: What people call it.
        target: The domain it leads to, which becomes part of default output names.
        source: The generator itself.
        training_scale: Short side of its training images in pixels.
        size, smooth, texture, contrast: What the options of these names are unless told otherwise.
    """

    name: str
    target: str
    source: GeneratorSource
    training_scale: int
    size: Size
    smooth: float
    texture: float
    contrast: float | None = None


def choose_model(to: str | None, model: str | None, engines_dir: Path | None) -> Model:
    """Pick the generator to convert with, without loading it (but for a bare checkpoint).

    Args:
        to: ``--to``: the target domain.
        model: ``--model``: a model's name or folder, or a checkpoint file of the reference PyTorch CycleGAN; for a
            checkpoint, ``to`` only names the result, and the file's own name does if it is None.
        engines_dir: Where to look for models first.

    Raises:
        UsageError: No model fits.
        ModelError: The model is damaged.
    """
    if model is not None and model.endswith(CHECKPOINT_SUFFIXES):
        return _from_checkpoint(Path(model), to)
    choice = resolve(to, model, engines_dir)
    folder = choice.folder
    source = source_of(folder, choice.direction)
    return _model(folder.name, choice.target, source, folder.training_scale, folder.defaults)


def source_of(folder: ModelFolder, direction: Direction) -> GeneratorSource:
    """A model folder's generator, described without loading it."""
    key, target = engine_key(folder, direction), folder.target(direction)
    (domain,) = (domain for domain in folder.domains if domain != target)
    return GeneratorSource(
        key=key,
        label=f"{folder.name} {direction}",
        stride=folder.stride,
        load=lambda: _load(folder, direction),
        direction=direction,
        places=(folder.path, cached_engines_dir(key)),  # beside the weights, or where they can't be written
        origin=Origin(
            model=folder.name,
            domains=(domain, target),
            weights_sha256=folder.weights[direction].sha256,
            training_scale=folder.training_scale,
            size=pictures.Size(*network_size(1920, 1080, folder.defaults.size, folder.training_scale)),
        ),
    )


def _load(folder: ModelFolder, direction: Direction) -> nn.Module:
    from cgtool.models.weights import load_generator  # imports torch, which a compiled engine does without

    return load_generator(folder, direction)


def _from_checkpoint(path: Path, to: str | None) -> Model:
    from cgtool.models.weights import load_checkpoint_generator

    if to is not None and not re.fullmatch(r"\w[\w-]*", to):
        raise UsageError(f"--to {to!r} can't be part of a file name", hint="Use letters, digits, _ and -")
    loaded = load_checkpoint_generator(path)
    scale = min(_REFERENCE_SCALE, MAX_AUTO_SIZE)
    source = GeneratorSource(
        key=checkpoint_key(loaded.sha256),
        label=path.name,
        stride=loaded.generator.stride,
        load=lambda: loaded.generator,
    )
    return _model(path.name, to or path.stem, source, scale, Defaults(scale))


def _model(name: str, target: str, source: GeneratorSource, training_scale: int, defaults: Defaults) -> Model:
    return Model(
        name, target, source, training_scale, defaults.size, defaults.smooth, defaults.texture, defaults.contrast
    )
