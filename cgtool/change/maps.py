"""A picture's change as maps: small fields that say, place by place, what to do with the source.

The result is ``source + gain * source + lift * luma(source) + offset``. Maps are smooth, so they can be made at a small
size, steadied there, and carried to a frame of any size (`cgtool.change.apply`).
"""

from __future__ import annotations

from dataclasses import dataclass

from cgtool.pictures import Array, Size


@dataclass(frozen=True)
class Maps:
    """A change, of all three channels or of luma alone. All fields are float32; levels are those of 8 bits.

    Attributes:
        gain: Share of the source that is added, (h, w, 3); 0 changes nothing. (h, w) for luma alone.
        lift: Share of the source's luma that is added to every channel, (h, w): contrast without colour.
        offset: Levels that are added, of the gain's shape.
        texture: Levels that gain, lift and offset can't explain, (h', w', 3) or (h', w') at a size of its own, such as
            the network's; None where nobody asked for it.
    """

    gain: Array
    lift: Array
    offset: Array
    texture: Array | None = None

    @property
    def size(self) -> Size:
        """Width and height of gain, lift and offset."""
        return Size.of(self.lift)
