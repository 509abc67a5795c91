"""Which clocks jump, where, and what follows what."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import av
import pytest
from av.packet import Packet
from av.stream import Stream

from cgtool.media.input.runs import Runs, Times, find_runs

FRAME = Fraction(1, 25)
SOUND = Fraction(3, 125)
WRAP = Fraction(1 << 33, 90000)


def packet(time: Fraction | None) -> Packet[Stream]:
    made: Packet[Stream] = av.Packet(b"x")
    made.time_base = Fraction(1, 90000)
    made.pts = made.dts = None if time is None else round(time * 90000)
    return made


def stretch(begin: float, seconds: float, step: Fraction = FRAME) -> list[Fraction]:
    return [Fraction(begin) + number * step for number in range(int(seconds / step))]


def survey(*streams: Iterable[tuple[int, Fraction | None]]) -> dict[int, Times]:
    """Each stream's packets: their numbers among all, and their times."""
    found = {}
    for index, packets in enumerate(streams):
        found[index] = Times()
        for order, time in packets:
            found[index].add(packet(time), order)
    return found


def one_after_the_other(*times: Fraction | None) -> list[tuple[int, Fraction | None]]:
    return [(2 * number, time) for number, time in enumerate(times)]


@pytest.mark.parametrize("second", [0.0, 1.5, 40.0, 5000.0, float(-WRAP)])
def test_a_jump_is_found_and_laid_behind(second: float) -> None:
    times = survey(one_after_the_other(*stretch(0, 2), *stretch(second, 2)))
    runs = find_runs(times, 0, FRAME)
    assert runs is not None
    assert runs.begins == {0: [50]}
    assert float(runs.moved[1] + Fraction(second)) == pytest.approx(2, abs=1e-4)


@pytest.mark.parametrize(
    "times",
    [
        stretch(0, 4),
        [*stretch(0, 2), *stretch(9, 2)],  # a gap
        [*stretch(0, 2), Fraction(7000), *stretch(2.04, 2)],  # damaged times
        [*stretch(5, 2), Fraction(0), *stretch(7.04, 2)],
        [*stretch(0, 2), *stretch(1.96, 2)],  # disorder
        [None, *stretch(0, 2), None, None, *stretch(2, 2), None],
    ],
)
def test_what_is_no_jump(times: list[Fraction | None]) -> None:
    assert find_runs(survey(one_after_the_other(*times)), 0, FRAME) is None


def test_several_jumps_add_up() -> None:
    runs = find_runs(survey(one_after_the_other(*stretch(3, 2), *stretch(0, 1), *stretch(8000, 1))), 0, FRAME)
    assert runs is not None
    assert list(runs.moved) == [Fraction(0), Fraction(5), Fraction(6 - 8000)]
    assert "2 times" in runs.description


def sound_begins(first: list[tuple[int, Fraction]], second: list[tuple[int, Fraction]]) -> list[int]:
    """Where sound goes to the second run; the picture does at the packet of number 100, from 2 s to 0 s."""
    picture = one_after_the_other(*stretch(0, 2), *stretch(0, 2))
    runs = find_runs(survey(picture, [*first, *second]), 0, FRAME)
    assert runs is not None
    return list(runs.begins[1])


def test_sound_jumps_with_the_picture() -> None:
    first = [(1 + number, time) for number, time in enumerate(stretch(0, 2, SOUND))]
    second = [(101 + number, time) for number, time in enumerate(stretch(0, 2, SOUND))]
    assert sound_begins(first, second) == [len(first)]


def test_sound_that_lies_before_the_picture_of_its_run() -> None:
    first = [(1, time) for time in stretch(0, 1.9, SOUND)]
    second = [(99, time) for time in stretch(0, 2, SOUND)]
    assert sound_begins(first, second) == [len(first)]


def test_sound_of_the_run_before_lies_behind_the_jump() -> None:
    first = [(1, time) for time in stretch(0, 1.9, SOUND)] + [(101, time) for time in stretch(1.896, 0.1, SOUND)]
    second = [(104, time) for time in stretch(0, 2, SOUND)]
    assert sound_begins(first, second) == [len(first)]


def test_sound_that_begins_late_in_the_second_run() -> None:
    first = [(1, time) for time in stretch(0, 1, SOUND)]
    second = [(160, time) for time in stretch(1.7, 0.3, SOUND)]
    assert sound_begins(first, second) == [len(first)]


def test_a_damaged_time_of_sound_is_no_jump() -> None:
    first = [(1, time) for time in [*stretch(0, 1, SOUND), Fraction(0), *stretch(1, 1, SOUND)]]
    second = [(101, time) for time in stretch(0, 2, SOUND)]
    assert sound_begins(first, second) == [len(first)]


def test_packets_are_moved() -> None:
    follower = Runs({0: [2]}, [Fraction(0), Fraction(2)]).follow(0)
    packets = [packet(Fraction(time)) for time in (0, 1, 0, 1)]
    assert [follower.move(one) for one in packets] == [False, False, True, False]
    assert [one.pts for one in packets] == [0, 90000, 180000, 270000]
    assert [one.dts for one in packets] == [0, 90000, 180000, 270000]


def test_nothing_new_begins_where_the_clock_wraps() -> None:
    follower = Runs({0: [1]}, [Fraction(0), WRAP]).follow(0)
    assert not follower.move(packet(WRAP - FRAME))
    assert not follower.move(packet(Fraction(0)))
