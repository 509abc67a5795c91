"""The losses as a list of terms, from which training's sum, `metrics.jsonl`, plots, report and screen derive.

To add a loss, write its `GeneratorTerm` or `DiscriminatorTerm`, put it into `TERMS`, and give its weight an option in
`cgtool.training.config.Objective`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from cgtool.config import Direction
from cgtool.models.generator import Generator
from cgtool.training.config import Objective
from cgtool.training.parts.colours import invented
from cgtool.training.parts.diff_augment import diff_augment
from cgtool.training.parts.distances import adversarial_loss, discriminator_loss, image_distance, imitation
from cgtool.training.parts.evenness import total_variation, unevenness
from cgtool.training.parts.masks import missed
from cgtool.training.parts.motion import Motion, random_motion, with_noise
from cgtool.training.parts.through_detail import through_detail

Losses = dict[str, Tensor]
"""Weighted losses by their names in `metrics.jsonl`: 0-dimensional tensors."""


def shown(objective: Objective, image: Tensor, picture: Tensor) -> Tensor:
    """A translation as it is shown, and so as it is judged: through guided detail if that was asked for."""
    if not objective.through_detail:
        return picture
    return through_detail(image, picture, texture=objective.texture, contrast=objective.contrast)


def translated(objective: Objective, net: Generator, image: Tensor) -> Tensor:
    """Images of one domain in the other, as they are shown: (batch, 3, height, width), about in [-1, 1]."""
    return shown(objective, image, net.picture(image, net(image)))


def given(value: Tensor | None) -> Tensor:
    """What a term needs and `Half` has only if the training was told to bring it."""
    assert value is not None
    return value


def as_judged(objective: Objective, images: Tensor) -> Tensor:
    """Images as discriminators see them, real ones and fakes alike: varied, if that was asked for."""
    return diff_augment(images) if objective.diff_augment else images


@dataclass
class Half:
    """One generator's half of a step: G's way from X to Y and back, or F's from Y to X. Filled in as the step goes on.

    Attributes:
        direction: The generator's.
        objective: The choices.
        source: Images of the domain that the generator begins from, (batch, 3, height, width) in [-1, 1].
        target: As many of the domain that it leads to.
        mask: Where the source's objects are, 0 to 1, (batch, 1, height, width); None without masks.
        target_mask: The same of the target.
        palette: How colourful the target's domain is; None if nobody asks.
        seen: What went through the generator in one batch: the source, and what terms want beside it.
        picture: What the generator made of that.
        shown: The same, as it is shown.
        output: The same, as the generator gave it.
        attention: Logits of where it acts, a cell each; None of generators that don't say.
        fake: The source's part of ``shown``.
        judged: The same as the discriminator sees it, with a mask the object alone; empty if it is not translated.
        beside: The other parts, by the names of the terms that wanted them.
        taught: What the imitated model makes of ``seen``, as it is shown; only with one.
        opinion: The discriminator's logits of the fake.
        rival: Its logits of the target, which the fake is compared with; None if the loss compares nothing.
        again: The fake translated back, as it is shown.
    """

    direction: Direction
    objective: Objective
    source: Tensor
    target: Tensor
    mask: Tensor | None = None
    target_mask: Tensor | None = None
    palette: Tensor | None = None
    seen: Tensor = field(init=False)
    picture: Tensor = field(init=False)
    shown: Tensor = field(init=False)
    output: Tensor = field(init=False)
    attention: Tensor | None = field(init=False, default=None)
    fake: Tensor = field(init=False)
    judged: Tensor = field(init=False)
    beside: dict[str, Tensor] = field(init=False)
    taught: Tensor = field(init=False)
    opinion: Tensor = field(init=False)
    rival: Tensor | None = field(init=False, default=None)
    again: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.judged = self.source[:0]

    @cached_property
    def motion(self) -> Motion:
        """A motion for each image of the source, drawn when it is first asked for."""
        return random_motion(self.source)

    def translate(self, net: Generator, terms: Sequence[GeneratorTerm], teacher: Generator | None) -> None:
        """Send the source through its generator, and in the same batch all that terms want to know of it."""
        beside = {term.name: term.beside(self) for term in terms if term.beside is not None}
        self.seen = torch.cat([self.source, *beside.values()])
        self.output, self.attention = net.split(net(self.seen))
        self.picture = net.picture(self.seen, self.output)
        self.shown = shown(self.objective, self.seen, self.picture)
        self.fake, *others = self.shown.chunk(1 + len(beside))
        self.beside = dict(zip(beside, others, strict=True))
        if teacher is not None:
            with torch.no_grad():
                self.taught = translated(self.objective, teacher, self.seen)


@dataclass(frozen=True)
class Verdict:
    """What a discriminator says of real images and of as many fakes.

    Attributes:
        objective: The choices.
        real: The real images, (batch, 3, height, width); they have a gradient if a term is about pixels.
        real_logits: Of the real images.
        fake_logits: Of the fakes.
    """

    objective: Objective
    real: Tensor
    real_logits: Tensor
    fake_logits: Tensor


def steepness(verdict: Verdict) -> Tensor:
    """Squared length of the gradient of a real image's logits by its pixels, summed and divided by their number.

    Half of it is the penalty R1 of Mescheder et al. (2018), whose discriminator gives one logit. Of many, each a
    patch's, the gradients hardly overlap: this is about the mean of their own, so that a weight means the same.
    """
    (gradient,) = torch.autograd.grad(verdict.real_logits.sum(), verdict.real, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean() / verdict.real_logits[0].numel()


@dataclass(frozen=True)
class LossTerm:
    """A loss that is logged, plotted and reported.

    Attributes:
        name: What the screen and the terms among each other call it.
        title: Over its plot.
        names: Both of its names in `metrics.jsonl`.
        on_screen: Whether progress shows it.
    """

    name: str
    title: str
    names: tuple[str, str]
    on_screen: bool = field(default=False, kw_only=True)

    def mean(self, losses: Mapping[str, float]) -> float | None:
        """The mean of both; None if the training has no such loss."""
        values = [losses[name] for name in self.names if name in losses]
        return sum(values) / len(values) if values else None


@dataclass(frozen=True, kw_only=True)
class GeneratorTerm(LossTerm):
    """A loss that the generators minimize, one value for each half of a step: ``names`` of G's half, then of F's.

    Attributes:
        weight: Its factor; 0 leaves it out.
        value: The loss itself, 0-dimensional.
        beside: Images that the generator shall translate in the same batch as the source, if the loss needs any.
    """

    weight: Callable[[Objective], float]
    value: Callable[[Half], Tensor]
    beside: Callable[[Half], Tensor] | None = None


@dataclass(frozen=True, kw_only=True)
class DiscriminatorTerm(LossTerm):
    """A loss that the discriminators minimize, each on its own: ``names`` of D_X's, then of D_Y's.

    Attributes:
        weight: Its factor; 0 leaves it out.
        value: The loss itself, 0-dimensional.
        of_pixels: Whether it is about how logits change with the real images' pixels.
    """

    weight: Callable[[Objective], float]
    value: Callable[[Verdict], Tensor]
    of_pixels: bool = False


ADVERSARIAL = GeneratorTerm(
    "G",
    "Generators, adversarial",
    ("G_A_to_B", "G_B_to_A"),
    weight=lambda objective: objective.gan_weight,
    value=lambda half: adversarial_loss(half.objective.gan_loss, half.opinion, half.rival),
    on_screen=True,
)
DISCRIMINATORS = DiscriminatorTerm(
    "D",
    "Discriminators",
    ("D_A", "D_B"),
    weight=lambda objective: 1.0,
    value=lambda verdict: discriminator_loss(verdict.objective.gan_loss, verdict.real_logits, verdict.fake_logits),
    on_screen=True,
)
R1 = DiscriminatorTerm(
    "R1",
    "Steepness at real images (weighted)",
    ("r1_A", "r1_B"),
    weight=lambda objective: objective.r1_weight / 2,
    value=steepness,
    of_pixels=True,
)
CYCLE = GeneratorTerm(
    "cycle",
    "Cycle-consistency (weighted)",
    ("cycle_A", "cycle_B"),
    weight=lambda objective: objective.cycle_weight,
    value=lambda half: image_distance(half.objective.cycle_loss, half.again, half.source),
    on_screen=True,
)
# What is of the target's domain already shall stay as it is.
IDENTITY = GeneratorTerm(
    "identity",
    "Identity (weighted)",
    ("identity_B", "identity_A"),
    weight=lambda objective: objective.cycle_weight * objective.identity_weight,
    beside=lambda half: half.target,
    value=lambda half: image_distance("l1", half.beside["identity"], half.target),
)
# The translation of a moved picture should be the moved translation.
TEMPORAL = GeneratorTerm(
    "temporal",
    "Temporal consistency (weighted)",
    ("temporal_A", "temporal_B"),
    weight=lambda objective: objective.temporal_weight,
    beside=lambda half: with_noise(half.motion(half.source)),
    value=lambda half: half.motion.error(half.fake, half.beside["temporal"]),
)
# What guided detail drops was drawn in vain.
TEXTURE = GeneratorTerm(
    "texture",
    "Texture that is hidden (weighted)",
    ("texture_A", "texture_B"),
    weight=lambda objective: objective.texture_weight,
    value=lambda half: image_distance("l1", half.picture, half.shown),
)
# Brightness, not place, shall decide how colours change.
EVENNESS = GeneratorTerm(
    "evenness",
    "Unevenness of maps (weighted)",
    ("evenness_A", "evenness_B"),
    weight=lambda objective: objective.evenness_weight,
    value=lambda half: total_variation(half.output),
)
RIMS = GeneratorTerm(
    "rims",
    "Rims beside edges (weighted)",
    ("rims_A", "rims_B"),
    weight=lambda objective: objective.rims_weight,
    value=lambda half: unevenness(half.source, half.fake),
)
RANGE = GeneratorTerm(
    "range",
    "Brighter than white, darker than black (weighted)",
    ("range_A", "range_B"),
    weight=lambda objective: objective.range_weight,
    value=lambda half: (half.fake.abs() - 1).clamp(min=0).mean(),
)
COLOUR = GeneratorTerm(
    "colour",
    "Invented colours (weighted)",
    ("colour_A", "colour_B"),
    weight=lambda objective: objective.colour_weight,
    value=lambda half: invented(half.source, half.fake, given(half.palette)),
)
BACKGROUND = GeneratorTerm(
    "background",
    "Change outside of the masks (weighted)",
    ("background_A", "background_B"),
    weight=lambda objective: objective.background_weight,
    value=lambda half: ((half.fake - half.source) * (1 - given(half.mask))).abs().mean(),
)
ATTENTION = GeneratorTerm(
    "attention",
    "Where to act, against the masks (weighted)",
    ("attention_A", "attention_B"),
    weight=lambda objective: objective.attention_weight,
    value=lambda half: missed(given(half.attention)[: len(half.source)], given(half.mask)),
    on_screen=True,
)
# Of pictures of both domains, because a model also has to know what needs no change.
DISTILLATION = GeneratorTerm(
    "distillation",
    "Difference from the imitated model (weighted)",
    ("distillation_A", "distillation_B"),
    weight=lambda objective: objective.distill_weight if objective.distill else 0.0,
    beside=lambda half: half.target,
    value=lambda half: imitation(half.shown, half.taught),
    on_screen=True,
)

TERMS: tuple[LossTerm, ...] = (
    ADVERSARIAL, DISCRIMINATORS, R1, CYCLE, IDENTITY, TEMPORAL, TEXTURE, EVENNESS, RIMS, RANGE, COLOUR, BACKGROUND,
    ATTENTION, DISTILLATION,
)  # fmt: skip
"""All losses, in the order in which they are shown."""


def generator_terms(objective: Objective) -> list[GeneratorTerm]:
    """What G and F minimize the weighted sum of."""
    return [term for term in TERMS if isinstance(term, GeneratorTerm) and term.weight(objective)]


def discriminator_terms(objective: Objective) -> list[DiscriminatorTerm]:
    """What D_X and D_Y minimize the weighted sum of."""
    return [term for term in TERMS if isinstance(term, DiscriminatorTerm) and term.weight(objective)]
