"""Which images are drawn, how they are varied, and what becomes of files that are no images."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cgtool.errors import MediaError, UsageError
from cgtool.training.chance import Use
from cgtool.training.data.batches import Batches, DomainStream, vary
from cgtool.training.data.images import Domain, find_domain, first_readable, load_rgb, scale_to
from cgtool.training.parts.layout import normalize
from tests.training.data.toy import tiny_config, write_domains


@pytest.fixture(scope="module")
def domains(tmp_path_factory: pytest.TempPathFactory) -> tuple[Domain, Domain]:
    root = write_domains(tmp_path_factory.mktemp("toy"), count=5)
    return find_domain("red", root / "trainA", 1), find_domain("blue", root / "trainB", 1)


def batches(
    domains: tuple[Domain, Domain], *, count: int, batch: int = 2, first: int = 0, rank: int = 0, world: int = 1,
    workers: int = 2, augment: str = "color",
) -> list[tuple[torch.Tensor, torch.Tensor]]:  # fmt: skip
    config = tiny_config(batch=batch, augment=augment)
    with Batches(*domains, config, first=first, rank=rank, world=world, workers=workers) as source:
        return [next(source) for _ in range(count)]


def same(some: list[tuple[torch.Tensor, torch.Tensor]], others: list[tuple[torch.Tensor, torch.Tensor]]) -> bool:
    return len(some) == len(others) and all(
        torch.equal(a, c) and torch.equal(b, d) for (a, b), (c, d) in zip(some, others, strict=True)
    )


def test_every_pass_shows_each_image_once_in_another_order(domains: tuple[Domain, Domain]) -> None:
    stream = DomainStream(domains[0], tiny_config(), Use.ORDER_A, Use.AUGMENT_A)
    passes = [[stream.index(5 * number + place) for place in range(5)] for number in range(20)]
    assert all(sorted(order) == list(range(5)) for order in passes)
    assert len({tuple(order) for order in passes}) > 10


def test_batches_do_not_depend_on_workers(domains: tuple[Domain, Domain]) -> None:
    assert same(batches(domains, count=8, workers=0), batches(domains, count=8, workers=3))


def test_batches_go_on_from_the_images_seen(domains: tuple[Domain, Domain]) -> None:
    assert same(batches(domains, count=8)[5:], batches(domains, count=3, first=10))


def test_two_processes_share_what_one_with_twice_the_batch_draws(domains: tuple[Domain, Domain]) -> None:
    whole = batches(domains, count=4, batch=4)
    parts = [batches(domains, count=4, batch=2, rank=rank, world=2) for rank in range(2)]
    joined = [(torch.cat([a, c]), torch.cat([b, d])) for (a, b), (c, d) in zip(parts[0], parts[1], strict=True)]
    assert same(whole, joined)


def test_pairings_change_from_pass_to_pass(domains: tuple[Domain, Domain]) -> None:
    a = DomainStream(domains[0], tiny_config(), Use.ORDER_A, Use.AUGMENT_A)
    b = DomainStream(domains[1], tiny_config(), Use.ORDER_B, Use.AUGMENT_B)
    assert len({(a.index(draw), b.index(draw)) for draw in range(200)}) == 25


def test_another_seed_draws_otherwise(domains: tuple[Domain, Domain]) -> None:
    some, others = (
        [DomainStream(domains[0], tiny_config(seed=seed), Use.ORDER_A, Use.AUGMENT_A).index(k) for k in range(50)]
        for seed in (0, 1)
    )
    assert some != others


def test_crops_reach_every_place_and_half_are_mirrored() -> None:
    ramp = np.zeros((36, 40, 3), np.uint8)
    ramp[..., 0], ramp[..., 1] = np.arange(36)[:, None], np.arange(40)[None, :]
    config = tiny_config()
    places, mirrored, count = set(), 0, 600
    for draw in range(count):
        crop = vary(Image.fromarray(ramp), config, np.random.default_rng(draw)).numpy()
        assert crop.shape == (3, 32, 32)
        flipped = crop[1, 0, 0] > crop[1, 0, -1]
        mirrored += flipped
        places.add((int(crop[0, 0, 0]), int(crop[1, 0, -1 if flipped else 0])))
    assert places == {(top, left) for top in range(5) for left in range(9)}
    assert mirrored / count == pytest.approx(0.5, abs=0.09)


def test_zoom_shows_more_and_less_of_an_image_and_every_scale_as_often() -> None:
    ramp = np.repeat(np.arange(0, 240, dtype=np.uint8)[None, :, None], 240, axis=0).repeat(3, axis=2)
    config = tiny_config(load_size=64, crop_size=32, zoom=2.0, flip=False)
    shown = []
    for draw in range(300):
        crop = vary(Image.fromarray(ramp), config, np.random.default_rng(draw)).numpy().astype(float)
        assert crop.shape == (3, 32, 32)
        shown.append((crop[0, 16, -4] - crop[0, 16, 3]) / 25 * 32)  # columns of the image; not at borders
    scales = np.log2(np.array(shown) / 240 * 64 / 32)  # 0: a crop's share of an image at the load size
    assert (scales.min(), scales.max()) == (pytest.approx(-1, abs=0.1), pytest.approx(1, abs=0.1))
    assert np.quantile(scales, [0.25, 0.5, 0.75]) == pytest.approx([-0.5, 0, 0.5], abs=0.15)


def test_augmentation_can_be_turned_off_and_colour_on() -> None:
    grey = Image.new("RGB", (36, 36), (200, 80, 120))
    plain = vary(grey, tiny_config(flip=False), np.random.default_rng(0))
    coloured = [vary(grey, tiny_config(augment="color"), np.random.default_rng(k)) for k in range(20)]
    assert plain[:, 0, 0].tolist() == [200, 80, 120]
    assert all(abs(int(c[0, 0, 0]) - 200) < 55 for c in coloured)
    assert len({tuple(c[:, 0, 0].tolist()) for c in coloured}) == 20


def disc(side: int = 96) -> tuple[Image.Image, Image.Image]:
    """A white disc in a corner of a black picture, and its mask at half the size."""
    down, across = np.mgrid[:side, :side]
    inside = np.hypot(down - side / 4, across - side / 4) < side / 5
    mask = Image.fromarray((255 * inside).astype(np.uint8))
    return mask.convert("RGB"), mask.resize((side // 2, side // 2))


def test_a_mask_is_cropped_and_mirrored_with_its_image() -> None:
    image, mask = disc()
    config = tiny_config(load_size=64)
    seen = 0
    for draw in range(20):
        varied = vary(image, config, np.random.default_rng(draw), mask)
        assert varied.shape == (4, 32, 32)
        assert (varied[0].float() - varied[3]).abs().mean() < 12
        seen += bool(varied[3].float().mean() > 255 * 0.1)
    assert seen > 16, "crops shall hold the object"


def test_scaling_keeps_proportions() -> None:
    assert scale_to(Image.new("RGB", (640, 480)), 286).size == (381, 286)
    assert scale_to(Image.new("RGB", (20, 300)), 36).size == (36, 540)
    assert scale_to(Image.new("RGB", (1000, 36)), 36).size == (1000, 36)


def test_normalize_reaches_both_ends() -> None:
    levels = torch.tensor([0, 255], dtype=torch.uint8).view(1, 1, 1, 2).expand(1, 3, 1, 2)
    scaled = normalize(levels, torch.device("cpu"))
    assert scaled[0, 0, 0].tolist() == [-1.0, 1.0]


def test_files_that_are_no_images_are_listed_and_skipped(tmp_path: Path) -> None:
    root = write_domains(tmp_path, count=2)
    folder = root / "trainA"
    (folder / "deeper" / "still").mkdir(parents=True)
    shutil.copy(folder / "00000.png", folder / "deeper" / "still" / "Ünicode name.PNG")
    whole = (folder / "00000.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.jpg").touch()
    (folder / "words.jpg").write_text("no image")
    (folder / "notes.txt").write_text("not even called an image")
    (folder / ".hidden.png").write_bytes(whole)
    domain = find_domain("red", folder, 2)
    assert [path.name for path in domain.paths] == ["00000.png", "00001.png", "Ünicode name.PNG"]
    assert [path.name for path, _ in domain.unreadable] == ["cut.png", "empty.jpg", "words.jpg"]
    assert all(reason for _, reason in domain.unreadable)
    assert [path.name for path in first_readable(folder, 2)] == ["00000.png", "00001.png"]
    assert first_readable(tmp_path / "none", 2) == []


@pytest.mark.parametrize("content", [None, "no image"])
def test_an_empty_domain_is_an_error(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "a.png").write_text(content)
    with pytest.raises(UsageError, match="the domain red is empty") as caught:
        find_domain("red", tmp_path, 1)
    assert caught.value.path == str(tmp_path)


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        find_domain("red", tmp_path / "trainA", 1)


def test_a_file_that_vanishes_is_named(tmp_path: Path) -> None:
    root = write_domains(tmp_path, count=1)
    domain = find_domain("red", root / "trainA", 1)
    domain.paths[0].unlink()
    with (
        Batches(domain, domain, tiny_config(), first=0, rank=0, world=1, workers=1) as source,
        pytest.raises(MediaError, match="can no longer be decoded"),
    ):
        next(source)


def test_fingerprints_follow_the_images_not_the_place(tmp_path: Path) -> None:
    one = write_domains(tmp_path / "one", count=2) / "trainA"
    other = write_domains(tmp_path / "other", count=2) / "trainA"
    print_of = find_domain("red", one, 1).fingerprint()
    assert find_domain("red", other, 1).fingerprint() == print_of
    (other / "00001.png").rename(other / "renamed.png")
    assert find_domain("red", other, 1).fingerprint() != print_of


def test_large_jpegs_are_decoded_small(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (600, 900, 3), np.uint8)).resize((2400, 1600)).save(path)
    assert load_rgb(path).size == (2400, 1600)
    assert load_rgb(path, 200).size == (300, 200)
    assert min(load_rgb(path, 286).size) >= 286


def test_odd_images_are_read_upright_as_rgb(shared_data: Path) -> None:
    folder = shared_data / "odd"
    for path in sorted((folder / "images").iterdir()):
        image = load_rgb(path)
        assert image.mode == "RGB", path
        assert vary(image, tiny_config(), np.random.default_rng(0)).shape == (3, 32, 32)
    upright = load_rgb(folder / "exif" / "Landscape_1.jpg")
    for number in range(2, 9):
        turned = load_rgb(folder / "exif" / f"Landscape_{number}.jpg")
        assert turned.size == upright.size
        difference = np.abs(np.asarray(turned, np.int16) - np.asarray(upright, np.int16))
        assert difference.mean() < 20, number


def test_broken_images_are_skipped(shared_data: Path) -> None:
    with pytest.raises(MediaError):
        load_rgb(shared_data / "odd" / "broken" / "truncated_jpeg.jpg")
    with pytest.raises(MediaError):
        load_rgb(shared_data / "odd" / "broken" / "broken.png")
