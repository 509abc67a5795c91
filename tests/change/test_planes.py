"""Maps on a frame's own planes, against the way through RGB in float64."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from cgtool.change.colour_space import MAPS, Samples
from cgtool.change.plane.siting import Plane
from cgtool.change.planes import PlaneChange
from cgtool.pictures import LUMA, Size

Field = NDArray[np.float64]

BT601, BT709, BT2020 = (0.299, 0.114), (0.2126, 0.0722), (0.2627, 0.0593)
FORMATS = {
    "yuv420p": Samples(step=(2, 2), siting=(0, 0.5)),
    "yuv420p bt709": Samples(luma_weights=BT709, step=(2, 2), siting=(0, 0.5)),
    "yuv420p center": Samples(step=(2, 2), siting=(0.5, 0.5)),
    "yuv420p topleft 10 bits bt2020": Samples(depth=10, luma_weights=BT2020, step=(2, 2)),
    "yuv420p full range": Samples(full_range=True, step=(2, 2), siting=(0.5, 0.5)),
    "yuv420p 12 bits full range": Samples(depth=12, full_range=True, luma_weights=BT709, step=(2, 2), siting=(0, 0.5)),
    "yuv422p": Samples(luma_weights=BT709, step=(2, 1)),
    "yuv422p 10 bits": Samples(depth=10, luma_weights=BT709, step=(2, 1)),
    "yuv444p": Samples(luma_weights=BT709),
    "yuv444p full range": Samples(full_range=True),
    "gray": Samples("gray"),
    "gray 10 bits": Samples("gray", depth=10, full_range=True),
}


def along(field: Field, positions: Field, axis: int) -> Field:
    """Linear interpolation along an axis; beyond the ends the ends hold."""
    field = np.moveaxis(field, axis, 0)
    inside = np.clip(positions, 0, len(field) - 1)
    lower = np.minimum(inside.astype(int), max(len(field) - 2, 0))
    upper = np.minimum(lower + 1, len(field) - 1)
    share = (inside - lower).reshape(-1, *[1] * (field.ndim - 1))
    return np.moveaxis(field[lower] * (1 - share) + field[upper] * share, 0, axis)


def sampled(maps: Field, size: Size) -> Field:
    """Maps at every pixel: (knots, 7, height, width)."""
    rows = (np.arange(size.height) + 0.5) * maps.shape[2] / size.height - 0.5
    columns = (np.arange(size.width) + 0.5) * maps.shape[3] / size.width - 0.5
    return along(along(maps, rows, 2), columns, 3)


def to_rgb(planes: Sequence[Plane], samples: Samples, size: Size) -> tuple[Field, Field]:
    """RGB, (3, height, width) and the frame's luma, both from -1 to 1."""
    y = (planes[0] - float(samples.black)) / (samples.white - samples.black)
    if samples.kind == "gray":
        return np.stack([y, y, y]) * 2 - 1, y * 2 - 1
    u, v = ((plane - float(samples.gray)) / samples.chroma_span for plane in planes[1:])
    (across, down), (x0, y0) = samples.step, samples.siting
    u, v = (
        along(along(c, (np.arange(size.height) - y0) / down, 0), (np.arange(size.width) - x0) / across, 1)
        for c in (u, v)
    )
    red, green, blue = samples.weights
    r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
    g = (y - red * r - blue * b) / green
    return np.stack([r, g, b]) * 2 - 1, y * 2 - 1


def to_planes(rgb: Field, samples: Samples, size: Size) -> list[Field]:
    red, green, blue = samples.weights
    r, g, b = (rgb + 1) / 2
    y = red * r + green * g + blue * b
    luma = y * (samples.white - samples.black) + samples.black
    if samples.kind == "gray":
        return [luma]
    planes = [luma]
    (across, down), (x0, y0) = samples.step, samples.siting
    for c in ((b - y) / (2 * (1 - blue)), (r - y) / (2 * (1 - red))):
        for axis, step, phase in ((0, down, y0), (1, across, x0)):
            if step == 2:
                at = np.arange(-(-c.shape[axis] // 2)) * 2.0
                if phase == 0:  # on a pixel: 1, 2, 1
                    c = (along(c, at - 1, axis) + 2 * along(c, at, axis) + along(c, at + 1, axis)) / 4
                else:  # between two
                    c = (along(c, at, axis) + along(c, at + 1, axis)) / 2
        planes.append(c * samples.chroma_span + samples.gray)
    return planes


def reference(planes: Sequence[Plane], maps: Field, samples: Samples, size: Size) -> list[Field]:
    """The formula in RGB, before rounding and clipping."""
    x, own_luma = to_rgb(planes, samples, size)
    knots = len(maps)
    weight = np.ones((1, *own_luma.shape))
    if knots > 1:
        step = 2 / (knots - 1)
        at = np.clip(own_luma, -1, 1)
        weight = np.stack([np.maximum(0, 1 - np.abs(at - (k * step - 1)) / step) for k in range(knots)])
    mixed = np.einsum("khw,kmhw->mhw", weight, sampled(maps, size))
    luma = np.einsum("c,chw->hw", np.array(LUMA), x)
    return to_planes(x + mixed[:3] * x + mixed[3] * luma + mixed[4:], samples, size)


def scene(samples: Samples, size: Size) -> list[Plane]:
    """Smooth planes with a little noise, within legal values and RGB's cube for the most part."""
    random = np.random.default_rng(1)
    rows, columns = np.mgrid[: size.height, : size.width]
    y = 0.5 + 0.3 * np.sin(columns / 23) * np.cos(rows / 17) + random.normal(0, 0.01, rows.shape)
    planes = [y * (samples.white - samples.black) + samples.black]
    if samples.kind == "yuv":
        across, down = samples.step
        for phase in (0.0, 1.5):
            c = 0.1 * np.sin(columns[::down, ::across] / 31 + phase) * np.cos(rows[::down, ::across] / 29)
            planes.append(c * samples.chroma_span + samples.gray)
    return [np.rint(plane).astype(samples.dtype) for plane in planes]


def maps(knots: int, height: int = 9, width: int = 16, amount: float = 0.15) -> NDArray[np.float32]:
    drawn = np.random.default_rng(2).normal(0, amount, (knots, MAPS, height, width))
    return drawn.astype(np.float32)


@pytest.mark.parametrize("size", [Size(128, 72), Size(161, 121)], ids=str)
@pytest.mark.parametrize("knots", [1, 4])
@pytest.mark.parametrize("name", FORMATS)
def test_planes_are_changed_as_rgb_would_be(name: str, knots: int, size: Size) -> None:
    samples = FORMATS[name]
    planes, given = scene(samples, size), maps(knots)
    change = PlaneChange(samples, size, (9, 16), knots)
    for number, (now, wanted) in enumerate(
        zip(change(planes, given), reference(planes, given.astype(np.float64), samples, size), strict=True)
    ):
        low, high = (samples.black, samples.white) if number == 0 else samples.chroma_limits
        error = np.abs(now - np.clip(wanted, low, high)) / 2 ** (samples.depth - 8)
        assert error.mean() < 0.6, f"plane {number}"
        assert np.quantile(error, 0.999) < 3, f"plane {number}"
        assert now.dtype == samples.dtype


@pytest.mark.parametrize("name", FORMATS)
def test_maps_that_change_nothing_keep_every_sample(name: str) -> None:
    samples, size = FORMATS[name], Size(64, 48)
    random = np.random.default_rng(0)
    planes: list[Plane] = [
        random.integers(0, 1 << samples.depth, p.shape).astype(samples.dtype)  # type: ignore[misc]  # of its format
        for p in scene(samples, size)
    ]
    same = PlaneChange(samples, size, (6, 8), 4)(planes, np.zeros((28, 6, 8), np.float32))
    assert all(np.array_equal(now, then) for now, then in zip(same, planes, strict=True))


@pytest.mark.parametrize("name", ["yuv420p bt709", "yuv444p full range", "yuv422p 10 bits"])
def test_half_the_strength_is_half_the_change(name: str) -> None:
    samples, size = FORMATS[name], Size(128, 72)
    planes, given = scene(samples, size), maps(4)
    half = PlaneChange(samples, size, (9, 16), 4, strength=0.5)(planes, given)
    smaller = PlaneChange(samples, size, (9, 16), 4)(planes, given * np.float32(0.5))
    for one, other in zip(half, smaller, strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1


def test_preserved_colour_is_kept_bit_for_bit() -> None:
    samples, size = FORMATS["yuv420p bt709"], Size(128, 72)
    planes = scene(samples, size)
    luma, u, v = PlaneChange(samples, size, (9, 16), 4, preserve_color=True)(planes, maps(4))
    assert not np.array_equal(luma, planes[0])
    assert np.array_equal(u, planes[1])
    assert np.array_equal(v, planes[2])


def test_what_stays_is_copied_to_where_the_new_planes_go() -> None:
    samples, size = FORMATS["yuv420p bt709"], Size(128, 72)
    planes = scene(samples, size)
    out: list[Plane] = [np.zeros_like(plane) for plane in planes]
    assert PlaneChange(samples, size, (9, 16), 4)(planes, np.zeros((28, 9, 16), np.float32), out)[0] is out[0]
    assert all(np.array_equal(new, plane) for new, plane in zip(out, planes, strict=True))
    out = [np.zeros_like(plane) for plane in planes]
    PlaneChange(samples, size, (9, 16), 4, preserve_color=True)(planes, maps(4), out)
    assert not np.array_equal(out[0], planes[0])
    assert all(np.array_equal(new, plane) for new, plane in zip(out[1:], planes[1:], strict=True))


def test_a_ten_bit_ramp_keeps_its_steps() -> None:
    samples, size = FORMATS["yuv420p topleft 10 bits bt2020"], Size(1024, 16)
    ramp = np.broadcast_to(np.linspace(64, 940, 1024), (16, 1024)).round().astype(np.uint16)
    gray = np.full((8, 512), 512, np.uint16)
    winter = np.zeros((1, MAPS, 2, 8), np.float32)
    winter[:, 3], winter[:, 4:] = -0.05, 0.04  # a little less contrast, a little brighter
    luma, *_ = PlaneChange(samples, size, (2, 8), 1)([ramp, gray, gray], winter)
    assert len(np.unique(luma)) > 800
    assert len(np.unique(ramp)) < 900  # limited range has 877
