"""Presets: where ``--preset`` lets options begin. Imports no framework."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cgtool.errors import UsageError
from cgtool.training.config import TrainConfig

_FAST: dict[str, Any] = {
    "generator": "resnet6", "ngf": 32, "ndf": 32, "upsample": "resize", "ema": 0.999, "crop_size": 128,
    "precision": "bf16",
}  # fmt: skip
_SHOWN: dict[str, Any] = {
    **_FAST, "gan_loss": "hinge", "ngf": 24, "ndf": 64, "load_size": 256, "through_detail": True,
    "texture_weight": 0.5,
}  # fmt: skip
"""What conversion shows is what is judged, by a classifier's features."""
_BRISK: dict[str, Any] = {
    **_SHOWN, "generator": "shuffle", "ngf": 32, "blocks": 4, "texture": 0.7, "texture_weight": 0.0, "contrast": 0.3,
}  # fmt: skip
"""A painter of a ninth of the work, which has a model to imitate."""
_MAPS: dict[str, Any] = {
    "generator": "maps", "ngf": 16, "contrast": 0.2, "map_stride": 4, "knots": 4, "evenness_weight": 0.5,
    "rims_weight": 30.0, "range_weight": 5.0, "colour_weight": 20.0, "diff_augment": True,
    "discriminator": "projected+tone", "ndf": 64, "gan_loss": "hinge", "cycle_weight": 1.0, "identity_weight": 1.0,
    "lr": 2e-4, "ema": 0.999, "load_size": 224, "zoom": 1.6, "crop_size": 128, "precision": "bf16",
}  # fmt: skip
"""A change of light and colour."""
_UNJUDGED: dict[str, Any] = {
    "gan_weight": 0.0, "cycle_weight": 0.0, "discriminator": "pixel", "diff_augment": False,
}  # fmt: skip
"""Something else is learned from: no discriminator looks, and the cheapest one is there."""
_ANIMAL: dict[str, Any] = {
    **_MAPS, "discriminator": "projected+patch+tone", "map_stride": 2, "knots": 2, "cycle_weight": 0.5,
    "identity_weight": 0.5, "masks": True, "attention_weight": 3.0, "background_weight": 3.0,
    "load_size": 192, "zoom": 1.5, "evenness_weight": 0.0, "rims_weight": 0.0, "colour_weight": 0.0,
}  # fmt: skip
"""Another coat, for what masks show."""

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "paper": {},
    "fast": _FAST,
    "maps": _MAPS,
    "season": {
        **_MAPS, "cycle_weight": 0.3, "identity_weight": 0.25, "rims_weight": 25.0, "colour_weight": 40.0,
    },
    "animal": _ANIMAL,
    "where": {
        **_ANIMAL, **_UNJUDGED, "identity_weight": 0.0, "background_weight": 0.0, "range_weight": 0.0,
        "augment": "color", "batch": 8, "lr": 1e-3, "decay": 0.6,
    },
    "student": {
        **_MAPS, **_UNJUDGED, "ngf": 8, "blocks": 4, "knots": 3, "evenness_weight": 0.0, "rims_weight": 0.0,
        "range_weight": 0.0, "colour_weight": 0.0, "lr": 2e-3, "batch": 4, "load_size": 256, "zoom": 1.8,
    },
    "painting-student": {**_BRISK, **_UNJUDGED, "lr": 1e-3, "batch": 4, "zoom": 1.8},
    "fast-painting": {
        **_BRISK, "discriminator": "projected+patch+tone", "ndf": 48, "zoom": 1.4, "diff_augment": True,
        "cycle_weight": 0.0, "distill_weight": 3.0,
    },
    "painting": {
        **_SHOWN, "discriminator": "projected+patch", "ndf": 48, "lr": 1e-4, "texture": 0.5, "temporal_weight": 3.0,
        "contrast": 0.3,
    },
    "tiny": {
        "generator": "resnet6", "ngf": 16, "ndf": 16, "upsample": "resize", "ema": 0.99, "load_size": 143,
        "crop_size": 128, "epochs": 2,
    },
    "seed": {
        "generator": "resnet50", "discriminator": "resnet50", "gan_loss": "bce", "load_size": 64, "crop_size": 64,
        "epochs": 100, "decay": 0.0,
    },
}  # fmt: skip
"""Options by preset; what a preset leaves out has its default."""


def resolve(preset: str, overrides: Mapping[str, Any]) -> TrainConfig:
    """A preset's options with some of them replaced.

    Args:
        preset: Where to begin: a key of `PRESETS`.
        overrides: Values by option; None means the preset's.

    Raises:
        UsageError: The preset or an option is unknown, an option is out of range, or it clashes with another.
    """
    if preset not in PRESETS:
        raise UsageError(f"--preset {preset} is unknown", hint=f"Known are {', '.join(PRESETS)}")
    given = {name: value for name, value in overrides.items() if value is not None}
    return TrainConfig.from_options({**PRESETS[preset], **given})
