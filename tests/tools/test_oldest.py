"""The oldest releases are read off pyproject.toml."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.tools.oldest import PROJECT, oldest


def test_lower_bounds_become_pins_and_own_extras_none() -> None:
    requirements = ["numpy>=1.26", "cgtool[train,plot]", "tensorrt>=10.12,<12", "x-y==11.4.0; sys_platform == 'linux'"]
    assert oldest(requirements) == ["numpy==1.26", "tensorrt==10.12", "x-y==11.4.0"]


def test_a_requirement_without_a_lower_bound_is_refused() -> None:
    with pytest.raises(ValueError, match="'numpy' has no lower bound"):
        oldest(["numpy"])


def test_the_project_declares_a_lower_bound_for_all() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.tools.oldest"], cwd=PROJECT.parent, capture_output=True, text=True, check=True
    )
    pins = done.stdout.split()
    assert len(pins) > 20
    assert all("==" in pin for pin in pins)
    assert any(pin.startswith("torch==") for pin in pins)
