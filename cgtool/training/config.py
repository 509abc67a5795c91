"""What determines a training's result, and the presets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from cgtool.config import LEAST_CONTRAST, PRECISIONS, Precision
from cgtool.errors import UsageError

GeneratorName = Literal["resnet9", "resnet6", "resnet50", "unet256", "unet128"]
DiscriminatorName = Literal[
    "patch", "pixel", "projected", "projected+patch", "projected+tone", "projected+patch+tone", "resnet50"
]
GanLoss = Literal["lsgan", "bce", "hinge"]
CycleLoss = Literal["l1", "l2"]
Upsampling = Literal["transposed", "resize"]
Augment = Literal["none", "color"]
Preset = Literal["paper", "fast", "season", "painting", "tiny", "seed"]

GENERATORS: tuple[GeneratorName, ...] = get_args(GeneratorName)
DISCRIMINATORS: tuple[DiscriminatorName, ...] = get_args(DiscriminatorName)
GAN_LOSSES: tuple[GanLoss, ...] = get_args(GanLoss)
CYCLE_LOSSES: tuple[CycleLoss, ...] = get_args(CycleLoss)
UPSAMPLINGS: tuple[Upsampling, ...] = get_args(Upsampling)
AUGMENTS: tuple[Augment, ...] = get_args(Augment)
PRESETS: tuple[Preset, ...] = get_args(Preset)

_CROP_MULTIPLE: dict[GeneratorName | DiscriminatorName, int] = {
    "resnet9": 4, "resnet6": 4, "resnet50": 32, "unet256": 256, "unet128": 128,
    "projected": 32, "projected+patch": 32, "projected+tone": 32, "projected+patch+tone": 32,
}  # fmt: skip

_CHOICES: dict[str, tuple[str, ...]] = {
    "generator": GENERATORS,
    "discriminator": DISCRIMINATORS,
    "gan_loss": GAN_LOSSES,
    "cycle_loss": CYCLE_LOSSES,
    "upsample": UPSAMPLINGS,
    "augment": AUGMENTS,
    "precision": PRECISIONS,
}
_AT_LEAST: dict[str, float] = {
    "ngf": 1, "ndf": 1, "n_layers": 1, "cycle_weight": 0, "identity_weight": 0, "texture": 0, "contrast": 0,
    "texture_weight": 0, "temporal_weight": 0, "pool_size": 0, "lr": 0, "beta1": 0, "beta2": 0, "epochs": 1, "steps": 1,
    "head_start": 0, "decay": 0, "batch": 1, "accumulate": 1, "ema": 0, "zoom": 1, "crop_size": 32, "seed": 0,
}  # fmt: skip
_AT_MOST: dict[str, float] = {
    "decay": 1,
    "texture": 1,
    "contrast": 1,
    "beta1": 0.9999,
    "beta2": 0.999999,
    "ema": 0.999999,
}


@dataclass(frozen=True)
class TrainConfig:
    """Everything besides the images that a training's result depends on. The defaults are the paper's.

    Attributes:
        generator: Both generators' structure.
        discriminator: Both discriminators' structure; ``projected`` judges on a classifier's features.
        ngf: Filters of the generators' first convolution (not for resnet50).
        ndf: Filters of the discriminators' first convolution (not for projected and resnet50).
        n_layers: Convolutions of a patch discriminator that halve the size.
        stem_norm: Whether ResNet generators normalise their first features, which hides an image's own tint and light.
        upsample: How the generators' decoders double the size; ``resize`` has no checkerboards.
        dropout: Whether the generators drop features while they train.
        encoder_weights: torchvision's ResNet-50 weights, a file, with which ``resnet50`` networks begin.
        gan_loss: The adversarial loss: least squares (Mao et al. 2017), cross-entropy (Goodfellow et al. 2014) or
            hinge (Lim and Ye 2017).
        cycle_loss: The distance between an image and its reconstruction.
        cycle_weight: The paper's lambda.
        identity_weight: The identity loss's weight, as a share of ``cycle_weight``.
        through_detail: Whether the losses see translations as guided detail shows them, without texture of their own:
            for seasons, not for paintings.
        texture: Share, 0 to 1, of the texture that guided detail hides and yet is shown: brush strokes.
        contrast: Share, 0 to 1, of the source's contrast that guided detail keeps at least.
        texture_weight: Weight of the texture that guided detail hides.
        temporal_weight: Weight of the temporal consistency under synthetic motion.
        pool_size: Past fakes that the discriminators are shown; 0 shows them the newest ones.
        lr: Adam's learning rate before the decay.
        beta1: Adam's decay of the gradients' mean.
        beta2: Adam's decay of the gradients' mean square.
        epochs: Passes over the larger domain, if ``steps`` is None.
        steps: Steps of the optimizers in total.
        head_start: Steps at the beginning in which the discriminators alone learn: generators that begin with a model
            would forget what it can while discriminators that know nothing yet judge them.
        decay: The last part of the training, 0 to 1, in which the learning rate falls linearly to 0.
        batch: Images of each domain in one forward pass of one process.
        accumulate: Forward passes a step.
        ema: Decay a step of the generators' moving average; 0 keeps none.
        load_size: Images are scaled to this short side, px.
        zoom: Images are scaled up or down from there by up to this factor, at random; 1 leaves them.
        crop_size: Squares of this side are cut out, px.
        flip: Whether half of the images are mirrored.
        augment: ``color`` varies brightness, contrast, saturation and hue too.
        seed: All chance comes from it.
        precision: The arithmetic of the convolutions.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        compile: Whether ``torch.compile`` translates the networks.
    """

    generator: GeneratorName = "resnet9"
    discriminator: DiscriminatorName = "patch"
    ngf: int = 64
    ndf: int = 64
    n_layers: int = 3
    stem_norm: bool = True
    upsample: Upsampling = "transposed"
    dropout: bool = False
    encoder_weights: str | None = None
    gan_loss: GanLoss = "lsgan"
    cycle_loss: CycleLoss = "l1"
    cycle_weight: float = 10.0
    identity_weight: float = 0.5
    through_detail: bool = False
    texture: float = 0.0
    contrast: float = LEAST_CONTRAST
    texture_weight: float = 0.0
    temporal_weight: float = 0.0
    pool_size: int = 50
    lr: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999
    epochs: int = 200
    steps: int | None = None
    head_start: int = 0
    decay: float = 0.5
    batch: int = 1
    accumulate: int = 1
    ema: float = 0.0
    load_size: int = 286
    zoom: float = 1.0
    crop_size: int = 256
    flip: bool = True
    augment: Augment = "none"
    seed: int = 0
    precision: Precision = "auto"
    device: str = "auto"
    compile: bool = False

    def __post_init__(self) -> None:
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise UsageError(f"{flag(name)} {getattr(self, name)} is unknown", hint=f"Known are {', '.join(known)}")
        for name, low in _AT_LEAST.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= _AT_MOST.get(name, float("inf")):
                high = f" and at most {_AT_MOST[name]}" if name in _AT_MOST else ""
                raise UsageError(f"{flag(name)} is {value}", hint=f"It must be at least {low}{high}")
        for name in (self.generator, self.discriminator):
            multiple = _CROP_MULTIPLE.get(name, 1)
            if self.crop_size % multiple:
                raise UsageError(
                    f"--crop-size is {self.crop_size}", hint=f"For {name} it must be a multiple of {multiple}"
                )
        if round(self.load_size / self.zoom) < self.crop_size:
            size = f"--load-size {self.load_size}" + (f" by --zoom {self.zoom:g}" if self.zoom > 1 else "")
            raise UsageError(
                f"{size} is less than --crop-size {self.crop_size}",
                hint="Crops are cut out of images of that size",
            )
        if not self.through_detail and (self.texture or self.texture_weight or self.contrast != LEAST_CONTRAST):
            raise UsageError(
                "--texture, --contrast and --texture-weight are about guided detail", hint="Add --through-detail"
            )
        if not self.stem_norm and self.generator not in ("resnet9", "resnet6"):
            raise UsageError(f"--no-stem-norm is for resnet9 and resnet6, not {self.generator}", hint="Leave it out")
        if self.encoder_weights is not None and "resnet50" not in (self.generator, self.discriminator):
            raise UsageError("--encoder-weights is for resnet50 networks", hint="Add --generator resnet50")

    def generator_architecture(self) -> dict[str, object]:
        """The generators' structure, as `cgtool.models.architecture.build_generator` takes it."""
        common: dict[str, object] = {"upsample": self.upsample, "dropout": self.dropout}
        match self.generator:
            case "resnet9" | "resnet6":
                return {
                    "type": "resnet", "blocks": int(self.generator[-1]), "ngf": self.ngf,
                    "stem_norm": self.stem_norm, **common,
                }  # fmt: skip
            case "unet256" | "unet128":
                return {"type": "unet", "downs": 8 if self.generator == "unet256" else 7, "ngf": self.ngf, **common}
            case "resnet50":
                return {"type": "resnet50", **common}

    def discriminator_architecture(self) -> dict[str, object]:
        """The discriminators' structure, as `cgtool.models.architecture.build_discriminator` takes it."""
        match self.discriminator:
            case "patch":
                return {"type": "patch", "ndf": self.ndf, "n_layers": self.n_layers}
            case "pixel":
                return {"type": "pixel", "ndf": self.ndf}
            case "projected" | "projected+patch" | "projected+tone" | "projected+patch+tone" as name:
                beside = name.split("+")[1:]
                patch = {"ndf": self.ndf} if "patch" in beside else {}
                tone = {"tone": _TONE} if "tone" in beside else {}
                return {"type": "projected", **patch, **tone}
            case "resnet50":
                return {"type": "resnet50"}

    def to_json(self) -> dict[str, Any]:
        """All options as JSON-able data."""
        return asdict(self)


_TONE = 64

_FAST: dict[str, Any] = {
    "generator": "resnet6", "ngf": 32, "ndf": 32, "upsample": "resize", "ema": 0.999, "crop_size": 128,
    "precision": "bf16",
}  # fmt: skip
_SHOWN: dict[str, Any] = {
    **_FAST, "gan_loss": "hinge", "ngf": 24, "ndf": 64, "load_size": 256, "through_detail": True,
    "texture_weight": 0.5,
}  # fmt: skip
"""What conversion shows is what is judged, by a classifier's features."""

_PRESETS: dict[Preset, dict[str, Any]] = {
    "paper": {},
    "fast": _FAST,
    "season": {
        **_SHOWN, "discriminator": "projected+tone", "load_size": 224, "zoom": 1.6, "lr": 1.5e-4, "cycle_weight": 2.0,
        "identity_weight": 1.0, "temporal_weight": 2.0, "contrast": 0.2,
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


def resolve(preset: Preset, overrides: Mapping[str, Any]) -> TrainConfig:
    """A preset's options with some of them replaced.

    Args:
        preset: Where to begin.
        overrides: Values by the names of `TrainConfig`'s attributes; None means the preset's.

    Raises:
        UsageError: An option is unknown, out of range, or clashes with another.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    known = {field.name for field in fields(TrainConfig)}
    for name in given:
        if name not in known:
            raise UsageError(f"training has no option {name!r}", hint=f"Known are {', '.join(sorted(known))}")
    return TrainConfig(**{**_PRESETS[preset], **given})


def flag(name: str) -> str:
    """An attribute's option on the command line."""
    return "--" + name.replace("_", "-")
