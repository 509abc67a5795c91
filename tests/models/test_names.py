"""What models and domains may be called."""

from __future__ import annotations

import pytest

from cgtool.errors import UsageError
from cgtool.models.names import check_domains, check_name, folded


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "..", "end.", "white space", "a\n", "x" * 101])
def test_unsafe_names_are_refused(name: str) -> None:
    with pytest.raises(UsageError):
        check_name(name)
    with pytest.raises(UsageError):
        check_domains((name, "winter"))


def test_names_and_domains_of_other_scripts_are_welcome() -> None:
    check_name("été-hiver.v2")
    check_domains(("夏", "冬"))


def test_accents_may_be_signs_of_their_own() -> None:
    """As macOS writes names: a letter, and then its accent."""
    composed, apart = "\u00e9t\u00e9", "e\u0301te\u0301"
    check_domains((apart, "hiver"))
    assert folded(composed) == folded(apart.upper())
    with pytest.raises(UsageError, match="both domains"):
        check_domains((composed, apart))
