"""Coverage is told in shares of lines and of branches."""

from __future__ import annotations

from tests.tools.coverage_shares import shares


def test_shares_are_rounded_down() -> None:
    totals = {"covered_lines": 1999, "num_statements": 2000, "covered_branches": 3, "num_branches": 4}
    assert shares(totals) == "99.9% of 2000 lines, 75.0% of 4 branches"


def test_nothing_to_reach_is_no_error() -> None:
    totals = {"covered_lines": 0, "num_statements": 0, "covered_branches": 0, "num_branches": 0}
    assert shares(totals) == "0.0% of 0 lines, 0.0% of 0 branches"
