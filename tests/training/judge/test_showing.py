"""Judged is what conversion shows."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from cgtool.backends.selection import EngineRequest, open_backend
from cgtool.conversion.mapping import Mapping
from cgtool.conversion.model import choose_model
from cgtool.conversion.network import Network
from cgtool.conversion.rendering import Rendering
from cgtool.frame import Frame
from cgtool.models.architecture import build_generator
from cgtool.models.generator import Generator
from cgtool.models.weights import save_model_folder
from cgtool.pictures import Image, Size
from cgtool.training.files.model import settings_of
from cgtool.training.judge.showing import evaluating, show
from cgtool.training.presets import resolve
from tests.training.data.toy import RED, shapes

CPU = torch.device("cpu")


def network(preset: str, **options: object) -> tuple[Generator, dict[str, object]]:
    torch.manual_seed(3)
    architecture = resolve(preset, {"ngf": 4, **options}).generator_architecture()
    net = build_generator(architecture)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return net.eval(), architecture


@pytest.mark.parametrize("preset", ["maps", "season", "painting", "fast"])
def test_it_is_what_conversion_shows(tmp_path: Path, preset: str) -> None:
    config = resolve(preset, {"ngf": 4, "load_size": 64, "crop_size": 32, "zoom": 1.0})
    net, _ = network(preset)
    picture = shapes(5, RED, side=96)
    folder = tmp_path / "dusk"
    save_model_folder(
        folder, {"A_to_B": net}, domains=("day", "dusk"), training_scale=64, provenance={},
        defaults=settings_of(config), half=False,
    )  # fmt: skip
    model = choose_model("dusk", str(folder))
    [shown] = show(net, [picture], settings_of(config), "fp32", CPU)
    assert np.abs(shown.astype(int) - picture).mean() > 1
    with open_backend(model.source, EngineRequest("torch", "cpu", "fp32")).backend as backend:
        way = Network(backend, model.look.size, model.training_scale, maps=model.source.maps)
        [translated] = way.infer([way.shrink(Frame(picture, 0, 0, Fraction(1)))])
        assert np.abs(shown.astype(int) - converted(way, translated, model.look)).max() <= 1


def converted(way: Network, translated: object, look: object) -> Image:
    rendering = Rendering(look) if way.maps is None else Mapping(look, way.maps.knots, Size(96, 96), None)  # type: ignore[arg-type]
    frame = rendering.finish(rendering.steady(translated))  # type: ignore[arg-type]
    assert isinstance(frame, Frame)
    return frame.pixels


def test_many_come_in_batches_and_in_order() -> None:
    net, _ = network("maps")
    pictures = [shapes(seed, RED, side=64) for seed in range(9)]
    look = settings_of(resolve("maps", {"load_size": 128, "crop_size": 32, "zoom": 1.0}))
    together = show(net, pictures, look, "fp32", CPU)
    for picture, shown in zip(pictures, together, strict=True):
        [alone] = show(net, [picture], look, "fp32", CPU)
        assert np.abs(alone.astype(int) - shown).max() <= 1


def test_the_mode_is_put_back() -> None:
    one, other = network("maps")[0].train(), network("maps")[0]
    with evaluating([one, other]):
        assert [net.training for net in (one, other)] == [False, False]
    assert [net.training for net in (one, other)] == [True, False]
