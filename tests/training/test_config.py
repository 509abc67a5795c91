"""Presets, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from cgtool.errors import UsageError
from cgtool.models.architecture import build_discriminator, build_generator
from cgtool.models.maps import MapsConfig
from cgtool.models.resnet import ResNetConfig
from cgtool.training.config import UPSAMPLINGS, TrainConfig, Upsampling
from cgtool.training.networks import DISCRIMINATORS, GENERATORS
from cgtool.training.presets import PRESETS, resolve


def test_the_papers_numbers() -> None:
    config = resolve("paper", {})
    assert config == TrainConfig()
    assert (config.generator, config.ngf, config.load_size, config.crop_size, config.batch) == (
        "resnet9", 64, 286, 256, 1,
    )  # fmt: skip
    assert (config.epochs, config.decay, config.lr, config.beta1, config.beta2) == (200, 0.5, 2e-4, 0.5, 0.999)
    assert (config.objective.cycle_weight, config.objective.identity_weight) == (10, 0.5)
    assert (config.pool_size, config.objective.gan_loss) == (50, "lsgan")


def test_the_tutorials_numbers() -> None:
    config = resolve("seed", {})
    assert (config.generator, config.discriminator) == ("resnet50", "resnet50")
    assert (config.objective.gan_loss, config.objective.cycle_loss) == ("bce", "l1")
    assert (config.crop_size, config.epochs, config.decay, config.lr, config.beta1) == (64, 100, 0.0, 2e-4, 0.5)


@pytest.mark.parametrize("preset", PRESETS)
def test_any_option_overrides_a_preset_and_none_does_not(preset: str) -> None:
    needed = {"distill": "engines/large"} if preset.endswith("student") else {}
    config = resolve(preset, {**needed, "lr": 0.001, "batch": 3, "gan_loss": None})
    assert (config.lr, config.batch, config.objective) == (0.001, 3, resolve(preset, needed).objective)


@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.parametrize("upsample", UPSAMPLINGS)
def test_every_generator_can_be_built(generator: str, upsample: Upsampling) -> None:
    size = {"unet256": 256, "unet128": 128}.get(generator, 64)
    config = TrainConfig(generator=generator, upsample=upsample, ngf=4, crop_size=size)
    built = build_generator(config.generator_architecture()).config
    assert getattr(built, "upsample", upsample) == upsample  # maps generators have no choice


def test_maps_are_not_shown_through_guided_detail() -> None:
    config = TrainConfig.from_options({"generator": "maps", "ngf": 4, "map_stride": 8, "knots": 2, "contrast": 0.4})
    assert build_generator(config.generator_architecture()).config == MapsConfig(4, 6, 8, 2, 0.4)
    with pytest.raises(UsageError, match="--through-detail is for generators that draw"):
        resolve("maps", {"through_detail": True})
    with pytest.raises(UsageError, match="--background-weight needs masks"):
        resolve("maps", {"background_weight": 1.0})
    with pytest.raises(UsageError, match="--evenness-weight"):
        resolve("paper", {"evenness_weight": 1.0})


def test_attention_needs_masks_and_a_network_that_has_it() -> None:
    assert resolve("animal", {}).generator_architecture()["attention"] is True
    assert resolve("season", {}).generator_architecture()["attention"] is False
    with pytest.raises(UsageError, match="--attention-weight needs masks"):
        resolve("maps", {"attention_weight": 1.0})
    with pytest.raises(UsageError, match="--attention-weight is about maps, not resnet9"):
        resolve("paper", {"attention_weight": 1.0, "masks": True})


def test_r1_comes_every_so_many_steps_and_as_many_times_as_strong() -> None:
    objective = resolve("paper", {"r1_weight": 0.5, "r1_every": 4}).objective
    assert [objective.at(step).r1_weight for step in range(6)] == [2.0, 0, 0, 0, 2.0, 0]
    plain = resolve("paper", {"r1_every": 4}).objective
    assert plain.at(0) is plain


def test_a_gradients_gradient_is_not_compiled() -> None:
    with pytest.raises(UsageError, match="--r1-weight does not go with --compile"):
        resolve("paper", {"r1_weight": 1.0, "compile": True})


@pytest.mark.parametrize("discriminator", DISCRIMINATORS)
def test_every_discriminator_can_be_built(discriminator: str) -> None:
    build_discriminator(TrainConfig(discriminator=discriminator, ndf=4).discriminator_architecture())


def test_generators_that_see_an_images_tint() -> None:
    config = TrainConfig(generator="resnet6", stem_norm=False, ngf=4)
    assert build_generator(config.generator_architecture()).config == ResNetConfig(blocks=6, ngf=4, stem_norm=False)
    for generator in ("resnet50", "unet128"):
        with pytest.raises(UsageError, match="--no-stem-norm"):
            resolve("paper", {"generator": generator, "stem_norm": False, "crop_size": 256})


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"generator": "resnet7"}, "--generator"),
        ({"precision": "int8"}, "--precision"),
        ({"lr": -1}, "--lr"),
        ({"decay": 1.5}, "--decay"),
        ({"ema": 1.0}, "--ema"),
        ({"batch": 0}, "--batch"),
        ({"steps": 0}, "--steps"),
        ({"crop_size": 130}, "--crop-size"),
        ({"generator": "unet256", "crop_size": 128}, "--crop-size"),
        ({"crop_size": 256, "load_size": 200}, "--load-size"),
        ({"crop_size": 128, "load_size": 200, "zoom": 1.6}, "--load-size 200 by --zoom 1.6"),
        ({"zoom": 0.5}, "--zoom"),
        ({"generator": "resnet50", "crop_size": 80}, "--crop-size"),
        ({"discriminator": "projected", "crop_size": 80}, "--crop-size"),
        ({"encoder_weights": "x.pth"}, "--encoder-weights"),
        ({"gan_weight": 0}, "--gan-weight 0"),
        ({"depth": 3}, "depth"),
    ],
)
def test_bad_options_are_refused_by_name(options: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError, match=named) as caught:
        resolve("paper", options)
    assert caught.value.hint
