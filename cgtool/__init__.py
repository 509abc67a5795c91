"""cgtool: move footage from one domain to another with CycleGAN.

The names below come from `cgtool.api` when they are first used, so that ``import cgtool`` costs nothing.
"""

from types import ModuleType

TYPE_CHECKING = False  # as typing's, which would take longer to import than all of this
if TYPE_CHECKING:
    from cgtool.api import (
        CgtoolError,
        Model,
        UsageError,
        check_data,
        choose_model,
        convert,
        convert_events,
        export,
        export_events,
        join,
        measure,
        measure_events,
        models,
        preview,
        preview_events,
        train,
        train_events,
        watch_events,
    )

__version__ = "0.1.0"
__all__ = [
    "CgtoolError",
    "Model",
    "UsageError",
    "__version__",
    "check_data",
    "choose_model",
    "convert",
    "convert_events",
    "export",
    "export_events",
    "join",
    "measure",
    "measure_events",
    "models",
    "preview",
    "preview_events",
    "train",
    "train_events",
    "watch_events",
]


def _api() -> ModuleType:
    # By name, and when it is used: what lies below it may import this package.
    from importlib import import_module

    return import_module("cgtool.api")


if not TYPE_CHECKING:  # or type checkers would believe in any name

    def __getattr__(name: str) -> object:
        """Import the Python API."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(_api(), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class ListsModels(ModuleType):
    """The package ``cgtool.models``, which hides the function of that name once it is imported, does its work too."""

    def __call__(self, engines_dir: object = None) -> object:
        """As `cgtool.api.models`."""
        return _api().models(engines_dir)
