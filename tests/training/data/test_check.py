"""What is found in the data before a training."""

from __future__ import annotations

from pathlib import Path

import pytest

from cgtool.errors import UsageError
from cgtool.training.data.check import DataCheck, check_folders, look_at_data, pairs_to_show
from tests.training.data.test_glance import picture


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for number, folder in enumerate(("trainA", "trainB", "testA", "testB")):
        (tmp_path / folder).mkdir()
        for seed in range(3):
            picture(10 * number + seed).save(tmp_path / folder / f"{seed}.png")
    return tmp_path


def look(data: Path) -> DataCheck:
    train, tests = ((data / f"{kind}A", data / f"{kind}B") for kind in ("train", "test"))
    return look_at_data(train, ("day", "night"), tests, 1)


def test_good_data_have_a_line_for_each_folder_and_no_warning(data: Path) -> None:
    check = look(data)
    assert check.warnings == []
    assert check.lines[1] == f"{data / 'trainB'}: 3 images of night, all 96x96, RGB"
    assert len(check.lines) == 4
    assert [len(domain) for domain in check.domains] == [3, 3, 3, 3]


def test_sizes_and_modes_are_counted(data: Path) -> None:
    picture(77, side=50).convert("L").save(data / "trainA" / "small.png")
    assert look(data).lines[0].endswith("4 images of day, short side 50 to 96, median 96 px, 3 RGB, 1 L")


def test_copies_are_told_by_where_they_are(data: Path) -> None:
    for source, copy in (
        ("trainA/0", "trainA/again"), ("trainA/1", "trainB/1b"), ("trainB/2", "testB/leak"), ("trainB/0", "testB/x"),
    ):  # fmt: skip
        (data / f"{copy}.png").write_bytes((data / f"{source}.png").read_bytes())
    check = look(data)
    assert check.warnings == [
        "1 pair of near-duplicates within trainA: 0.png and again.png",
        "1 pair of near-duplicates in both domains, trainA and trainB: 1.png and 1b.png",
        "2 pairs of near-duplicates in training and test, trainB and testB: 0.png and x.png, ...",
    ]
    assert len(list(pairs_to_show(check, 9))) == 4
    assert {pair[0].parent.name for pair in pairs_to_show(check, 3)} == {"trainA", "trainB"}
    assert len(list(pairs_to_show(check, 3))) == 3


@pytest.mark.parametrize("hidden", [".ipynb_checkpoints", ".trash/deep", "__MACOSX"])
def test_folders_of_nobody_are_skipped_and_told(data: Path, hidden: str) -> None:
    (data / "trainA" / hidden).mkdir(parents=True)
    picture(1).save(data / "trainA" / hidden / "copy.png")
    (data / "trainA" / "below").mkdir()
    picture(99).save(data / "trainA" / "below" / "good.png")
    check = look(data)
    assert len(check.train[0]) == 4
    assert check.warnings == [f"{data / 'trainA' / hidden.partition('/')[0]}: skipped, as hidden folders are"]


def test_broken_files_are_named(data: Path) -> None:
    (data / "testA" / "bad.png").write_bytes(b"no picture")
    [warning] = look(data).warnings
    assert "bad.png: skipped" in warning


def test_one_folder_for_both_is_refused(data: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(data / "trainA")
    with pytest.raises(UsageError, match="both domains have the same folder"):
        check_folders(data / "trainA", tmp_path / "link")
    for folders in ((data, data / "trainA"), (data / "trainA", data)):
        with pytest.raises(UsageError, match="lies in"):
            check_folders(*folders)
    check_folders(data / "trainA", data / "trainB")


def test_there_may_be_no_tests(data: Path) -> None:
    check = look_at_data((data / "trainA", data / "trainB"), ("day", "night"), None, 1)
    assert len(check.domains) == 2
    assert check.warnings == []


def test_masks_are_looked_at_when_asked_for(data: Path) -> None:
    (data / "maskB").mkdir()
    picture(1).convert("L").save(data / "maskB" / "2.png")
    assert look(data).masks == ()
    train = data / "trainA", data / "trainB"
    check = look_at_data(train, ("day", "night"), None, 1, masks=True)
    assert check.lines[2:] == [
        f"{data / 'maskA'}: masks for 0 of 3 images of day",
        f"{data / 'maskB'}: masks for 1 of 3 images of night",
    ]
    assert check.warnings == [
        f"{train[0]}: 3 images without a mask, which count as nothing but object: 0.png, 1.png, 2.png",
        f"{train[1]}: 2 images without a mask, which count as nothing but object: 0.png, 1.png",
    ]
    assert check.train[1].masks == {train[1] / "2.png": data / "maskB" / "2.png"}
