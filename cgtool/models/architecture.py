"""Networks by description: from a structure in `model.json` or a checkpoint to a network, and back.

To add a network, write its file and add its row to one of the two tables.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from cgtool.errors import ModelError
from cgtool.models.discriminators import PatchConfig, PatchDiscriminator, PixelConfig, PixelDiscriminator
from cgtool.models.generator import Generator
from cgtool.models.maps import MapsConfig, MapsGenerator
from cgtool.models.projected import ProjectedConfig, ProjectedDiscriminator
from cgtool.models.resnet import ResNetConfig, ResNetGenerator
from cgtool.models.resnet50 import ResNet50Config, ResNet50Discriminator, ResNet50Generator, ResNet50JudgeConfig
from cgtool.models.shuffle import ShuffleConfig, ShuffleGenerator
from cgtool.models.unet import UNetConfig, UNetGenerator

__all__ = ["Discriminator", "Generator", "build_discriminator", "build_generator", "check_same", "describe"]

_N = TypeVar("_N")

Discriminator: TypeAlias = PatchDiscriminator | PixelDiscriminator | ProjectedDiscriminator | ResNet50Discriminator
"""A judge of images; has ``config``."""

# Type, as descriptions say it -> its options, and the network that is built from them.
_GENERATORS: dict[str, tuple[type, Callable[[Any], Generator]]] = {
    "resnet": (ResNetConfig, ResNetGenerator),
    "unet": (UNetConfig, UNetGenerator),
    "resnet50": (ResNet50Config, ResNet50Generator),
    "maps": (MapsConfig, MapsGenerator),
    "shuffle": (ShuffleConfig, ShuffleGenerator),
}
_DISCRIMINATORS: dict[str, tuple[type, Callable[[Any], Discriminator]]] = {
    "patch": (PatchConfig, PatchDiscriminator),
    "pixel": (PixelConfig, PixelDiscriminator),
    "projected": (ProjectedConfig, ProjectedDiscriminator),
    "resnet50": (ResNet50JudgeConfig, ResNet50Discriminator),
}
_TYPES = {config: name for table in (_GENERATORS, _DISCRIMINATORS) for name, (config, _) in table.items()}

_AFFINE_ONCE = (PatchConfig, PixelConfig)
"""Discriminators that once had an option ``affine``, which nobody could turn on. Older records still name it."""


def describe(config: Any) -> dict[str, object]:  # noqa: ANN401  # the dataclass of any row
    """The structure as JSON-able data, such as ``{"type": "resnet", "blocks": 6, "ngf": 32, ...}``."""
    return {"type": _TYPES[type(config)], **asdict(config)}


def check_same(
    what: str,
    architecture: Mapping[str, object],
    config: Any,  # noqa: ANN401
    path: Path,
) -> None:
    """Refuse a description that is not of a training's own network; omitted options take their defaults.

    Args:
        what: ``generator`` or ``discriminator``, for the message.
        architecture: The description.
        config: The network's structure.
        path: Where the description is.

    Raises:
        ModelError: It is of another structure, or has an unknown option, or a value of the wrong type or range.
    """
    kind, ours = type(config), describe(config)
    if architecture.get("type") != ours["type"] or _configure(kind, architecture) != config:
        shown = {key: value for key, value in ours.items() if key in architecture}
        raise ModelError(
            f"its {what} is {_words(architecture)}, but this training's is {_words(shown)}",
            path=path,
            hint="Give the options that it was trained with",
        )


def _words(architecture: Mapping[str, object]) -> str:
    return " ".join(str(value) if key == "type" else f"{key}={value}" for key, value in architecture.items())


def build_generator(architecture: Mapping[str, object]) -> Generator:
    """Build the generator that `describe` described; omitted options take their defaults.

    Raises:
        ModelError: An unknown type or option, or a value of the wrong type or range.
    """
    kind, network = _row(_GENERATORS, "generator", architecture)
    return network(_configure(kind, architecture))


def build_discriminator(architecture: Mapping[str, object]) -> Discriminator:
    """Build the discriminator that `describe` described; omitted options take their defaults.

    Raises:
        ModelError: An unknown type or option, or a value of the wrong type or range.
    """
    kind, network = _row(_DISCRIMINATORS, "discriminator", architecture)
    return network(_configure(kind, architecture))


def _row(
    table: Mapping[str, tuple[type, Callable[[Any], _N]]], what: str, architecture: Mapping[str, object]
) -> tuple[type, Callable[[Any], _N]]:
    name = architecture.get("type")
    if not isinstance(name, str) or name not in table:
        raise ModelError(f"unknown {what} type {reprlib.repr(name)}", hint=f"Known are {', '.join(table)}.")
    return table[name]


def _configure(kind: type, architecture: Mapping[str, object]) -> object:
    defaults = {field.name: field.default for field in fields(kind)}
    options = {key: value for key, value in architecture.items() if key != "type"}
    if kind in _AFFINE_ONCE and options.get("affine") is False:
        del options["affine"]
    for key, value in options.items():
        if key not in defaults:
            raise ModelError(
                f"{_TYPES[kind]} has no option {reprlib.repr(key)}", hint=f"Known are {', '.join(defaults)}."
            )
        wanted = type(defaults[key])
        if type(value) is not wanted:  # Not isinstance: JSON's true is no number of blocks.
            raise ModelError(
                f"{_TYPES[kind]} option {key!r} is {reprlib.repr(value)}", hint=f"It must be of type {wanted.__name__}."
            )
    return kind(**options)
