from __future__ import annotations

import pytest

from luts.operator import Operator, PlacedOperator
from profiler.attribution import attribute, owners
from profiler.runtimes import GraphNode, NodeTimes


def _node(name: str, inputs: str, outputs: str, *, kind: str = "Conv",
          origins: tuple[str, ...] | None = None, with_producer: bool = False) -> GraphNode:
    return GraphNode(name, kind, tuple(inputs.split()), tuple(outputs.split()),
                     (name,) if origins is None else origins, with_producer)


def _placed(path: str, repeats: int = 1, channels: int = 8) -> PlacedOperator:
    return PlacedOperator(path, Operator.make("activation", (1, channels, 4, 4)), repeats)


def test_longest_path_wins() -> None:
    graph = [_node("a.b.c/Conv_1", "x", "y"), _node("a.b/Add", "y", "z"),
             _node("a.bc/Conv", "z", "u")]
    found = owners(graph, {"a", "a.b", "a.b.c"})
    assert found == {"a.b.c/Conv_1": "a.b.c", "a.b/Add": "a.b", "a.bc/Conv": "a"}


def test_reorder_in_goes_to_consumer_and_out_to_producer() -> None:
    graph = [
        _node("a/Conv", "x", "t1"),
        _node("out", "t1", "t2", kind="ReorderOutput", origins=(), with_producer=True),
        _node("in", "t2", "t3", kind="ReorderInput", origins=()),
        _node("b/Conv", "t3", "t4"),
    ]
    found = owners(graph, {"a", "b"})
    assert (found["out"], found["in"]) == ("a", "b")


def test_chain_of_added_nodes_settles() -> None:
    graph = [_node("n0", "x", "t0", origins=()), _node("n1", "t0", "t1", origins=()),
             _node("n2", "t1", "t2", origins=()), _node("a/Conv", "t2", "t3")]
    assert set(owners(graph, {"a"}).values()) == {"a"}


def test_node_without_any_owner_is_unattributed() -> None:
    graph = [_node("a/Conv", "x", "y"), _node("lonely", "u", "v", origins=())]
    found = owners(graph, {"a"})
    assert found["lonely"] is None
    times = NodeTimes({"a/Conv": 3.0, "lonely": 1.0}, whole_ms=5.0, runs=2)
    shares = attribute(times, found, [_placed("a")], whole_ms=10.0)
    assert shares.by_path_ms == {"a": 6.0}
    assert shares.unattributed_ms == 4.0


def test_time_of_a_loop_is_that_of_one_turn() -> None:
    times = NodeTimes({"a/Conv_0": 1.0, "a/Conv_1": 2.0}, whole_ms=3.0, runs=2)
    owner = {"a/Conv_0": "a", "a/Conv_1": "a"}
    shares = attribute(times, owner, [_placed("a", repeats=2)], whole_ms=3.0)
    assert shares.by_path_ms["a"] == 1.5


def test_two_operators_at_one_path_are_refused() -> None:
    times = NodeTimes({"a/Conv": 1.0}, whole_ms=1.0, runs=1)
    with pytest.raises(ValueError, match="one path"):
        attribute(times, {"a/Conv": "a"}, [_placed("a"), _placed("a")], whole_ms=1.0)


def test_merged_operator_shares_the_time_of_the_one_before() -> None:
    times = NodeTimes({"conv/Conv": 4.0, "next/Conv": 1.0}, whole_ms=5.0, runs=2)
    placed = [_placed("conv", channels=24), _placed("add", channels=8), _placed("next")]
    shares = attribute(times, {"conv/Conv": "conv", "next/Conv": "next"}, placed, whole_ms=5.0)
    assert shares.by_path_ms == pytest.approx({"conv": 3.0, "add": 1.0, "next": 1.0})
