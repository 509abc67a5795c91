"""The figures of translation quality, on arrays alone, and how sure they are.

A statistic of ``n`` pictures takes a weight for each, all 1 for the figure itself: a bootstrap sample is the pictures
weighted by how often they were drawn, so that nothing is computed twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from cgtool.pictures import Image

Vector = NDArray[np.float64]
Vectors = NDArray[np.float64]
Statistic = Callable[..., float]

PENALTY = 30.0
"""Weight of the linear probe's L2 term beside the sum of its losses."""

DRAWS = 2000
SEED = 0


@dataclass(frozen=True)
class Figure:
    """A figure and the ends of its 95% interval."""

    value: float
    low: float
    high: float


def bootstrap(statistic: Statistic, *sizes: int, draws: int = DRAWS, seed: int = SEED) -> Figure:
    """A statistic of one or more sets of pictures, with its percentile interval (Efron 1979).

    Args:
        statistic: Takes a vector of weights for each set.
        sizes: How many pictures each set has; each is drawn from by itself.
    """
    random = np.random.default_rng(seed)
    values = [statistic(*(drawn(random, size) for size in sizes)) for _ in range(draws)]
    low, high = np.quantile(values, (0.025, 0.975))
    return Figure(statistic(*map(np.ones, sizes)), float(low), float(high))


def drawn(random: np.random.Generator, size: int) -> Vector:
    """How often each of ``size`` pictures comes up in ``size`` draws with replacement."""
    return np.bincount(random.integers(size, size=size), minlength=size).astype(np.float64)


def mean(values: Vector) -> Statistic:
    """The weighted mean of one value a picture."""
    return lambda weights: float(weights @ values / weights.sum())


def kernel(x: Vectors, y: Vectors) -> Vectors:
    """The cubic kernel of KID: shapes (n, d) and (m, d) to (n, m)."""
    return np.asarray((x @ y.T / x.shape[1] + 1) ** 3, np.float64)


def kid(x: Vectors, y: Vectors) -> Statistic:
    """Kernel inception distance: the unbiased estimate of squared MMD (Binkowski et al. 2018, Gretton et al. 2012).

    A picture is never paired with itself, nor with its copies in a bootstrap sample: those would look like a set that
    is closer to itself than it is.

    Args:
        x: Features of one set of pictures, (n, d).
        y: Features of the other, (m, d).

    Returns:
        The statistic, of n and m weights.
    """
    within_x, within_y, across = kernel(x, x), kernel(y, y), kernel(x, y)
    np.fill_diagonal(within_x, 0)
    np.fill_diagonal(within_y, 0)

    def statistic(v: Vector, w: Vector) -> float:
        similar = pairs(within_x, v) + pairs(within_y, w)
        return float(similar - 2 * (v @ across @ w) / (v.sum() * w.sum()))

    return statistic


def pairs(within: Vectors, weights: Vector) -> float:
    """Weighted mean over pairs of different pictures; the diagonal is zero."""
    return float(weights @ within @ weights / (weights.sum() ** 2 - weights @ weights))


@dataclass(frozen=True)
class Probe:
    """A linear probe: logistic regression on standardised features."""

    centre: Vector
    scale: Vector
    weight: Vector
    bias: float

    def takes_for_b(self, features: Vectors) -> Vector:
        """1 for each picture taken for domain B, 0 for A."""
        return np.asarray((features - self.centre) / self.scale @ self.weight + self.bias > 0, np.float64)


def fit_probe(a: Vectors, b: Vectors, penalty: float = PENALTY) -> Probe:
    """Fit a probe. Both domains weigh the same, however many pictures they have.

    Args:
        a, b: Features of the domains, (n, d) and (m, d).
        penalty: See ``PENALTY``.
    """
    both = np.concatenate([a, b])
    centre, scale = both.mean(0), both.std(0) + 1e-8
    inputs = torch.from_numpy((both - centre) / scale)
    signs = torch.cat([-torch.ones(len(a)), torch.ones(len(b))]).double()
    shares = torch.where(signs > 0, len(both) / (2 * len(b)), len(both) / (2 * len(a))).double()
    weight = torch.zeros(a.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros((), dtype=torch.float64, requires_grad=True)
    solver = torch.optim.LBFGS([weight, bias], max_iter=500, tolerance_grad=1e-6, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        solver.zero_grad()
        margins = signs * (inputs @ weight + bias)
        total = shares @ torch.nn.functional.softplus(-margins) + penalty / 2 * weight @ weight
        total.backward()  # type: ignore[no-untyped-call]
        return total

    solver.step(loss)  # type: ignore[no-untyped-call]
    return Probe(centre, scale, weight.detach().numpy(), float(bias.detach()))


def structure(source: Image, result: Image) -> float:
    """Correlation of luma gradients, both axes together, between a picture and its translation.

    Args:
        source: RGB, uint8, (height, width, 3).
        result: The same shape.

    Returns:
        -1 to 1; 0 where either is flat.
    """
    before, after = gradients(source), gradients(result)
    before, after = before - before.mean(), after - after.mean()
    norm = float(np.linalg.norm(before) * np.linalg.norm(after))
    return float(before @ after) / norm if norm > 0 else 0.0


def gradients(picture: Image) -> Vector:
    """Sobel derivatives of luma (BT.601), across and down, flat."""
    luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return np.concatenate([cv2.Sobel(luma, cv2.CV_64F, *axis).ravel() for axis in ((1, 0), (0, 1))])


def difference(source: Image, result: Image) -> float:
    """Mean absolute difference in levels."""
    return float(np.abs(source.astype(np.int16) - result).mean())
