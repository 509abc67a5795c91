"""Networks by description: from a structure in `model.json` or a checkpoint to a network, and back."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import TypeAlias, TypeVar

from cgtool.errors import ModelError
from cgtool.models.discriminators import PatchConfig, PatchDiscriminator, PixelConfig, PixelDiscriminator
from cgtool.models.projected import ProjectedConfig, ProjectedDiscriminator
from cgtool.models.resnet import ResNetConfig, ResNetGenerator
from cgtool.models.resnet50 import ResNet50Config, ResNet50Discriminator, ResNet50Generator, ResNet50JudgeConfig
from cgtool.models.unet import UNetConfig, UNetGenerator

Generator: TypeAlias = ResNetGenerator | UNetGenerator | ResNet50Generator
"""A translator of images; has ``config`` and ``stride`` (px)."""

Discriminator: TypeAlias = PatchDiscriminator | PixelDiscriminator | ProjectedDiscriminator | ResNet50Discriminator
"""A judge of images; has ``config``."""

Config: TypeAlias = (
    ResNetConfig | UNetConfig | ResNet50Config | PatchConfig | PixelConfig | ProjectedConfig | ResNet50JudgeConfig
)

_C = TypeVar(
    "_C", ResNetConfig, UNetConfig, ResNet50Config, PatchConfig, PixelConfig, ProjectedConfig, ResNet50JudgeConfig
)
_TYPES = {
    ResNetConfig: "resnet",
    UNetConfig: "unet",
    ResNet50Config: "resnet50",
    PatchConfig: "patch",
    PixelConfig: "pixel",
    ProjectedConfig: "projected",
    ResNet50JudgeConfig: "resnet50",
}

_AFFINE_ONCE = (PatchConfig, PixelConfig)
"""Discriminators that once had an option ``affine``, which nobody could turn on. Older records still name it."""


def describe(config: Config) -> dict[str, object]:
    """The structure as JSON-able data, such as ``{"type": "resnet", "blocks": 6, "ngf": 32, ...}``."""
    return {"type": _TYPES[type(config)], **asdict(config)}


def build_generator(architecture: Mapping[str, object]) -> Generator:
    """Build the generator that `describe` described; omitted options take their defaults.

    Raises:
        ModelError: An unknown type or option, or a value of the wrong type or range.
    """
    match architecture.get("type"):
        case "resnet":
            return ResNetGenerator(_configure(ResNetConfig, architecture))
        case "unet":
            return UNetGenerator(_configure(UNetConfig, architecture))
        case "resnet50":
            return ResNet50Generator(_configure(ResNet50Config, architecture))
        case other:
            raise ModelError(
                f"unknown generator type {reprlib.repr(other)}", hint="Known are resnet, unet and resnet50."
            )


def build_discriminator(architecture: Mapping[str, object]) -> Discriminator:
    """Build the discriminator that `describe` described; omitted options take their defaults.

    Raises:
        ModelError: An unknown type or option, or a value of the wrong type or range.
    """
    match architecture.get("type"):
        case "patch":
            return PatchDiscriminator(_configure(PatchConfig, architecture))
        case "pixel":
            return PixelDiscriminator(_configure(PixelConfig, architecture))
        case "projected":
            return ProjectedDiscriminator(_configure(ProjectedConfig, architecture))
        case "resnet50":
            return ResNet50Discriminator(_configure(ResNet50JudgeConfig, architecture))
        case other:
            raise ModelError(
                f"unknown discriminator type {reprlib.repr(other)}",
                hint="Known are patch, pixel, projected and resnet50.",
            )


def _configure(kind: type[_C], architecture: Mapping[str, object]) -> _C:
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
    return kind(**options)  # type: ignore[arg-type]  # checked above, by name and type
