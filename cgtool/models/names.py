"""What models, their domains and the domains' synonyms may be called. Imports no framework."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from cgtool.errors import UsageError


def check_name(name: str) -> None:
    """Refuse a model name that is not safe as a folder's name.

    Raises:
        UsageError: It has characters other than letters, digits, ``_``, ``-`` and ``.``, or starts or ends oddly.
    """
    if not re.fullmatch(r"\w([\w.-]{0,98}[\w-])?", name):
        raise UsageError(
            f"{name[:110]!r} can't be a model's name",
            hint="Use up to 100 letters, digits, _, - and . inside, as in summer2winter.",
        )


def folded(domain: str) -> str:
    """A domain's name for comparisons: case does not count, nor do accents that are signs of their own (macOS)."""
    return unicodedata.normalize("NFC", domain).casefold()


def check_domains(domains: tuple[str, str]) -> None:
    """Refuse domain names that can't be part of a file name, or that are the same.

    Raises:
        UsageError: Not two distinct words of letters, digits, ``_`` and ``-``; case does not distinguish.
    """
    for domain in domains:
        if not re.fullmatch(r"\w[\w-]{0,49}", unicodedata.normalize("NFC", domain)):
            raise UsageError(
                f"{domain[:60]!r} can't be a domain", hint="Use up to 50 letters, digits, _ and -, as in winter."
            )
    if folded(domains[0]) == folded(domains[1]):
        raise UsageError(f"both domains are {domains[0]!r}", hint="Give two, as in summer,winter.")


def check_synonyms(domains: tuple[str, str], synonyms: Mapping[str, tuple[str, ...]]) -> None:
    """Refuse synonyms of other domains, and words that can't be a domain or that mean the other one.

    Raises:
        UsageError: Naming the word.
    """
    for domain, words in synonyms.items():
        if domain not in domains:
            raise UsageError(f"synonyms are of {domain!r}", hint=f"The domains are {domains[0]} and {domains[1]}.")
        (other,) = (name for name in domains if name != domain)
        for word in words:
            for taken in (other, *synonyms.get(other, ())):
                check_domains((word, taken))


def check_names(name: str, domains: tuple[str, str], synonyms: Mapping[str, tuple[str, ...]]) -> None:
    """Refuse what a model can't be called, nor its domains; see `check_name`, `check_domains` and `check_synonyms`.

    Raises:
        UsageError: Naming the word.
    """
    check_name(name)
    check_domains(domains)
    check_synonyms(domains, synonyms)
