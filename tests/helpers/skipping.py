"""Which tests are skipped, and which may not be.

Tests of what is not installed are skipped: those that import it, and those whose request cgtool refuses because of it.
So the suite runs in a base install too. Nothing is skipped for want of a package that is there.

Where CGTOOL_REQUIRE_SHARED is set, a test that is skipped because the shared data folder was not found has failed.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Generator

import pytest

OPTIONAL = ("torch", "torchvision", "onnx", "onnxscript", "onnxruntime", "tensorboard", "matplotlib", "nncf")
MISSING = tuple(module for module in OPTIONAL if importlib.util.find_spec(module) is None)
_SAYS_SO = re.compile(rf"(?:No module named '|this needs )({'|'.join(MISSING)})\b") if MISSING else None


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Skip a file that imports what is not installed."""
    report = yield
    if report.failed:
        _skip_for_a_package(report, collector)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Skip a test that turns out to need what is not installed; fail one that may not be skipped."""
    report = yield
    if report.failed:
        _skip_for_a_package(report, item)
    elif report.skipped and os.environ.get("CGTOOL_REQUIRE_SHARED") and "shared data" in str(report.longrepr):
        report.outcome = "failed"
        report.longrepr = f"{report.longrepr}, and CGTOOL_REQUIRE_SHARED is set"
    return report


def _skip_for_a_package(report: pytest.CollectReport | pytest.TestReport, node: pytest.Item | pytest.Collector) -> None:
    told = None if _SAYS_SO is None else _SAYS_SO.search(str(report.longrepr))
    if told is not None:
        report.outcome = "skipped"
        report.longrepr = (str(node.path), 0, f"Skipped: {told[1]} is not installed")
