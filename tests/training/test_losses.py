"""The list of losses: everything that names them derives from it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from cgtool.training import losses
from cgtool.training.build import build_networks
from cgtool.training.config import Objective
from cgtool.training.files.report import write_report
from cgtool.training.losses import (
    TERMS,
    GeneratorTerm,
    as_judged,
    discriminator_terms,
    generator_terms,
    shown,
    translated,
)
from cgtool.training.parts.colours import invented
from cgtool.training.parts.distances import adversarial_loss
from cgtool.training.parts.masks import on_plain_ground, split_mask
from cgtool.training.parts.through_detail import through_detail
from cgtool.training.step import generator_losses
from tests.training.data.toy import tiny_config


def test_names_are_those_that_files_know() -> None:
    assert {term.name: sorted(term.names) for term in TERMS} == {
        "G": ["G_A_to_B", "G_B_to_A"], "D": ["D_A", "D_B"], "R1": ["r1_A", "r1_B"], "cycle": ["cycle_A", "cycle_B"],
        "identity": ["identity_A", "identity_B"], "temporal": ["temporal_A", "temporal_B"],
        "texture": ["texture_A", "texture_B"], "evenness": ["evenness_A", "evenness_B"],
        "rims": ["rims_A", "rims_B"], "range": ["range_A", "range_B"], "colour": ["colour_A", "colour_B"],
        "background": ["background_A", "background_B"], "distillation": ["distillation_A", "distillation_B"],
        "attention": ["attention_A", "attention_B"],
    }  # fmt: skip


def test_a_weight_of_0_leaves_a_loss_out() -> None:
    assert [term.name for term in generator_terms(Objective())] == ["G", "cycle", "identity"]
    assert [term.name for term in generator_terms(Objective(cycle_weight=0))] == ["G"]
    assert [term.name for term in generator_terms(Objective(cycle_weight=0, gan_weight=0, distill="x"))] == [
        "distillation"
    ]
    every = Objective(through_detail=True, texture_weight=1, temporal_weight=1, rims_weight=1, range_weight=1)
    assert [term.name for term in generator_terms(every)] == [
        "G", "cycle", "identity", "temporal", "texture", "rims", "range",
    ]  # fmt: skip


def test_discriminators_have_terms_of_their_own() -> None:
    assert [term.name for term in discriminator_terms(Objective())] == ["D"]
    assert [term.name for term in discriminator_terms(Objective(r1_weight=1))] == ["D", "R1"]


def test_a_mean_is_of_both_halves() -> None:
    cycle = next(term for term in TERMS if term.name == "cycle")
    assert cycle.mean({"cycle_A": 1.0, "cycle_B": 3.0, "D_A": 9.0}) == 2.0
    assert cycle.mean({"D_A": 9.0}) is None


def test_a_loss_is_added_in_one_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its term is enough: training sums and names it, and the report shows it."""
    term = GeneratorTerm(
        "dark",
        "Darkness",
        ("dark_A", "dark_B"),
        weight=lambda objective: 3.0,
        value=lambda half: half.fake.mean(),
    )
    monkeypatch.setattr(losses, "TERMS", (*TERMS, term))
    monkeypatch.setattr("cgtool.training.files.report.TERMS", (*TERMS, term))
    nets = build_networks(tiny_config(), torch.device("cpu"))
    x, y = torch.rand(2, 1, 3, 32, 32)
    found, (fake_x, fake_y) = generator_losses(nets, Objective(), x, y)
    torch.testing.assert_close(found["dark_A"], 3 * fake_y.mean())
    torch.testing.assert_close(found["dark_B"], 3 * fake_x.mean())
    line = {"step": 1, "epoch": 0, "seconds": 0.1, "data_seconds": 0.0}
    write_report(
        tmp_path / "report.html", "toy", {}, [{**line, **{name: value.item() for name, value in found.items()}}]
    )
    assert "<th>dark_A</th>" in (tmp_path / "report.html").read_text()


def test_a_maps_network_is_applied_to_its_input_before_every_loss() -> None:
    config = tiny_config(
        generator="maps", map_stride=4, knots=2, evenness_weight=1.0, rims_weight=2.0, range_weight=3.0
    )
    nets = build_networks(config, torch.device("cpu"))
    for net in (nets.G, nets.F):
        torch.nn.init.normal_(net.head.weight, std=0.2)  # type: ignore[arg-type, union-attr]  # a convolution
    x, y = torch.rand(2, 2, 3, 32, 32) * 2 - 1
    found, (fake_x, fake_y) = generator_losses(nets, config.objective, x, y)
    assert fake_x.shape == x.shape
    torch.testing.assert_close(fake_y, nets.G.picture(x, nets.G(x)))
    torch.testing.assert_close(found["range_A"], 3 * (fake_y.abs() - 1).clamp(min=0).mean())
    again = nets.F.picture(fake_y, nets.F(fake_y))
    torch.testing.assert_close(found["cycle_A"], 10 * (again - x).abs().mean())
    assert min(found["evenness_A"], found["rims_B"]) > 0


def test_what_is_shown_of_a_translation() -> None:
    image, picture = torch.rand(2, 1, 3, 32, 32)
    assert shown(Objective(), image, picture) is picture
    objective = Objective(through_detail=True, texture=0.3, contrast=0.5)
    torch.testing.assert_close(
        shown(objective, image, picture), through_detail(image, picture, texture=0.3, contrast=0.5)
    )
    net = build_networks(tiny_config(), torch.device("cpu")).G
    torch.testing.assert_close(translated(objective, net, image), shown(objective, image, net(image)))


def test_what_changes_outside_the_mask_is_held() -> None:
    config = tiny_config(generator="maps", masks=True, background_weight=10.0)
    nets = build_networks(config, torch.device("cpu"))
    for net in (nets.G, nets.F):
        torch.nn.init.normal_(net.head.weight, std=0.05)  # type: ignore[arg-type, union-attr]  # a convolution
    x = torch.rand(1, 4, 32, 32) * 2 - 1
    for inside, changed in ((-1.0, True), (1.0, False)):
        x[:, 3] = inside
        found, (judged, _) = generator_losses(nets, config.objective, x, x)
        assert (found["background_A"] > 0) == changed
        assert (judged.std((2, 3)).max() < 1e-6) == changed  # discriminators see the object alone


def test_masks_teach_where_to_act() -> None:
    config = tiny_config(generator="maps", masks=True, attention_weight=2.0)
    nets = build_networks(config, torch.device("cpu"))
    attention = nets.G.attention
    assert isinstance(attention, torch.nn.Conv2d)
    assert attention.bias is not None
    torch.nn.init.zeros_(attention.weight)
    x = torch.rand(1, 4, 32, 32) * 2 - 1
    x[:, 3] = 1.0  # nothing but object
    for bias, expected in ((0.0, 2 * math.log(2)), (20.0, 0.0)):
        torch.nn.init.constant_(attention.bias, bias)
        found, _ = generator_losses(nets, config.objective, x, x)
        assert found["attention_A"].item() == pytest.approx(expected, abs=1e-4)


def test_invented_colours_are_weighed_against_the_targets_palette() -> None:
    config = tiny_config(generator="maps", colour_weight=2.0)
    nets = build_networks(config, torch.device("cpu"))  # fresh: nothing changes, so nothing is invented
    x, y = torch.rand(2, 1, 3, 32, 32) * 2 - 1
    found, (_, fake_y) = generator_losses(nets, config.objective, x, y, (torch.zeros(25), torch.full((25,), 2.0)))
    assert found["colour_A"] == found["colour_B"] == 0
    nets.G.head.bias.data[:] = torch.tensor([0.0, 0, 0, 0, 0.5, -0.5, 0]).repeat(4)  # type: ignore[union-attr, operator]
    for palette, expected in ((torch.zeros(25), True), (torch.full((25,), 2.0), False)):
        found, (_, fake_y) = generator_losses(nets, config.objective, x, y, (torch.full((25,), 2.0), palette))
        assert (found["colour_A"] > 0) == expected
        if expected:
            torch.testing.assert_close(found["colour_A"], 2 * invented(x, fake_y, palette))


def test_discriminators_see_images_varied_if_asked_for() -> None:
    images = torch.rand(2, 3, 32, 32)
    assert as_judged(Objective(), images) is images
    assert (as_judged(Objective(diff_augment=True), images) == 0).any()


def test_a_relativistic_loss_sets_fakes_against_what_discriminators_see_of_real_images() -> None:
    objective = Objective(gan_loss="relativistic")
    nets = build_networks(tiny_config(generator="maps", masks=True), torch.device("cpu"))
    x, y = torch.rand(2, 2, 4, 32, 32) * 2 - 1
    torch.manual_seed(1)
    found, (_, judged_y) = generator_losses(nets, objective, x, y)
    torch.manual_seed(1)
    # The grounds of both fakes are drawn first.
    real = nets.D_Y([on_plain_ground(*split_mask(images)) for images in (x, x, y)][-1])
    torch.testing.assert_close(found["G_A_to_B"], adversarial_loss("relativistic", nets.D_Y(judged_y), real))
    assert not torch.allclose(real, nets.D_Y(y[:, :3]))
