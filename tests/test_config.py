from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from cgtool import config


def test_lists_and_types_agree() -> None:
    assert get_args(config.Direction) == config.DIRECTIONS
    assert get_args(config.Precision) == config.PRECISIONS
    assert get_args(config.EnginePrecision) == config.ENGINE_PRECISIONS


def test_the_cache_folder_is_the_platforms_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CGTOOL_CACHE", raising=False)
    assert config.cache_dir().name == "cgtool"
    assert config.cache_dir().is_absolute()
    monkeypatch.setenv("CGTOOL_CACHE", "here/it is")
    assert config.cache_dir() == Path("here/it is")


def test_the_folder_for_settings_is_the_platforms() -> None:
    assert config.config_dir().name == "cgtool"
    assert config.config_dir().is_absolute()
