"""Graphs go to the shapes that come most often, and shapes that come equally often take no turns."""

import pytest

from ocdrnet_triton.engines.openvino import OFTEN, RECENT, ShapeGraphCache

A, B, C = (1, 32, 32, 3), (1, 32, 64, 3), (1, 64, 32, 3)


@pytest.fixture
def compiled():
    """Shapes in the order in which they were compiled."""
    return []


@pytest.fixture
def choose(compiled):
    def choose(limit):
        def compile_for(shape):
            compiled.append(shape)
            return f"graph of {shape}"

        return ShapeGraphCache(limit, compile_for)

    return choose


def test_the_first_shapes_have_one_each_and_keep_it(choose, compiled):
    choice = choose(2)
    found = [choice.graph_of(shape) for shape in (A, B, A, C, B)]
    assert found == [f"graph of {A}", f"graph of {B}", f"graph of {A}", None, f"graph of {B}"]
    assert compiled == [A, B]


def test_without_a_place_nothing_is_compiled(choose, compiled):
    choice = choose(0)
    assert {choice.graph_of(A) for _ in range(3 * RECENT)} == {None}
    assert compiled == []


def test_a_frequent_shape_displaces_the_rarest(choose, compiled):
    choice = choose(2)
    for shape in [A] * 3 + [B] * 2:
        choice.graph_of(shape)
    assert [choice.graph_of(C) for _ in range(OFTEN - 1)] == [None] * (OFTEN - 1)
    assert choice.graph_of(C) == f"graph of {C}"
    assert choice.graph_of(A) == f"graph of {A}"
    assert choice.graph_of(B) is None
    assert compiled == [A, B, C]


def test_a_shape_must_come_twice_as_often_as_the_one_that_it_displaces(choose, compiled):
    choice = choose(1)
    for _ in range(3 * OFTEN):
        choice.graph_of(A)
    for _ in range(6 * OFTEN - 1):
        assert choice.graph_of(B) is None
    assert choice.graph_of(B) == f"graph of {B}"
    assert compiled == [A, B]


def test_shapes_that_come_equally_often_take_no_turns(choose, compiled):
    choice = choose(2)
    for _ in range(5 * RECENT):
        for shape in (A, B, C):
            choice.graph_of(shape)
    assert compiled == [A, B]


def test_the_past_fades(choose, compiled):
    """Ten thousand jobs of one kind must not hold its graph for another ten thousand of the next kind."""
    choice = choose(1)
    for _ in range(10 * RECENT):
        choice.graph_of(A)
    waited = sum(choice.graph_of(B) is None for _ in range(3 * RECENT))
    assert compiled == [A, B]
    assert waited <= 1.5 * RECENT
