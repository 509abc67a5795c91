"""Everything that a conversion is asked for, in one record that the command line and Python share."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from typing import Literal

from cgtool.config import SEGMENT_SECONDS, EnginePrecision
from cgtool.conversion.encoding import Encoding
from cgtool.conversion.jobs import STDIO
from cgtool.conversion.look import Look
from cgtool.conversion.model import Model, choose_model
from cgtool.conversion.pieces.segmented import Segmentation
from cgtool.conversion.pieces.segments import Part
from cgtool.errors import UsageError
from cgtool.extras import require
from cgtool.models.names import folded

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
        segment: Seconds of a long video that are made at a time, and kept if the rest is not; 0 for one piece.
        resume: Go on with what an earlier run of the same has kept.
        part: ``I/N``: begin with the I-th N-th of each video's segments, since others work on the rest.
        ray: Where the Ray cluster is that does the work, ``local`` for one of this machine; None for this process.
        ray_send_files: Its machines share no disk: files go through Ray.

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
    segment: float = SEGMENT_SECONDS
    resume: bool = True
    part: str | None = None
    ray: str | None = None
    ray_send_files: bool = False

    def __post_init__(self) -> None:
        Look.__post_init__(self)
        Encoding.__post_init__(self)
        if self.overwrite and self.skip_existing:
            raise UsageError("--overwrite and --skip-existing exclude each other")
        if self.batch is not None and self.batch < 1:
            raise UsageError(f"--batch {self.batch} is no count of frames")
        if not 0 <= self.segment < math.inf:
            raise UsageError(f"--segment {self.segment} is no length in seconds")
        if self.part is not None and not self.segment:
            raise UsageError("--part needs segments: leave out --segment 0")
        if self.part is not None and not self.resume:
            raise UsageError("--part and --no-resume exclude each other: others' work would be lost")
        _ = self.cutting
        self._check_ray()

    def _check_ray(self) -> None:
        if self.ray is None:
            if self.ray_send_files:
                raise UsageError("--ray-send-files needs --ray")
            return
        if self.part is not None:
            raise UsageError("--part and --ray exclude each other: Ray shares out the segments")
        if STDIO in (*self.input_names, self.output):
            raise UsageError("--ray makes files of files: standard input and output are for one process")
        require("ray", "ray")

    @property
    def cutting(self) -> Segmentation:
        """How videos are cut into segments."""
        return Segmentation(self.segment, self.resume, None if self.part is None else Part.parse(self.part))

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


@dataclass(frozen=True)
class WatchRequest(ConvertRequest):
    """A conversion of what appears in a folder. ``inputs`` is that folder, ``output`` the folder of the results.

    Attributes:
        settle: Seconds for which a file must not have changed before it is taken for whole.
        once: End when everything that was there is done.

    Raises:
        UsageError: A value that can't be, or no folder.
    """

    _: KW_ONLY
    settle: float = 5.0
    once: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.input_names) != 1 or not Path(self.input_names[0]).is_dir():
            raise UsageError("no such folder to watch", path=self.input_names[0] if self.input_names else None)
        if self.output is None or Path(self.output).is_file() or os.fspath(self.output) == "-":
            raise UsageError("watching needs a folder for the results", hint="Give it with -o")
        if Path(self.output).resolve() == Path(self.input_names[0]).resolve():
            raise UsageError("the folder that is watched can't take the results", hint="Give another one with -o")
        if self.ray is not None:
            raise UsageError("watching is for one machine", hint="Leave --ray out")
        if self.overwrite:
            raise UsageError("watching leaves results that exist as they are", hint="Leave --overwrite out")
        if not 0 <= self.settle < float("inf"):
            raise UsageError(f"--settle {self.settle} is no number of seconds")


@dataclass(frozen=True)
class PreviewRequest(ConvertRequest):
    """A preview of a conversion, in a page. ``output`` is the page, by default ``preview.html``; it is replaced.

    Attributes:
        domains: Further domains to move to, beside ``to``.

    Raises:
        UsageError: A value that can't be.
    """

    _: KW_ONLY
    domains: Sequence[str] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if Path(self.output or "preview.html").suffix.lower() not in (".html", ".htm"):
            raise UsageError(f"-o {self.output} is no page", hint="Its name must end in .html")
        if self.ray is not None:
            raise UsageError("a preview is for one machine", hint="Leave --ray out")
        if self.domains and self.model is not None:
            raise UsageError("--model leads to one domain: give one --to")

    def choose_models(self) -> list[Model]:
        """The model of each domain; see `choose_model`."""
        others = [replace(self, to=domain, domains=()).choose_model() for domain in self.domains]
        return [self.choose_model(), *others]
