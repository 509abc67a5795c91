"""Images for samples; finding and decoding are in test_batches.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from cgtool.training.data.images import (
    SAMPLES,
    choose_samples,
    find_domain,
    find_tests,
    middle,
    spread,
)
from tests.training.data.toy import write_domains


def test_samples_are_of_the_tests_where_there_are_some(tmp_path: Path) -> None:
    data = write_domains(tmp_path, count=6)
    domain = find_domain("red", data / "trainA", 1)
    tests, none = (find_tests("red", data / folder, 1) for folder in ("testA", "none"))
    assert choose_samples(domain, tests) == tuple(sorted((data / "testA").iterdir()))
    assert choose_samples(domain, none) == domain.paths[:SAMPLES]


def test_the_middle_is_cut_out(tmp_path: Path) -> None:
    ramp = np.zeros((40, 81, 3), np.uint8)
    ramp[..., 0], ramp[..., 1] = np.arange(40)[:, None], np.arange(81)[None]
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    square = np.asarray(middle(tmp_path / "ramp.png", 40, 32))
    assert square.shape == (32, 32, 3)
    assert square[0, 0].tolist() == [4, 24, 0]  # halves are rounded to even, as torchvision's centre crop does


def test_files_that_were_skipped_are_told(tmp_path: Path) -> None:
    data = write_domains(tmp_path, count=1)
    (data / "trainA" / "broken.png").write_text("no image")
    (warning,) = find_domain("red", data / "trainA", 1).warnings
    assert warning.startswith(f"{data / 'trainA' / 'broken.png'}: skipped, ")


def test_images_are_taken_evenly_from_a_domain(tmp_path: Path) -> None:
    domain = find_domain("red", write_domains(tmp_path, count=6) / "trainA", 1)
    assert [image.size for image in spread(domain, 100, 20)] == 6 * [(20, 20)]
    few = [np.asarray(image) for image in spread(domain, 3, 40)]
    for image, path in zip(few, domain.paths[::2], strict=True):
        assert np.array_equal(image, np.asarray(Image.open(path)))
