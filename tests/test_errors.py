from __future__ import annotations

from pathlib import Path

import pytest

from cgtool import errors
from cgtool.errors import CgtoolError, MediaError, Terminated, UsageError, first_line


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (CgtoolError("went wrong"), "went wrong"),
        (MediaError("can't be read", path=Path("a.mp4")), "a.mp4: can't be read"),
        (MediaError("can't be read", path="a.mp4", hint="Copy it"), "a.mp4: can't be read. Copy it"),
        (UsageError("no such domain", hint="Known: winter"), "no such domain. Known: winter"),
    ],
)
def test_a_message_names_the_thing_the_reason_and_the_way_out(error: CgtoolError, text: str) -> None:
    assert str(error) == text


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("No route to host.\nAt line 3", "No route to host"),
        ("\n  out of memory \n", "out of memory"),
        ("", "ValueError"),
    ],
)
def test_of_a_librarys_error_the_first_line_is_told(told: str, words: str) -> None:
    assert first_line(ValueError(told)) == words


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """Every error is under the one above it, and has the exit code that is stated."""
    assert errors.__doc__ is not None
    trail: dict[int, type] = {}
    named = set()
    for line in errors.__doc__.splitlines():
        words = line.strip("│├└─ ").split()
        if not words or not (words[0].endswith("Error") and words[0] in vars(errors)):
            continue
        kind, depth = getattr(errors, words[0]), line.index(words[0]) // 4
        named.add(words[0])
        if depth:
            assert kind.__bases__ == (trail[depth - 1],)
        trail[depth] = kind
        if "exit" in words:
            assert kind.exit_code == int(words[words.index("code") + 1].rstrip(":"))
    assert named == {name for name in vars(errors) if name.endswith("Error")}


def test_an_end_from_outside_is_no_failure_of_one_file() -> None:
    assert not issubclass(Terminated, Exception)
