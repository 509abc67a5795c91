"""Settings files: which ones apply, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cgtool.cli.setup import files
from cgtool.errors import UsageError

COMMANDS = ("convert", "models", "train")


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "users").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(files, "config_dir", lambda: tmp_path / "users")


def written(text: str) -> Path:
    path = Path("some.toml")
    path.write_text(text, encoding="utf-8")
    return path


def test_which_files_apply(tmp_path: Path) -> None:
    assert files.found(None) == []
    users = tmp_path / "users" / "cgtool.toml"
    users.touch()
    assert files.found(None) == [users]
    Path("cgtool.toml").touch()
    assert files.found(None) == [users, Path("cgtool.toml")]
    assert files.found("cgtool.toml") == [Path("cgtool.toml")]
    assert files.found("none") == []
    with pytest.raises(UsageError, match=r"away\.toml: no such settings file"):
        files.found("away.toml")


def test_tables_the_weaker_first() -> None:
    path = written("[convert]\ncrf=1\n[models.list]\njson=true\n[profile.a.convert]\ncrf=2\n[profile.b.convert]\ncrf=3")
    found = list(files.tables([path], ["convert"], "b", COMMANDS))
    assert [(table.place, table.settings) for table in found] == [
        ("some.toml [convert]", {"crf": 1}),
        ("some.toml [profile.b.convert]", {"crf": 3}),
    ]
    [table] = files.tables([path], ["models", "list"], None, COMMANDS)
    assert table.place == "some.toml [models.list]"
    assert list(files.tables([path], ["train"], "a", COMMANDS)) == []


def test_a_byte_order_mark_is_no_fault() -> None:
    path = Path("notepad.toml")
    path.write_bytes(b"\xef\xbb\xbf[convert]\ncrf = 1")
    assert len(list(files.tables([path], ["convert"], None, COMMANDS))) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[convert", "is not TOML"),
        ("crf = 1", r"crf is in no command's table.*\[convert\]"),
        ("[profile.a]\ncrf = 1", r"profile\.a\.crf is in no command's table.*\[profile\.a\.convert\]"),
        ("[convrt]\ncrf = 1", r"\[convrt\]\. Did you mean convert\?"),
        ("[profile.a.tain]\ncrf = 1", r"\[profile\.a\.tain\]\. Did you mean train\?"),
        ("[xyz]", "Commands are convert, models, "),
        ("profile = 1", "profile is in no command's table"),
        ("[profile]\na = 1", r"profile\.a is no table"),
        ("[profile.archive.convert]", "no profile 'archiv' in .*Did you mean archive"),
        ("[convert]", "no profile 'archiv'"),
    ],
)
def test_what_is_wrong_is_told(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        list(files.tables([written(text)], ["convert"], "archiv", COMMANDS))


def test_a_profile_without_a_file_and_a_file_that_is_no_text() -> None:
    with pytest.raises(UsageError, match=r"as there is no cgtool\.toml"):
        list(files.tables([], ["convert"], "archive", COMMANDS))
    path = Path("bytes.toml")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="can't be read"):
        list(files.tables([path], ["convert"], None, COMMANDS))
