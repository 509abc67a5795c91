"""Which files a batch makes, and what is refused before any work begins."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from cgtool.conversion.jobs import Job, plan
from cgtool.errors import UsageError


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with media in it (by name: nothing is read)."""
    for name in ("a.mp4", "b.MOV", "c.jpg", "d.ts", "notes.txt", ".hidden.mp4", "tree/e.mp4", "tree/deep/f.png", "g"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pairs(jobs: Sequence[Job]) -> list[tuple[str, str | None]]:
    return [(job.source_name, job.target_name) for job in jobs]


def test_default_names(here: Path) -> None:
    assert pairs(plan(["a.mp4", "b.MOV", "c.jpg"], None, "winter")) == [
        ("a.mp4", "a.winter.mp4"),
        ("b.MOV", "b.winter.MOV"),
        ("c.jpg", "c.winter.jpg"),
    ]


def test_what_can_only_be_read_becomes_mp4(here: Path) -> None:
    assert pairs(plan(["d.ts"], None, "winter")) == [("d.ts", "d.winter.mp4")]
    assert pairs(plan(["g"], None, "winter")) == [("g", "g.winter.mp4")]


def test_one_file_to_one_file_or_a_folder(here: Path) -> None:
    assert pairs(plan(["a.mp4"], "x.mkv", "winter")) == [("a.mp4", "x.mkv")]
    assert pairs(plan(["a.mp4"], "new/", "winter")) == [("a.mp4", "new/a.mp4")]
    (here / "there").mkdir()
    assert pairs(plan(["a.mp4"], "there", "winter")) == [("a.mp4", "there/a.mp4")]
    assert pairs(plan(["a.mp4", "c.jpg"], "out", "winter")) == [("a.mp4", "out/a.mp4"), ("c.jpg", "out/c.jpg")]


def test_a_folder_is_mirrored(here: Path) -> None:
    assert pairs(plan(["tree"], None, "winter")) == [
        ("tree/deep/f.png", "tree.winter/deep/f.png"),
        ("tree/e.mp4", "tree.winter/e.mp4"),
    ]
    assert pairs(plan(["tree/"], "out", "winter")) == [
        ("tree/deep/f.png", "out/deep/f.png"),
        ("tree/e.mp4", "out/e.mp4"),
    ]
    assert pairs(plan(["tree"], "out", "winter", recursive=False)) == [("tree/e.mp4", "out/e.mp4")]


def test_several_folders_keep_their_names(here: Path) -> None:
    (here / "other").mkdir()
    (here / "other" / "e.mp4").touch()
    assert pairs(plan(["tree", "other"], "out", "winter", recursive=False)) == [
        ("tree/e.mp4", "out/tree/e.mp4"),
        ("other/e.mp4", "out/other/e.mp4"),
    ]


def test_the_current_folder_goes_beside_itself(here: Path) -> None:
    jobs = plan(["."], None, "winter", recursive=False)
    assert [job.source_name for job in jobs] == ["a.mp4", "b.MOV", "c.jpg", "d.ts"]
    assert {Path(job.target_name or "").parent for job in jobs} == {here.with_name(f"{here.name}.winter")}


def test_an_output_folder_inside_the_input_folder_is_no_input(here: Path) -> None:
    (here / "tree" / "out").mkdir()
    (here / "tree" / "out" / "e.mp4").touch()
    assert [job.source_name for job in plan(["tree"], "tree/out", "winter")] == ["tree/deep/f.png", "tree/e.mp4"]


def test_patterns(here: Path) -> None:
    assert [job.source_name for job in plan(["*.m*4", "**/*.png"], "out", "winter")] == ["a.mp4", "tree/deep/f.png"]
    [job] = plan(["*.webm"], None, "winter")
    assert "matches no file" in str(job.error)
    (here / "[x].mp4").touch()
    assert [job.source_name for job in plan(["[x].mp4"], None, "winter")] == ["[x].mp4"], (
        "a file of that name comes first"
    )


def test_missing_and_empty_inputs_are_told_in_their_turn(here: Path) -> None:
    (here / "empty").mkdir()
    missing, good, empty = plan(["nowhere.mp4", "a.mp4", "empty"], None, "winter")
    assert "no such file" in str(missing.error)
    assert missing.target_name is None
    assert good.error is None
    assert "no video or image" in str(empty.error)


def test_results_of_an_earlier_run_are_left_alone(here: Path) -> None:
    (here / "a.winter.mp4").touch()
    jobs = plan(["a.mp4", "a.winter.mp4"], None, "winter")
    assert [job.is_result for job in jobs] == [False, True]
    assert [job.is_result for job in plan(["*.mp4"], None, "winter")] == [False, True]
    # Named alone, it is what the user wants converted, unless the script says that it may run again.
    assert not plan(["a.winter.mp4"], None, "winter")[0].is_result
    assert plan(["a.winter.mp4"], None, "winter", skip_existing=True)[0].is_result
    assert not plan(["a.winter.mp4"], None, "summer", skip_existing=True)[0].is_result
    (here / "lonely.winter.mp4").touch()
    assert not plan(["lonely.winter.mp4"], None, "winter", skip_existing=True)[0].is_result


def test_standard_input_and_output(here: Path) -> None:
    assert pairs(plan(["-"], None, "winter")) == [("-", "-")]
    assert pairs(plan(["-"], "-", "winter")) == [("-", "-")]
    assert pairs(plan(["-"], "x.png", "winter")) == [("-", "x.png")]
    assert pairs(plan(["c.jpg"], "-", "winter")) == [("c.jpg", "-")]


@pytest.mark.parametrize(
    ("inputs", "output", "words"),
    [
        (["-", "a.mp4"], None, "standard input"),
        (["-"], "x.mp4", "still image"),
        (["a.mp4"], "-", "still image"),
        (["c.jpg", "c.jpg"], "-", "still image"),
        (["a.mp4"], "a.png", "must end in"),
        (["c.jpg"], "c.mp4", "must end in"),
        (["a.mp4"], "a.ogv", "must end in"),
        (["a.mp4"], "a.mp4", "over the input"),
        (["a.mp4"], "./tree/../a.mp4", "over the input"),
        (["a.mp4", "tree/e.mp4", "./a.mp4"], "out", "both become"),
        (["tree", "tree/e.mp4"], "out", "both become"),
    ],
)
def test_clashes_are_refused(here: Path, inputs: list[str], output: str | None, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        plan(inputs, output, "winter")


def test_inputs_that_differ_in_their_suffix_have_results_of_their_own(here: Path) -> None:
    for name in ("v.ts", "v.mp4", "p.heic", "p.jpg"):
        (here / "tree" / name).touch()
    assert pairs(plan(["tree"], "out", "winter"))[1:] == [
        ("tree/e.mp4", "out/e.mp4"),
        ("tree/p.heic", "out/p.heic.jpg"),
        ("tree/p.jpg", "out/p.jpg"),
        ("tree/v.mp4", "out/v.mp4"),
        ("tree/v.ts", "out/v.ts.mp4"),
    ]
    assert ("tree/v.ts", "tree.winter/v.ts.mp4") in pairs(plan(["tree"], None, "winter"))
    beside = plan(["tree/v.ts", "tree/v.mp4"], None, "winter")
    assert pairs(beside) == [("tree/v.ts", "tree/v.ts.winter.mp4"), ("tree/v.mp4", "tree/v.winter.mp4")]
    for job in beside:
        assert job.target is not None
        job.target.touch()
    again = plan(["tree/v.ts.winter.mp4", "tree/v.winter.mp4"], None, "winter", skip_existing=True)
    assert all(job.is_result for job in again)


@pytest.mark.parametrize("inputs", [["a.mp4", "d.ts"], ["*.mp4", "b.MOV"], ["tree"]])
def test_a_file_is_no_place_for_several_results(here: Path, inputs: list[str]) -> None:
    with pytest.raises(UsageError, match=r"-o out/seq\.mp4 names a file.*folder for several inputs"):
        plan(inputs, "out/seq.mp4", "winter")
    assert len(plan(inputs, "out/seq.mp4/", "winter")) > 1


def test_links_to_folders_are_followed_once(here: Path) -> None:
    (here / "elsewhere").mkdir()
    (here / "elsewhere" / "x.mp4").touch()
    root = here / "root"
    (root / "real").mkdir(parents=True)
    (root / "real" / "y.mp4").touch()
    (root / "a link").symlink_to(root / "real")
    (root / "there").symlink_to(here / "elsewhere")
    (root / "real" / "loop").symlink_to(root)
    assert [name for name, _ in pairs(plan(["root"], "out", "winter"))] == ["root/real/y.mp4", "root/there/x.mp4"]


def test_pictures_that_are_not_read_are_named(here: Path) -> None:
    (here / "tree" / "raw.NEF").touch()
    (here / "tree" / "new.jxl").touch()
    (here / "tree" / "gone.mp4").symlink_to(here / "nowhere.mp4")
    passed = {job.source_name: job.passed_over for job in plan(["tree"], "out", "winter") if job.passed_over}
    assert passed == {
        "tree/gone.mp4": "a link that leads nowhere",
        "tree/new.jxl": "JPEG XL, which cgtool does not read",
        "tree/raw.NEF": "a camera's raw picture, which cgtool does not read",
    }
    [alone] = plan(["tree/new.jxl"], None, "winter")
    assert "JPEG XL" in str(alone.error)
    assert alone.target_name is None


def test_a_result_with_too_long_a_name_fails_alone(here: Path) -> None:
    for name in ("x" * 246 + ".mp4", "é" * 124 + ".mp4"):
        (here / name).touch()
    jobs = plan(["x" * 246 + ".mp4", "é" * 124 + ".mp4", "a.mp4"], None, "winter")
    assert [job.target_name for job in jobs] == [None, None, "a.winter.mp4"]
    assert "257 bytes, more than the 255" in str(jobs[0].error)
    assert "259 bytes" in str(jobs[1].error)
    # A shorter name, or none that is longer than the source's.
    assert plan(["x" * 246 + ".mp4"], "short.mp4", "winter")[0].error is None
    assert plan(["x" * 246 + ".mp4"], "tree", "winter")[0].error is None
    assert "256 bytes" in str(plan(["a.mp4"], "y" * 252 + ".mp4", "winter")[0].error)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_pipes_are_refused_at_once(here: Path) -> None:
    os.mkfifo(here / "p.mp4")
    [pipe] = plan(["p.mp4"], None, "winter")
    assert "a pipe, which can be read only once" in str(pipe.error)
    assert pipe.target_name is None
    os.mkfifo(here / "p.jpg")
    assert plan(["p.jpg"], None, "winter")[0].error is None  # a picture is read whole
    [device] = plan(["/dev/null"], "x.mp4", "winter")
    assert "a device" in str(device.error)
