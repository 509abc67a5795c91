"""Everything that a conversion is asked for, in one record that the command line and Python share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Literal

from cgtool.config import EnginePrecision
from cgtool.conversion.encoding import Encoding
from cgtool.conversion.look import Look
from cgtool.conversion.model import Model, choose_model
from cgtool.errors import UsageError
from cgtool.models.folder import folded

FileName = str | os.PathLike[str]


@dataclass(frozen=True)
class ConvertRequest(Look, Encoding):
    """A look, an encoding, and which files go through which model and engine. Names are the command line's options.

    Attributes:
        inputs: A file, a pattern, a folder, or several; ``-`` for an image on standard input.
        to: The domain to move to.
        output: The output file; a folder for several inputs; ``-`` for an image on standard output; None for names
            beside the inputs.
        model: A model's name or folder, a checkpoint of the reference, or a model that was chosen before; None for the
            first one that leads to ``to``.
        engines_dir: Where to look for models first.
        recursive: Search folders below the inputs that are folders.
        engine, device, precision: See ``backends.selection.EngineRequest``.
        batch: Frames per call of the engine; None for what the engine likes best.
        overwrite: Replace existing outputs.
        skip_existing: Leave existing outputs alone and count that as done.

    Raises:
        UsageError: A value that can't be, or options that exclude each other.
    """

    inputs: FileName | Sequence[FileName]
    _: KW_ONLY
    to: str | None = None
    output: FileName | None = None
    model: FileName | Model | None = None
    engines_dir: FileName | None = None
    recursive: bool = True
    engine: str = "auto"
    device: str = "auto"
    precision: EnginePrecision | Literal["auto"] = "auto"
    batch: int | None = None
    overwrite: bool = False
    skip_existing: bool = False

    def __post_init__(self) -> None:
        Look.__post_init__(self)
        Encoding.__post_init__(self)
        if self.overwrite and self.skip_existing:
            raise UsageError("--overwrite and --skip-existing exclude each other")
        if self.batch is not None and self.batch < 1:
            raise UsageError(f"--batch {self.batch} is no count of frames")

    @property
    def input_names(self) -> list[str]:
        """The inputs as the user would write them."""
        names = [self.inputs] if isinstance(self.inputs, (str, os.PathLike)) else self.inputs
        return [os.fspath(name) for name in names]

    def choose_model(self) -> Model:
        """The model to convert with; see `cgtool.conversion.model.choose_model`."""
        if isinstance(self.model, Model):
            if self.to is not None and folded(self.to) != folded(self.model.target):
                raise UsageError(f"model {self.model.name} leads to {self.model.target!r}, not to {self.to!r}")
            return self.model
        name = None if self.model is None else os.fspath(self.model)
        return choose_model(self.to, name, None if self.engines_dir is None else Path(self.engines_dir))
