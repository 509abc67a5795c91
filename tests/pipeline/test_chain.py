"""Steps put together one by one."""

from __future__ import annotations

from dataclasses import dataclass

from cgtool.pipeline.chain import Chain, each


@dataclass(frozen=True)
class Number:
    value: int
    nbytes: int = 8


@dataclass(frozen=True)
class Word:
    text: str
    nbytes: int = 8


def spell(numbers: list[Number]) -> list[Word]:
    return [Word(f"{number.value} of {len(numbers)}") for number in numbers]


def test_each_step_takes_what_the_one_before_gives() -> None:
    seen: list[str] = []
    chain = Chain(Number(n) for n in range(5)).through("spell", spell, 2)
    longer = chain.through("shout", each(lambda word: Word(word.text.upper())))
    *_, progress = longer.into(lambda word: seen.append(word.text)).run()
    assert seen == ["0 OF 2", "1 OF 2", "2 OF 2", "3 OF 2", "4 OF 1"]
    assert progress.items == 5
    assert list(progress.busy_seconds) == ["decode", "spell", "shout", "encode"]


def test_a_chain_may_have_no_step() -> None:
    seen: list[Number] = []
    *_, progress = Chain([Number(1)]).into(seen.append).run()
    assert seen == [Number(1)]
    assert progress.items == 1
