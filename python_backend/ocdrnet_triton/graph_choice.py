"""Which shapes of input a network has a graph of its own for: the most frequent ones.

A graph for any shape derives every layer anew when the shape changes, and forgoes what needs known shapes, such as
joining tensors in place. One graph per shape costs its compilation and memory instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Generic, TypeVar

Graph = TypeVar("Graph")
Shape = tuple[int, ...]
OFTEN = 16  # recent jobs of a shape that displaces another's graph
RECENT = 1000  # jobs, after which all that was counted weighs half


class GraphChoice(Generic[Graph]):
    """Graphs by shape, a few of them. Not for use by several threads."""

    def __init__(self, limit: int, compile_for: Callable[[Shape], Graph]) -> None:
        """Start without any.

        Args:
            limit: graphs at most.
            compile_for: makes the graph of a shape.
        """
        self._limit = limit
        self._compile_for = compile_for
        self._graphs: dict[Shape, Graph] = {}
        self._uses: Counter[Shape] = Counter()
        self._jobs = 0

    def graph_of(self, shape: Shape) -> Graph | None:
        """The graph of a shape that a job is about to use; none where the shape has to do with the one for any.

        The first shapes get one each. Later one displaces the least used when it is asked for often, and at least twice
        as often: shapes that come equally often do not take turns at being compiled.
        """
        self._count(shape)
        if shape in self._graphs or not self._limit:
            return self._graphs.get(shape)
        if len(self._graphs) == self._limit:
            rarest = min(self._graphs, key=self._uses.__getitem__)
            if self._uses[shape] < max(OFTEN, 2 * self._uses[rarest]):
                return None
            del self._graphs[rarest]
        self._graphs[shape] = self._compile_for(shape)
        return self._graphs[shape]

    def _count(self, shape: Shape) -> None:
        self._jobs += 1
        if self._jobs % RECENT == 0:
            self._uses = Counter({known: count // 2 for known, count in self._uses.items() if count > 1})
        self._uses[shape] += 1
