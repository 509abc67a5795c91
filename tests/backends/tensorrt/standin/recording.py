"""A stand-in for TensorRT that records its calls and fails as told.

It has the real names and parameters, and no others: `test_contract` holds it to the bindings. What it "builds" is a
plan in text; what an engine "computes" is the negative of its frames, on the streams of
`tests.backends.tensorrt.standin.gpu`.
"""

from __future__ import annotations

import types

from tests.backends.tensorrt.standin import scenario as names
from tests.backends.tensorrt.standin.building import builder_names
from tests.backends.tensorrt.standin.running import runtime_names
from tests.backends.tensorrt.standin.scenario import Scenario


def stand_in(scenario: Scenario) -> types.ModuleType:
    """A module that passes for ``tensorrt``."""
    module = types.ModuleType("tensorrt", "A stand-in")
    common = {name: getattr(names, name) for name in names.TENSORRTS}
    for name, value in {**common, **builder_names(scenario), **runtime_names(scenario)}.items():
        setattr(module, name, value)
    module.__version__ = scenario.version  # type: ignore[attr-defined]
    return module
