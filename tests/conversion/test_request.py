"""One record for what the command line and Python ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from cgtool.cli.convert import convert as command
from cgtool.conversion.look import FullLook, Look
from cgtool.conversion.request import ConvertRequest
from cgtool.errors import UsageError

OF_THE_SCREEN = {"list_unfinished", "clean", "as_json", "progress", "quiet", "verbose", "dry_run", "debug"}


def test_every_option_of_the_command_line_is_an_attribute_with_the_same_default() -> None:
    request = ConvertRequest("a.mp4")
    with command.make_context("convert", ["a.mp4"]) as context:
        given = {name: value for name, value in context.params.items() if name not in OF_THE_SCREEN}
    assert set(given) == set(vars(request))
    for name in set(given) - {"inputs"}:
        assert (given[name] or None) == (getattr(request, name) or None), name


def test_inputs_are_one_or_several_names() -> None:
    assert ConvertRequest("a.mp4").input_names == ["a.mp4"]
    assert ConvertRequest(Path("a.mp4")).input_names == ["a.mp4"]
    assert ConvertRequest([Path("a.mp4"), "b/"]).input_names == ["a.mp4", "b/"]


def test_options_that_exclude_each_other() -> None:
    with pytest.raises(UsageError, match="exclude each other"):
        ConvertRequest("a.mp4", overwrite=True, skip_existing=True)
    with pytest.raises(UsageError, match="--batch 0"):
        ConvertRequest("a.mp4", batch=0)
    with pytest.raises(UsageError, match="--smooth"):
        ConvertRequest("a.mp4", smooth=2)
    with pytest.raises(UsageError, match="--end"):
        ConvertRequest("a.mp4", start=2, end=1)


def test_a_request_is_a_look_and_nothing_else_of_it_comes_along() -> None:
    look = ConvertRequest("a.mp4", to="winter", smooth=0.5).over(FullLook(size=256, smooth=0.8, texture=0.0))
    assert type(look) is FullLook
    assert look == Look(smooth=0.5).over(FullLook(size=256, smooth=0.8, texture=0.0))


def test_a_model_that_was_chosen_before_is_taken() -> None:
    model = ConvertRequest("a.mp4", to="winter").choose_model()
    assert model.target == "winter"
    assert ConvertRequest("a.mp4", model=model).choose_model() is model
    with pytest.raises(UsageError, match="leads to 'winter', not to 'summer'"):
        ConvertRequest("a.mp4", model=model, to="summer").choose_model()
