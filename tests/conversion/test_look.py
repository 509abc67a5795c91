"""One look, laid over another once."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from cgtool.config import LEAST_CONTRAST
from cgtool.conversion.look import NEUTRAL, FullLook, Look
from cgtool.errors import UsageError

MODELS = FullLook(size=256, smooth=0.8, texture=0.3)


def test_what_is_left_open_is_the_defaults() -> None:
    assert Look().over(MODELS) == MODELS
    assert (MODELS.detail, MODELS.contrast, MODELS.strength) == ("guided", LEAST_CONTRAST, 1.0)


def test_what_is_given_is_kept_also_where_it_is_nothing() -> None:
    given = Look(size="native", smooth=0.0, texture=0.0, contrast=0.0, strength=0.0, preserve_color=True)
    look = given.over(MODELS)
    assert (look.size, look.smooth, look.texture, look.contrast, look.strength) == ("native", 0, 0, 0, 0)
    assert look.preserve_color
    assert look.detail == "guided"


def test_a_full_look_leaves_nothing_open() -> None:
    look = Look(detail="resize").over(MODELS)
    assert isinstance(look, FullLook)
    assert all(getattr(look, one.name) is not None for one in fields(Look))


def test_a_neutral_look_is_one_without_strength() -> None:
    assert NEUTRAL.is_neutral
    assert not MODELS.is_neutral
    assert Look(strength=0.0).over(MODELS).is_neutral


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"smooth": 1.5}, "--smooth 1.5 is not from 0 to 1"),
        ({"texture": -0.1}, "--texture"),
        ({"contrast": float("nan")}, "--contrast"),
        ({"strength": "much"}, "--strength 'much'"),
        ({"size": 3}, "--size 3 is not from 16 to 8192"),
        ({"size": 10**9}, "--size"),
        ({"detail": "fine"}, "--detail fine"),
    ],
)
def test_what_can_not_be_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Look(**options)
