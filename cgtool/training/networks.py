"""The networks that a training can have, by the names of ``--generator`` and ``--discriminator``. Imports no framework.

A row says what `model.json` will say of the structure, and which training options go into it: to offer another
network of `cgtool.models`, add a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Network:
    """One network.

    Attributes:
        fixed: The part of its architecture that the name alone decides, as `cgtool.models.architecture` takes it.
        options: Training options by the architecture's option that they fill.
        switches: The same for parts of the architecture that are there where the training's option is not 0.
        crop_multiple: The crops' side must be a multiple of this, px.
        draws: Whether it draws a picture, which can be shown through guided detail.
    """

    fixed: Mapping[str, object]
    options: Mapping[str, str] = field(default_factory=dict)
    switches: Mapping[str, str] = field(default_factory=dict)
    crop_multiple: int = 1
    draws: bool = True

    def architecture(self, values: Mapping[str, Any]) -> dict[str, object]:
        """Its structure, given the training's options."""
        options = {key: values[option] for key, option in self.options.items()}
        return {**self.fixed, **options, **{key: bool(values[option]) for key, option in self.switches.items()}}


_DECODER = {"upsample": "upsample", "dropout": "dropout"}
_RESNET = {"ngf": "ngf", "stem_norm": "stem_norm", **_DECODER}
_MAPS = {"width": "ngf", "blocks": "blocks", "map_stride": "map_stride", "knots": "knots", "contrast": "contrast"}
_TONE = 64

GENERATORS: Mapping[str, Network] = {
    "resnet9": Network({"type": "resnet", "blocks": 9}, _RESNET, crop_multiple=4),
    "resnet6": Network({"type": "resnet", "blocks": 6}, _RESNET, crop_multiple=4),
    "resnet50": Network({"type": "resnet50"}, _DECODER, crop_multiple=32),
    "unet256": Network({"type": "unet", "downs": 8}, {"ngf": "ngf", **_DECODER}, crop_multiple=256),
    "unet128": Network({"type": "unet", "downs": 7}, {"ngf": "ngf", **_DECODER}, crop_multiple=128),
    "maps": Network({"type": "maps"}, _MAPS, {"attention": "attention_weight"}, 8, draws=False),
    "shuffle": Network({"type": "shuffle"}, {"width": "ngf", "blocks": "blocks"}, crop_multiple=8),
}

DISCRIMINATORS: Mapping[str, Network] = {
    "patch": Network({"type": "patch"}, {"ndf": "ndf", "n_layers": "n_layers"}),
    "pixel": Network({"type": "pixel"}, {"ndf": "ndf"}),
    "projected": Network({"type": "projected"}, crop_multiple=32),
    "projected+patch": Network({"type": "projected"}, {"ndf": "ndf"}, crop_multiple=32),
    "projected+tone": Network({"type": "projected", "tone": _TONE}, crop_multiple=32),
    "projected+patch+tone": Network({"type": "projected", "tone": _TONE}, {"ndf": "ndf"}, crop_multiple=32),
    "resnet50": Network({"type": "resnet50"}),
}
