"""OpenVINO itself: engines run in it, and `cgtool.change.plane.fused` compiles its arithmetic with it."""

from __future__ import annotations

import functools
import sys
from types import ModuleType
from typing import Any, cast

from cgtool.errors import EngineError


def import_openvino() -> ModuleType:
    """OpenVINO, without its telemetry.

    Raises:
        EngineError: It is not installed.
    """
    # Importing OpenVINO reports that to its maker over the network, unasked, if this package can be imported.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None: not importable
    try:
        import openvino
    except ImportError as error:
        if error.__cause__ is not None and not isinstance(error.__cause__, Exception):
            raise error.__cause__ from None  # Ctrl-C meanwhile, which its bindings took for a failure of their own
        raise EngineError(f"openvino can't be imported: {error}", hint="Run: pip install openvino") from error
    return cast(ModuleType, openvino)


@functools.cache
def core() -> Any:  # noqa: ANN401  # OpenVINO has no types
    """OpenVINO's core, one for good.

    Destroying one unmaps the signal stack that its CPU plugin gave the thread (as of 2026.4), but leaves it in use: the
    next signal that Python handles, such as Ctrl-C, crashes the process.
    """
    return import_openvino().Core()
