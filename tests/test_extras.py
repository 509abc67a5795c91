"""What is not installed is refused with the line to run."""

from __future__ import annotations

import sys

import pytest

from cgtool.errors import UsageError
from cgtool.extras import installed, require, require_training


def test_what_is_installed_is_found_without_importing_it() -> None:
    assert installed("wave")
    assert not installed("no_such_package")
    assert not installed("no_such_package.below")
    require("wave", "train")


def test_what_is_missing_is_refused_with_the_line_to_run() -> None:
    with pytest.raises(UsageError) as caught:
        require("no_such_package", "train")
    assert str(caught.value) == ("this needs no_such_package, which is not installed. Run: pip install 'cgtool[train]'")
    assert caught.value.exit_code == 2


def test_training_is_refused_if_one_of_its_packages_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(UsageError, match=r"onnxscript.*cgtool\[train\]"):
        require_training()
