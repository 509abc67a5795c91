"""Packages that only some commands and options need, and the line that installs them."""

from __future__ import annotations

import importlib.util

from cgtool.errors import UsageError

TRAINING = ("torch", "torchvision", "onnx", "onnxscript", "tensorboard", "matplotlib")
"""Packages of ``cgtool[train]``, which `cgtool train` and `cgtool export` need."""


def installed(module: str) -> bool:
    """Whether a package can be imported; it is looked for, not imported."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of the package above it
        return False


def require(module: str, extra: str) -> None:
    """Refuse to begin without a package.

    Args:
        module: What is going to be imported, such as ``torch``. Looking for it takes no time; importing it does.
        extra: The extra of cgtool that brings it, such as ``train``.

    Raises:
        UsageError: It is not installed; the hint is the line to run.
    """
    if not installed(module):
        raise UsageError(f"this needs {module}, which is not installed", hint=f"Run: pip install 'cgtool[{extra}]'")


def require_training() -> None:
    """Refuse to begin without what training and export need.

    Raises:
        UsageError: Something of it is not installed; the hint is the line to run.
    """
    for module in TRAINING:
        require(module, "train")
