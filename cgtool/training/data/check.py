"""The data at a glance, before hours are spent on it: counts, sizes, modes, copies, masks, and what was skipped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path

from cgtool.errors import UsageError
from cgtool.training.data.glance import twins
from cgtool.training.data.images import Domain, find_domain, find_tests
from cgtool.training.data.masks import Masks, find_masks

Pair = tuple[Path, Path]


def check_folders(a: Path, b: Path) -> None:
    """Refuse one folder for both domains.

    Raises:
        UsageError: They are the same, or one lies in the other.
    """
    one, other = a.resolve(), b.resolve()
    if one == other and one.is_dir():
        raise UsageError("both domains have the same folder", path=a, hint="Give a folder for each domain")
    for inner, outer in ((one, other), (other, one)):
        if outer in inner.parents:
            raise UsageError(
                f"it lies in {outer}, the other domain's folder, whose images would be of both",
                path=inner,
                hint="Give folders that lie beside each other",
            )


@dataclass(frozen=True)
class DataCheck:
    """All that was found at a glance.

    Attributes:
        train: The training images of A and of B.
        tests: The test images of A and of B; there may be none.
        masks: Those of the training images; empty if nobody looked.
    """

    train: tuple[Domain, Domain]
    tests: tuple[Domain, Domain]
    masks: tuple[Masks, ...] = ()

    @property
    def domains(self) -> list[Domain]:
        """Those that have images: A's and B's to train on, then to test with."""
        return [domain for domain in (*self.train, *self.tests) if domain.paths]

    @cached_property
    def copies(self) -> dict[str, list[Pair]]:
        """Pairs of images that look like copies of one, by where they are, in words."""
        places = [(number, path) for number, domain in enumerate(self._all) for path in domain.paths]
        glances = list(chain.from_iterable(domain.glances for domain in self._all))
        found: dict[str, list[Pair]] = {}
        for one, other in twins(glances) if len(glances) == len(places) else []:
            (first, path), (second, copy) = places[one], places[other]
            found.setdefault(self._where(first, second), []).append((path, copy))
        return found

    @property
    def lines(self) -> list[str]:
        """Counts, sizes and modes: a line for each folder of images, then for each of masks."""
        return [*map(_line, self.domains), *(masks.line for masks in self.masks)]

    @cached_property
    def warnings(self) -> list[str]:
        """What one should know before training: skipped files, copies, and masks that are missing or say nothing."""
        skipped = [warning for domain in self._all for warning in domain.warnings]
        copies = [_copies(where, pairs) for where, pairs in self.copies.items()]
        return [*skipped, *copies, *(warning for masks in self.masks for warning in masks.warnings)]

    @property
    def _all(self) -> Sequence[Domain]:
        return (*self.train, *self.tests)

    def _where(self, first: int, second: int) -> str:
        if first == second:
            return f"within {self._all[first].folder.name}"
        names = f"{self._all[first].folder.name} and {self._all[second].folder.name}"
        if first % 2 != second % 2:
            return f"in both domains, {names}"
        return f"in training and test, {names}"


def look_at_data(
    folders: tuple[Path, Path],
    domains: tuple[str, str],
    tests: tuple[Path, Path] | None,
    workers: int,
    *,
    masks: bool = False,
) -> DataCheck:
    """Decode every image once.

    Args:
        folders: The training images of A and of B.
        domains: What A and B are called.
        tests: Folders of their test images, which may be missing.
        workers: Threads that decode.
        masks: Look for masks, too.

    Raises:
        UsageError: A folder is missing or holds no image, both domains have the same one, or none can have masks.
    """
    check_folders(*folders)
    a, b = (find_domain(name, folder, workers) for name, folder in zip(domains, folders, strict=True))
    of_a, of_b = (find_masks(domain, workers) for domain in (a, b)) if masks else (None, None)
    if tests is None:
        to_test_a, to_test_b = (Domain(name, Path(), ()) for name in domains)
    else:
        to_test_a, to_test_b = (find_tests(name, folder, workers) for name, folder in zip(domains, tests, strict=True))
    if of_a is None or of_b is None:
        return DataCheck((a, b), (to_test_a, to_test_b))
    return DataCheck((of_a.domain, of_b.domain), (to_test_a, to_test_b), (of_a, of_b))


def _line(domain: Domain) -> str:
    shorts = sorted(min(glance.width, glance.height) for glance in domain.glances)
    if not shorts:
        return f"{domain.folder}: {len(domain)} images of {domain.name}"
    sizes = Counter((glance.width, glance.height) for glance in domain.glances)
    if len(sizes) == 1:
        ((width, height),) = sizes
        size = f"all {width}x{height}"
    else:
        size = f"short side {shorts[0]} to {shorts[-1]}, median {shorts[len(shorts) // 2]} px"
    modes = Counter(glance.mode for glance in domain.glances)
    what = ", ".join(f"{count} {mode}" if len(modes) > 1 else mode for mode, count in modes.most_common())
    return f"{domain.folder}: {len(domain)} images of {domain.name}, {size}, {what}"


def _copies(where: str, pairs: Sequence[Pair]) -> str:
    one, other = pairs[0]
    count = "1 pair" if len(pairs) == 1 else f"{len(pairs)} pairs"
    return f"{count} of near-duplicates {where}: {one.name} and {other.name}{', ...' if len(pairs) > 1 else ''}"


def pairs_to_show(check: DataCheck, count: int) -> Iterator[Pair]:
    """Up to so many pairs of copies, some of each place."""
    lists = [iter(pairs) for pairs in check.copies.values()]
    shown = 0
    while lists and shown < count:
        for pairs in list(lists):
            pair = next(pairs, None)
            if pair is None:
                lists.remove(pairs)
            elif shown < count:
                shown += 1
                yield pair
