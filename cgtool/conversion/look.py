"""How a result shall look: what the user asks for, laid over what the model likes best."""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields, replace
from typing import Any, Literal

from cgtool.config import LEAST_CONTRAST, Every
from cgtool.errors import UsageError

NetworkSize = int | Literal["auto", "native"]
"""Short side in pixels at which a network sees frames; ``auto``: the scale it was trained at, ``native``: their own."""
SMALLEST_SIZE, LARGEST_SIZE = 16, 8192
MOST_APART = 60
"""The most frames from one that the network sees to the next."""


def _share() -> Any:  # noqa: ANN401  # as dataclasses.field itself
    """A number from 0 to 1, or None."""
    return field(default=None, metadata={"bounds": (0, 1)})


def _check(one: Field[Any], value: object) -> None:
    if value is None or "bounds" not in one.metadata or value in ("auto", "native"):
        return
    low, high = one.metadata["bounds"]
    if not isinstance(value, (int, float)) or not low <= value <= high:
        raise UsageError(f"--{one.name} {value!r} is not from {low} to {high}")


@dataclass(frozen=True, kw_only=True)
class Look:
    """What is asked for, None where it is left to the model. Names are those of the command line's options.

    Attributes:
        size: Short side in pixels, 16 to 8192, at which the network sees the frame; ``auto`` for the scale it was
            trained at (at most 720), ``native`` for the frame's own.
        every: The network sees every so manieth frame of a video, 1 (all) to 60, or with ``auto`` as often as motion
            asks for; between them maps are carried along the flow. For models that give maps.
        smooth: Temporal smoothing of videos, 0 (none) to 1.
        detail: How the change reaches the frame's own size: ``guided`` keeps the source's detail and fades (see
            ``change.detail`` and ``change.exposure``), ``resize`` scales the network's picture and adds nothing.
        texture: Share, 0 to 1, of the network's own texture that guided detail adds back.
        contrast: Share, 0 to 1, of the source's contrast that guided detail keeps at least.
        strength: Share of the change, 0 (the source, bit for bit) to 1.
        preserve_color: Change brightness alone.

    Raises:
        UsageError: A value that can't be.
    """

    size: NetworkSize | None = field(default=None, metadata={"bounds": (SMALLEST_SIZE, LARGEST_SIZE)})
    every: Every | None = field(default=None, metadata={"bounds": (1, MOST_APART)})
    smooth: float | None = _share()
    detail: Literal["guided", "resize"] | None = None
    texture: float | None = _share()
    contrast: float | None = _share()
    strength: float | None = _share()
    preserve_color: bool | None = None

    def __post_init__(self) -> None:
        for one in fields(Look):
            _check(one, getattr(self, one.name))
        if self.detail not in ("guided", "resize", None):
            raise UsageError(f"--detail {self.detail} is neither guided nor resize")

    def over(self, defaults: FullLook) -> FullLook:
        """This look, with ``defaults`` where it leaves things open."""
        given = {one.name: getattr(self, one.name) for one in fields(Look)}
        return replace(defaults, **{name: value for name, value in given.items() if value is not None})


@dataclass(frozen=True, kw_only=True)
class FullLook(Look):
    """A look with nothing left open: a model's own, or a user's laid over it."""

    size: NetworkSize = field()
    smooth: float = field()
    texture: float = field()
    detail: Literal["guided", "resize"] = "guided"
    every: Every = 1
    contrast: float = LEAST_CONTRAST
    strength: float = 1.0
    preserve_color: bool = False

    @property
    def is_neutral(self) -> bool:
        """Whether the source is shown as it is, whatever the network makes of it."""
        return self.strength == 0


NEUTRAL = FullLook(size="native", smooth=0.0, texture=0.0, strength=0.0)
"""The look of ``--engine identity``."""
