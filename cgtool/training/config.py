"""Everything besides the images that a training's result depends on. Imports no framework.

Each option's default, help, choices and bounds are declared once, here: the command line and all checks derive from
it. The defaults are the paper's (Zhu et al. 2017). A new option's default must leave trainings as they were, because
checkpoints that were made before it count as made with the default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from cgtool.config import DIRECTIONS, LEAST_CONTRAST, PRECISIONS, Direction, Precision
from cgtool.errors import UsageError
from cgtool.training.networks import DISCRIMINATORS, GENERATORS, Network
from cgtool.training.options import build, check_options, flat, option, options_of

GanLoss = Literal["lsgan", "bce", "hinge", "relativistic"]
CycleLoss = Literal["l1", "l2"]
Upsampling = Literal["transposed", "resize"]
Augment = Literal["none", "color"]
Learn = Literal["both", Direction]

GAN_LOSSES: tuple[GanLoss, ...] = get_args(GanLoss)
CYCLE_LOSSES: tuple[CycleLoss, ...] = get_args(CycleLoss)
UPSAMPLINGS: tuple[Upsampling, ...] = get_args(Upsampling)
AUGMENTS: tuple[Augment, ...] = get_args(Augment)
LEARN: tuple[Learn, ...] = get_args(Learn)


@dataclass(frozen=True)
class Objective:
    """The choices in the full objective (the paper's equation 3, section 5.2 for identity) and in what it judges.

    `cgtool.training.losses` has the losses that the weights are of. A weight of 0 leaves its loss out.
    """

    # Least squares (Mao et al. 2017), cross-entropy (Goodfellow et al. 2014), hinge (Lim and Ye 2017); relativistic
    # sets each fake against a real image (RpGAN, Jolicoeur-Martineau 2018; R3GAN, Huang et al. 2024).
    gan_loss: GanLoss = option("lsgan", "The adversarial loss.", choices=GAN_LOSSES)
    cycle_loss: CycleLoss = option("l1", "The distance to the reconstruction.", choices=CYCLE_LOSSES)
    # The paper's lambda.
    cycle_weight: float = option(10.0, "The cycle-consistency loss's weight.", least=0)
    identity_weight: float = option(0.5, "The identity loss's weight, as a share of --cycle-weight.", least=0)
    # What conversion shows of a season: a gain and an offset for each window of the source. Not for paintings.
    through_detail: bool = option(False, "Train on what convert shows: guided detail, for seasons.")
    # Brush strokes: guided detail hides them, yet a share of them may be shown.
    texture: float = option(0.0, "With --through-detail: share of hidden texture that is shown yet.", least=0, most=1)
    contrast: float = option(
        LEAST_CONTRAST, "With --through-detail or maps: share of contrast that every place keeps.", least=0, most=1
    )
    evenness_weight: float = option(0.0, "With --generator maps: weight of the maps' total variation.", least=0)
    rims_weight: float = option(0.0, "Weight of a change that is uneven where the source is even.", least=0)
    range_weight: float = option(0.0, "Weight of what is brighter than white or darker than black.", least=0)
    colour_weight: float = option(0.0, "Weight of colours that neither the source nor the target has.", least=0)
    background_weight: float = option(0.0, "With --masks: weight of what changes outside of them.", least=0)
    # Left to find out by itself where to act, a generator soon acts nowhere.
    attention_weight: float = option(
        0.0, "With --masks and --generator maps: weight of where to act, which masks teach.", least=0
    )
    # Zhao et al. 2020: worth as much as two to four times the images where there are few.
    diff_augment: bool = option(False, "Show discriminators images moved and cut.")
    # Mescheder et al. 2018: where discriminators are level at real images, generators settle there.
    r1_weight: float = option(0.0, "Weight of how steep discriminators are at real images (R1).", least=0)
    # Karras et al. 2020: as good as every step, and a gradient's gradient costs as much as the step itself, or more.
    r1_every: int = option(16, "With --r1-weight: every so many steps, as many times as strong.", least=1)
    texture_weight: float = option(0.0, "Weight of the texture that guided detail hides.", least=0)
    temporal_weight: float = option(0.0, "Weight of steadiness under synthetic motion.", least=0)
    # Without it there is nothing to judge: discriminators are left out of the steps. For a model that is imitated, or
    # to learn from masks where to act before it is learned how.
    gan_weight: float = option(1.0, "The adversarial loss's weight; 0 leaves discriminators out.", least=0)
    # Hinton et al. 2015, for pictures: what a large network can, a small one learns in minutes.
    distill: str | None = option(
        None, "A model of the same domains that the generators imitate.", kind=str, metavar="MODEL"
    )
    distill_weight: float = option(10.0, "With --distill: weight of what differs from that model.", least=0)
    # One-sided, as in Park et al. 2020: half of the work, where one direction is wanted or the other is good already.
    learn: Learn = option("both", "Which generators learn; another stays as it began.", choices=LEARN)

    def __post_init__(self) -> None:
        check_options(self)

    @property
    def learning(self) -> tuple[Direction, ...]:
        """The directions whose generators learn."""
        return DIRECTIONS if self.learn == "both" else (self.learn,)

    def at(self, step: int) -> Objective:
        """The choices in a step, from 0: what comes every so many steps is as many times stronger in it."""
        if not self.r1_weight:
            return self
        return replace(self, r1_weight=0.0 if step % self.r1_every else self.r1_weight * self.r1_every)


@dataclass(frozen=True)
class TrainConfig:
    """A training's options. Outside of Python they are one flat list: see `to_json` and `from_options`."""

    generator: str = option("resnet9", "Both generators' structure.", choices=tuple(GENERATORS))
    discriminator: str = option("patch", "Both discriminators' structure.", choices=tuple(DISCRIMINATORS))
    ngf: int = option(64, "Filters of the generators' first convolution.", least=1)
    ndf: int = option(64, "Filters of the discriminators' first convolution.", least=1)
    n_layers: int = option(3, "Convolutions of a patch discriminator that halve the size.", least=1)
    # Normalizing the first features, as the paper does, takes an image's own tint and light away.
    stem_norm: bool = option(True, "Hide an image's own tint from a ResNet, or not.")
    upsample: Upsampling = option("transposed", "How decoders grow; resize has no checkerboards.", choices=UPSAMPLINGS)
    dropout: bool = option(False, "Drop generator features while training.")
    encoder_weights: str | None = option(
        None, "torchvision's ResNet-50 weights to begin resnet50 with.", kind=str, metavar="FILE"
    )
    map_stride: int = option(4, "With --generator maps: pixels of a map's cell, 2, 4 or 8.", least=2, most=8)
    blocks: int = option(6, "With --generator maps or shuffle: residual blocks.", least=1)
    knots: int = option(4, "With --generator maps: lumas that have maps of their own.", least=1)
    objective: Objective = field(default_factory=Objective)
    pool_size: int = option(50, "Past fakes that the discriminators are shown.", least=0)
    lr: float = option(2e-4, "Adam's learning rate.", least=0)
    beta1: float = option(0.5, "Adam's first beta.", least=0, most=0.9999)
    beta2: float = option(0.999, "Adam's second beta.", least=0, most=0.999999)
    epochs: int = option(200, "Passes over the larger domain, in total.", least=1)
    steps: int | None = option(None, "Steps in total, instead of --epochs.", kind=int, least=1)
    # Generators that begin with a model would forget what it can while discriminators that know nothing yet judge them.
    head_start: int = option(0, "Steps in which discriminators learn alone, for --init with a model.", least=0)
    decay: float = option(
        0.5, "The last part of training, 0 to 1, in which the learning rate falls to 0.", least=0, most=1
    )
    batch: int = option(1, "Images of each domain in one pass of one process.", least=1)
    accumulate: int = option(1, "Passes per step.", least=1)
    ema: float = option(
        0.0, "Decay of the generators' moving average, such as 0.999; 0 keeps none.", least=0, most=0.999999
    )
    load_size: int = option(286, "Short side that images are scaled to, px.")
    zoom: float = option(1.0, "Images are scaled up or down by up to this factor, at random.", least=1)
    crop_size: int = option(256, "Side of the squares that are cut out, px.", least=32)
    flip: bool = option(True, "Mirror half of the images.")
    masks: bool = option(False, "Show discriminators the objects alone: masks lie in maskA and maskB.")
    augment: Augment = option("none", "color varies the colours a little, too.", choices=AUGMENTS)
    seed: int = option(0, "All chance comes from it.", least=0)
    precision: Precision = option("auto", "Arithmetic of the convolutions.", choices=PRECISIONS)
    device: str = option("auto", "Where to train.", metavar="auto|cpu|cuda|cuda:N")
    compile: bool = option(False, "Let torch.compile translate the networks.")

    def __post_init__(self) -> None:
        check_options(self)
        self._check_sizes()
        self._check_view()
        generator = GENERATORS[self.generator]
        if not self.stem_norm and "stem_norm" not in generator.options.values():
            raise UsageError(f"--no-stem-norm is for resnet9 and resnet6, not {self.generator}", hint="Leave it out")
        if self.encoder_weights is not None and "resnet50" not in (self.generator, self.discriminator):
            raise UsageError("--encoder-weights is for resnet50 networks", hint="Add --generator resnet50")
        if self.compile and self.objective.r1_weight:  # a gradient's gradient is more than torch.compile can do
            raise UsageError("--r1-weight does not go with --compile", hint="Leave one of them out")

    def _check_view(self) -> None:
        """Refuse options about guided detail without it, and about maps without them."""
        objective, generator = self.objective, GENERATORS[self.generator]
        own_contrast = "contrast" not in generator.options.values() and objective.contrast != LEAST_CONTRAST
        if not objective.through_detail and (objective.texture or objective.texture_weight or own_contrast):
            raise UsageError(
                "--texture, --contrast and --texture-weight are about guided detail", hint="Add --through-detail"
            )
        if objective.through_detail and not generator.draws:
            raise UsageError(f"--through-detail is for generators that draw, not {self.generator}", hint="Leave it out")
        for name, weight in (("background", objective.background_weight), ("attention", objective.attention_weight)):
            if weight and not self.masks:
                raise UsageError(f"--{name}-weight needs masks", hint="Add --masks")
        if not (objective.gan_weight or objective.distill or objective.attention_weight):
            raise UsageError(
                "--gan-weight 0 leaves nothing to learn from",
                hint="Add --distill MODEL, or --attention-weight to learn from masks alone",
            )
        for name, weight in (("evenness", objective.evenness_weight), ("attention", objective.attention_weight)):
            if weight and generator.draws:
                raise UsageError(f"--{name}-weight is about maps, not {self.generator}", hint="Add --generator maps")

    def _check_sizes(self) -> None:
        for name, network in self._networks().items():
            if self.crop_size % network.crop_multiple:
                raise UsageError(
                    f"--crop-size is {self.crop_size}",
                    hint=f"For {name} it must be a multiple of {network.crop_multiple}",
                )
        if round(self.load_size / self.zoom) < self.crop_size:
            size = f"--load-size {self.load_size}" + (f" by --zoom {self.zoom:g}" if self.zoom > 1 else "")
            raise UsageError(
                f"{size} is less than --crop-size {self.crop_size}",
                hint="Crops are cut out of images of that size",
            )

    def _networks(self) -> dict[str, Network]:
        return {
            self.generator: GENERATORS[self.generator],
            self.discriminator: DISCRIMINATORS[self.discriminator],
        }

    def generator_architecture(self) -> dict[str, object]:
        """The generators' structure, as `cgtool.models.architecture.build_generator` takes it."""
        return GENERATORS[self.generator].architecture(self.to_json())

    def discriminator_architecture(self) -> dict[str, object]:
        """The discriminators' structure, as `cgtool.models.architecture.build_discriminator` takes it."""
        return DISCRIMINATORS[self.discriminator].architecture(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """All options by name, the objective's among them, as JSON-able data."""
        return flat(self)

    @classmethod
    def from_options(cls, values: Mapping[str, Any]) -> TrainConfig:
        """The configuration with these options; what is missing has its default.

        Raises:
            UsageError: An option is unknown, out of range, or clashes with another.
        """
        known = sorted(option.name for option in options_of(cls))
        for name in values:
            if name not in known:
                raise UsageError(f"training has no option {name!r}", hint=f"Known are {', '.join(known)}")
        return build(cls, values)

    def changed(self, **values: object) -> TrainConfig:
        """The same with some options changed, the objective's too.

        Raises:
            UsageError: See `from_options`.
        """
        return self.from_options({**self.to_json(), **values})
