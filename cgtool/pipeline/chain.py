"""A pipeline put together step by step, so that a type checker sees what each step takes and gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

from cgtool.pipeline.pipeline import Pipeline, Stage
from cgtool.pipeline.queues import Sized

T = TypeVar("T", bound=Sized)
U = TypeVar("U", bound=Sized)


class Chain(Generic[T]):
    """A source and the steps after it, the last of which gives ``T``.

    Args:
        source: Gives the items; iterated in a thread of its own.
    """

    def __init__(self, source: Iterable[T]) -> None:
        self._source: Iterable[Any] = source
        self._stages: Sequence[Stage[Any]] = ()

    def through(self, name: str, process: Callable[[list[T]], list[U]], batch: int = 1) -> Chain[U]:
        """This chain with a further step; see `Stage`."""
        longer: Chain[U] = Chain(())
        longer._source = self._source
        longer._stages = (*self._stages, Stage(name, process, batch))
        return longer

    def into(self, sink: Callable[[T], None], *, interrupt: Callable[[], None] = lambda: None) -> Pipeline[Any]:
        """The pipeline that ends in a sink; see `Pipeline`."""
        return Pipeline(self._source, self._stages, sink, interrupt=interrupt)


def each(process: Callable[[T], U]) -> Callable[[list[T]], list[U]]:
    """A step for lists, of one for single items."""
    return lambda items: [process(item) for item in items]
