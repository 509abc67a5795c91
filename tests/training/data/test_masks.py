"""Masks, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cgtool.errors import UsageError
from cgtool.training.chance import Use
from cgtool.training.data.batches import DomainStream
from cgtool.training.data.images import Domain, find_domain
from cgtool.training.data.masks import Masks, find_masks, load_mask
from tests.training.data.toy import shapes, tiny_config, write_domains

RED = (210, 50, 60)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Six pictures with masks that are white on their left half."""
    write_domains(tmp_path)
    (tmp_path / "maskA").mkdir()
    half = np.zeros((20, 20), np.uint8)
    half[:, :10] = 255
    for path in (tmp_path / "trainA").iterdir():
        Image.fromarray(half).save(tmp_path / "maskA" / path.name)
    return tmp_path


def look(data: Path) -> Masks:
    return find_masks(find_domain("red", data / "trainA", 1), 2)


def test_good_masks_are_counted_and_nothing_is_told(data: Path) -> None:
    masks = look(data)
    assert masks.line == f"{data / 'maskA'}: masks for 6 of 6 images of red"
    assert masks.warnings == []
    assert masks.telling == list(masks.domain.paths) == list(masks.files)
    assert [mask.name for mask in masks.files.values()] == [path.name for path in masks.domain.paths]


def test_a_mask_lies_beside_its_image_whatever_its_suffix(tmp_path: Path) -> None:
    paths = tmp_path / "trainA" / "deep" / "one.png", tmp_path / "trainA" / "two.png"
    for path in (*paths, tmp_path / "maskA" / "deep" / "one.webp"):
        path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (20, 10), 40).save(tmp_path / "maskA" / "deep" / "one.webp", lossless=True)
    Image.new("L", (20, 10), 40).save(tmp_path / "maskA" / "one.png")
    masks = find_masks(Domain("horse", tmp_path / "trainA", paths), 1)
    assert masks.files == {paths[0]: tmp_path / "maskA" / "deep" / "one.webp"}
    one, two = (load_mask(masks.files.get(path), (40, 20)) for path in paths)
    assert (one.size, one.mode, one.getextrema()) == ((40, 20), "L", (40, 40))
    assert (two.size, two.mode, two.getextrema()) == ((40, 20), "L", (255, 255))
    assert masks.strays == (tmp_path / "maskA" / "one.png",)
    with pytest.raises(UsageError, match="trainA and trainB"):
        find_masks(Domain("horse", tmp_path / "horses", ()), 1)


def test_what_is_wrong_is_named(data: Path) -> None:
    folder = data / "maskA"
    (folder / "00000.png").unlink()
    (folder / "00001.png").write_bytes(b"no picture")
    Image.new("L", (20, 20), 127).save(folder / "00002.png")
    Image.new("L", (20, 20), 128).save(folder / "00003.png")
    Image.new("L", (20, 20), 255).save(folder / "other.png")
    masks = look(data)
    assert masks.line.endswith("masks for 4 of 6 images of red")
    broken, *others = masks.warnings
    assert broken.startswith(f"{folder / '00001.png'}: skipped, ")
    assert others == [
        f"{data / 'trainA'}: 1 image without a mask, which count as nothing but object: 00000.png",
        f"{folder}: 1 mask without an object, nowhere half white: 00002.png",
        f"{folder}: 1 mask without a background, nowhere less than half white: 00003.png",
        f"{folder}: 1 mask of no image: other.png",
    ]
    assert [path.name for path in masks.telling] == ["00004.png", "00005.png"]


def test_the_first_ten_are_named(tmp_path: Path) -> None:
    write_domains(tmp_path, count=12)
    (warning,) = look(tmp_path).warnings
    assert warning.startswith(f"{tmp_path / 'trainA'}: 12 images without a mask")
    assert warning.endswith(" 00008.png, 00009.png, ...")


def test_objects_are_shown_on_gray(data: Path) -> None:
    first, _ = look(data).objects(2, 40)
    picture = np.asarray(first)
    assert (picture[:, 30:] == 128).all()
    np.testing.assert_array_equal(picture[:, :15], shapes(0, RED)[:, :15])


def test_training_takes_a_broken_mask_for_none(data: Path) -> None:
    """Rather than to end in the middle, when the picture's turn comes."""
    (data / "maskA" / "00000.png").write_bytes(b"no picture")
    config = tiny_config(masks=True)
    stream = DomainStream(look(data).domain, config, Use.ORDER_A, Use.AUGMENT_A)
    first, second = stream.load(0, 0), stream.load(1, 1)
    assert first.shape == second.shape == (4, 32, 32)
    assert (first[3] == 255).all()
    assert second[3].float().mean() == pytest.approx(127.5, abs=40)
    without = DomainStream(look(data).domain, tiny_config(), Use.ORDER_A, Use.AUGMENT_A)
    assert without.load(0, 0).shape == (3, 32, 32)
    assert first.dtype == torch.uint8


def test_nobody_trains_with_masks_that_nobody_looked_for(data: Path) -> None:
    with pytest.raises(ValueError, match="nobody has looked"):
        DomainStream(find_domain("red", data / "trainA", 1), tiny_config(masks=True), Use.ORDER_A, Use.AUGMENT_A)
