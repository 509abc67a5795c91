"""Frozen features."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from cgtool.training.judge.features import PACKAGES, FeatureNetwork, available, encoded
from tests.training.data.toy import BLUE, RED, shapes


def test_missing_packages_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, PACKAGES[1], None)
    assert not available()


def test_features_know_pictures_apart_and_are_the_same_in_any_batch() -> None:
    pytest.importorskip(PACKAGES[1], reason="cgtool[projected] is not installed")
    pictures = [shapes(1, RED), shapes(1, BLUE), shapes(1, RED)]
    network = FeatureNetwork()
    features = network(pictures)
    assert features.shape == (3, 1280)
    np.testing.assert_allclose(features[0], features[2], rtol=1e-4, atol=1e-5)
    assert np.abs(features[0] - features[1]).max() > 0.1
    np.testing.assert_allclose(network.of_encoded([encoded(pictures[1])])[0], features[1], rtol=1e-3, atol=1e-4)
