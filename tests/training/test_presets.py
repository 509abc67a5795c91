"""Presets."""

from __future__ import annotations

import pytest

from cgtool.errors import UsageError
from cgtool.training.presets import PRESETS, resolve


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_a_configuration(preset: str) -> None:
    assert {name: resolve(preset, {}).to_json()[name] for name in PRESETS[preset]} == PRESETS[preset]


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(UsageError, match=r"--preset winter is unknown\. Known are paper, fast"):
        resolve("winter", {})
