"""The generator that a conversion uses, and how it was chosen."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cgtool.backends.base import GeneratorSource, MapGrid, Origin
from cgtool.backends.engines import cached_engines_dir
from cgtool.config import LEAST_CONTRAST, MAX_AUTO_SIZE, Direction, opposite
from cgtool.conversion.look import FullLook
from cgtool.conversion.network import MAP_MULTIPLE, network_size
from cgtool.errors import ModelError, UsageError
from cgtool.extras import require
from cgtool.grid import KNOTS, MAP_STRIDE
from cgtool.models.checkpoints.reference_options import trained_scale
from cgtool.models.folder import MODEL_FILE, Defaults, ModelFolder, checkpoint_key, engine_key, read_model_folder
from cgtool.models.lookup import Choice, resolve

if TYPE_CHECKING:
    from torch import nn

logger = logging.getLogger(__name__)

CHECKPOINT_SUFFIXES = (".pth", ".pt", ".ckpt", ".safetensors")


@dataclass(frozen=True)
class Model:
    """The generator to convert with.

    Attributes:
        name: What people call it.
        target: The domain it leads to, which becomes part of default output names.
        source: The generator itself.
        training_scale: Short side of its training images in pixels.
        look: How its results look unless told otherwise.
    """

    name: str
    target: str
    source: GeneratorSource
    training_scale: int
    look: FullLook


def choose_model(to: str | None = None, model: str | None = None, engines_dir: Path | None = None) -> Model:
    """Pick the generator to convert with, without loading it (but for a bare checkpoint).

    Args:
        to: ``--to``: the target domain.
        model: ``--model``: a model's name or folder, or a checkpoint file of the reference PyTorch CycleGAN; for a
            checkpoint, ``to`` only names the result, and the file's own name does if it is None.
        engines_dir: Where to look for models first.

    Raises:
        UsageError: No model fits, or a checkpoint is given and PyTorch is not installed.
        ModelError: The model is damaged.
    """
    if model is not None and model.endswith(CHECKPOINT_SUFFIXES):
        part = _part_of_a_folder(Path(model))
        if part is None:
            return _from_checkpoint(Path(model), to)
        model, to = str(part.folder.path), part.target
    choice = resolve(to, model, engines_dir)
    folder = choice.folder
    source = source_of(folder, choice.direction)
    return _model(folder.name, choice.target, source, folder.training_scale, folder.defaults_of(choice.direction))


def _part_of_a_folder(path: Path) -> Choice | None:
    """The generator whose weights lie at a path, where that is inside a model folder."""
    if not (path.parent / MODEL_FILE).is_file():
        return None
    folder = read_model_folder(path.parent)
    directions = [one for one in folder.directions if folder.weights[one].file == path.name]
    return Choice(folder, directions[0], folder.target(directions[0])) if directions else None


def source_of(folder: ModelFolder, direction: Direction) -> GeneratorSource:
    """A model folder's generator, described without loading it."""
    key, target, maps = engine_key(folder, direction), folder.target(direction), _maps(folder, direction)
    multiple = 1 if maps is None else MAP_MULTIPLE
    return GeneratorSource(
        key=key,
        label=f"{folder.name} {direction}",
        stride=folder.network_of(direction).stride,
        load=lambda: _load(folder, direction),
        direction=direction,
        places=(folder.path, cached_engines_dir(key)),  # beside the weights, or where they can't be written
        origin=Origin(
            model=folder.name,
            domains=(folder.target(opposite(direction)), target),
            weights_sha256=folder.weights[direction].sha256,
            training_scale=folder.training_scale,
            size=network_size(1920, 1080, folder.defaults_of(direction).size, folder.training_scale, multiple),
        ),
        maps=maps,
    )


def _maps(folder: ModelFolder, direction: Direction) -> MapGrid | None:
    """The grid of a map network's maps, as `model.json` tells it; None for a picture network."""
    architecture = folder.network_of(direction).architecture
    if architecture.get("type") != "maps":
        return None
    stride, knots = architecture.get("map_stride", MAP_STRIDE), architecture.get("knots", KNOTS)
    if stride not in (2, 4, 8) or not isinstance(knots, int) or not 1 <= knots <= 64:
        raise ModelError(f"its maps have a stride of {stride!r} and {knots!r} knots", path=folder.path)
    return MapGrid(stride, knots)


def _load(folder: ModelFolder, direction: Direction) -> nn.Module:
    require("torch", "train")
    from cgtool.models.weights import load_generator  # imports torch, which a compiled engine does without

    return load_generator(folder, direction)


def _from_checkpoint(path: Path, to: str | None) -> Model:
    require("torch", "train")
    from cgtool.models.weights import load_checkpoint_generator

    if to is not None and not re.fullmatch(r"\w[\w-]*", to):
        raise UsageError(f"--to {to!r} can't be part of a file name", hint="Use letters, digits, _ and -")
    loaded = load_checkpoint_generator(path)
    scale, scale_from = trained_scale(path)
    logger.debug("%s: trained at %d px (%s)", path, scale, scale_from)
    source = GeneratorSource(
        key=checkpoint_key(loaded.sha256),
        label=path.name,
        stride=loaded.generator.stride,
        load=lambda: loaded.generator,
    )
    return _model(path.name, to or path.stem, source, scale, Defaults(min(scale, MAX_AUTO_SIZE)))


def _model(name: str, target: str, source: GeneratorSource, training_scale: int, defaults: Defaults) -> Model:
    contrast = LEAST_CONTRAST if defaults.contrast is None else defaults.contrast
    look = FullLook(size=defaults.size, smooth=defaults.smooth, texture=defaults.texture, contrast=contrast)
    return Model(name, target, source, training_scale, look)
