"""The layout of graphs: no overlap, edges go down and cross no node, and it is deterministic."""

from __future__ import annotations

import random
import re
from graphlib import CycleError
from itertools import combinations

import pytest

from azureml_local.studio.graph import HEIGHT, MAX_PER_ROW, WIDTH, layout_graph


def _random_graph(size: int, seed: int) -> tuple[list[str], list[tuple[str, str]]]:
    choices = random.Random(seed)
    names = [f"step {number}" for number in range(size)]
    share = choices.choice([0.02, 0.1, 0.3])
    edges = [pair for pair in combinations(names, 2) if choices.random() < share]
    choices.shuffle(names)
    return names, edges


def _points(path: str) -> list[tuple[float, float]]:
    """Points on a path of the commands M, C and V, close to each other."""
    points: list[tuple[float, float]] = []
    for command, text in re.findall(r"([MCV])([^MCV]*)", path):
        numbers = [float(each) for each in text.split()]
        if command == "M":
            points.append((numbers[0], numbers[1]))
        elif command == "V":
            x, y = points[-1]
            points += [(x, y + (numbers[0] - y) * step / 10) for step in range(1, 11)]
        else:
            corners = [points[-1], *zip(numbers[::2], numbers[1::2], strict=True)]
            for step in range(1, 21):
                t = step / 20
                weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
                points.append(
                    tuple(
                        sum(w * corner[axis] for w, corner in zip(weights, corners, strict=True))
                        for axis in (0, 1)
                    )
                )
    return points


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 21, 34, 60])
@pytest.mark.parametrize("seed", range(4))
def test_nodes_do_not_overlap_and_edges_go_down_without_crossing_a_node(size, seed):
    names, edges = _random_graph(size, seed)
    layout = layout_graph(names, edges)
    assert list(layout.boxes) == names
    for one, other in combinations(layout.boxes.values(), 2):
        assert abs(one.x - other.x) >= WIDTH or abs(one.y - other.y) >= HEIGHT
    for box in layout.boxes.values():
        assert box.x >= 0
        assert box.y >= 0
        assert box.x + WIDTH <= layout.width
        assert box.y + HEIGHT <= layout.height
    for source, target in edges:
        start, end = layout.boxes[source], layout.boxes[target]
        assert start.y + HEIGHT < end.y
        points = _points(layout.paths[source, target])
        assert points[0] == pytest.approx((start.x + WIDTH / 2, start.y + HEIGHT), abs=0.2)
        assert points[-1] == pytest.approx((end.x + WIDTH / 2, end.y), abs=0.2)
        assert [y for _, y in points] == sorted(y for _, y in points)
        for x, y in points:
            assert 0 <= x <= layout.width
            assert not any(
                box.x < x < box.x + WIDTH and box.y + 0.2 < y < box.y + HEIGHT - 0.2
                for box in layout.boxes.values()
            )


@pytest.mark.parametrize("seed", range(3))
def test_the_layout_of_a_graph_is_always_the_same(seed):
    names, edges = _random_graph(40, seed)
    assert layout_graph(names, edges) == layout_graph(names, edges * 2)


def test_a_chain_is_straight_and_an_input_is_next_to_its_step():
    names = ["a", "b", "c", "late"]
    layout = layout_graph(names, [("a", "b"), ("b", "c"), ("late", "c")])
    assert layout.boxes["late"].y == layout.boxes["b"].y
    straight = layout_graph(names[:3], [("a", "b"), ("b", "c")])
    assert len({box.x for box in straight.boxes.values()}) == 1


def test_many_nodes_without_edges_are_in_several_rows():
    names = [str(number) for number in range(60)]
    boxes = layout_graph(names, []).boxes.values()
    rows = [[box for box in boxes if box.y == y] for y in sorted({box.y for box in boxes})]
    assert [len(row) for row in rows] == [MAX_PER_ROW] * 10


def test_a_graph_without_nodes_is_empty():
    assert layout_graph([], []).boxes == {}


def test_cycles_and_unknown_nodes_are_refused():
    with pytest.raises(CycleError):
        layout_graph(["a", "b"], [("a", "b"), ("b", "a")])
    with pytest.raises(ValueError, match="edges: c is not a node"):
        layout_graph(["a"], [("a", "c")])
