"""Presets."""

from __future__ import annotations

import pytest

from cgtool.errors import UsageError
from cgtool.training.presets import PRESETS, resolve

_NEEDS = {name: {"distill": "engines/large"} for name in ("student", "painting-student")}
"""What a preset can't know."""


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_a_configuration(preset: str) -> None:
    config = resolve(preset, _NEEDS.get(preset, {})).to_json()
    assert {name: config[name] for name in PRESETS[preset]} == PRESETS[preset]


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(UsageError, match=r"--preset winter is unknown\. Known are paper, fast"):
        resolve("winter", {})
