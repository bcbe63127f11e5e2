"""The layout of a directed graph without cycles, from top to bottom.

The usual layered layout (Sugiyama, Tagawa and Toda 1981): a node is in a row below all nodes that
it depends on. The order in a row is that with few crossings. An edge that passes a row has its own
place in it, so that it crosses no node. The same graph always has the same layout.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from itertools import pairwise

WIDTH, HEIGHT = 208, 58
"""The size of a node, in pixels."""
GAP, ROW_GAP = 28, 54
"""The space between the nodes of a row, and between rows."""
LANE = 12
"""The width of the place of an edge in a row that it passes."""
MARGIN = 12
MAX_PER_ROW = 6
"""More nodes continue in the next row, so that a wide graph can still be read."""
SWEEPS = 6

Edge = tuple[str, str]
Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """The place of a node: its upper left corner; all nodes have the same size."""

    x: float
    y: float


@dataclass(frozen=True)
class Layout:
    """The places of the nodes, the path of each edge as SVG has it, and the size of the drawing."""

    boxes: dict[str, Box]
    paths: dict[Edge, str]
    middles: dict[Edge, Point]
    """A point of each edge near its end, where a label can be."""
    width: float
    height: float


@dataclass(frozen=True)
class _Cell:
    """A node in its row, or (``lane``) the place of the edges of a node in a row that they pass."""

    name: str
    row: int
    lane: bool = False

    @property
    def width(self) -> int:
        return LANE if self.lane else WIDTH


def layout_graph(names: Sequence[str], edges: Iterable[Edge]) -> Layout:
    """The layout of a graph.

    Args:
        names: of the nodes, each once.
        edges: from a node to one that depends on it.

    Raises:
        graphlib.CycleError: nodes depend on each other in a cycle.
        ValueError: an edge has an unknown end.
    """
    edges = list(dict.fromkeys(edges))
    unknown = sorted({end for edge in edges for end in edge} - set(names))
    if unknown:
        raise ValueError(f"edges: {', '.join(unknown)} is not a node")
    rows = _assign_rows(names, edges)
    chains = {edge: _chain(edge, rows) for edge in edges}
    cells = [_Cell(name, rows[name]) for name in names]
    cells += dict.fromkeys(cell for chain in chains.values() for cell in chain if cell.lane)
    above: dict[_Cell, list[_Cell]] = {cell: [] for cell in cells}
    below: dict[_Cell, list[_Cell]] = {cell: [] for cell in cells}
    for upper, lower in dict.fromkeys(
        pair for chain in chains.values() for pair in pairwise(chain)
    ):
        above[lower].append(upper)
        below[upper].append(lower)
    table: list[list[_Cell]] = [[] for _ in range(max(rows.values(), default=-1) + 1)]
    for cell in cells:
        table[cell.row].append(cell)
    _order(table, above, below)
    centers = _place(table, above, below)
    left = min((centers[cell] - cell.width / 2 for cell in cells), default=0) - MARGIN
    right = max((centers[cell] + cell.width / 2 for cell in cells), default=0) + MARGIN
    centers = {cell: center - left for cell, center in centers.items()}
    boxes = {
        cell.name: Box(round(centers[cell] - WIDTH / 2, 1), _top(cell.row))
        for cell in cells
        if not cell.lane
    }
    height = _top(len(table)) - ROW_GAP + MARGIN if table else 2 * MARGIN
    return Layout(
        boxes,
        {edge: _path(chain, centers) for edge, chain in chains.items()},
        {edge: _middle(chain, centers) for edge, chain in chains.items()},
        round(right - left, 1),
        height,
    )


def _assign_rows(names: Sequence[str], edges: list[Edge]) -> dict[str, int]:
    """The row of each node: the first with room below all nodes that it depends on."""
    needs: dict[str, list[str]] = {name: [] for name in names}
    used_by: dict[str, list[str]] = {name: [] for name in names}
    for source, target in edges:
        needs[target].append(source)
        used_by[source].append(target)
    order = list(TopologicalSorter(needs).static_order())
    position = {name: index for index, name in enumerate(names)}
    depths: dict[str, int] = {}
    for name in order:
        depths[name] = max((depths[each] + 1 for each in needs[name]), default=0)
    for name in order:  # a node that depends on nothing is next to the first that uses it
        if not needs[name] and used_by[name]:
            depths[name] = min(depths[each] for each in used_by[name]) - 1
    rows: dict[str, int] = {}
    counts: dict[int, int] = {}
    for name in sorted(names, key=lambda each: (depths[each], position[each])):
        row = max([depths[name], *(rows[each] + 1 for each in needs[name])])
        while counts.get(row, 0) >= MAX_PER_ROW:
            row += 1
        rows[name] = row
        counts[row] = counts.get(row, 0) + 1
    numbers = {row: number for number, row in enumerate(sorted(counts))}
    return {name: numbers[row] for name, row in rows.items()}


def _chain(edge: Edge, rows: Mapping[str, int]) -> list[_Cell]:
    """The cells of an edge: its ends, and its lane in each row between; a node's edges share it."""
    source, target = edge
    lanes = [_Cell(source, row, lane=True) for row in range(rows[source] + 1, rows[target])]
    return [_Cell(source, rows[source]), *lanes, _Cell(target, rows[target])]


def _order(
    table: list[list[_Cell]],
    above: Mapping[_Cell, list[_Cell]],
    below: Mapping[_Cell, list[_Cell]],
) -> None:
    """Sort each row by the mean position of the neighbors, downwards and upwards in turn."""
    positions = {cell: float(index) for row in table for index, cell in enumerate(row)}
    for sweep in range(SWEEPS):
        rows, neighbors = (table, above) if sweep % 2 == 0 else (table[::-1], below)
        for row in rows:
            means = {
                cell: sum(positions[each] for each in neighbors[cell]) / len(neighbors[cell])
                if neighbors[cell]
                else positions[cell]
                for cell in row
            }
            row.sort(key=means.__getitem__)
            positions.update((cell, float(index)) for index, cell in enumerate(row))


def _place(
    table: list[list[_Cell]],
    above: Mapping[_Cell, list[_Cell]],
    below: Mapping[_Cell, list[_Cell]],
) -> dict[_Cell, float]:
    """The horizontal center of each cell: near its neighbors, in the order of its row."""
    centers: dict[_Cell, float] = {}
    for row in table:
        middle = (len(row) - 1) / 2
        desired = [(index - middle) * (WIDTH + GAP) for index in range(len(row))]
        centers.update(zip(row, _spread(row, desired), strict=True))
    for sweep in range(SWEEPS):
        rows, neighbors = (table, above) if sweep % 2 == 0 else (table[::-1], below)
        for row in rows:
            desired = [
                sum(centers[each] for each in neighbors[cell]) / len(neighbors[cell])
                if neighbors[cell]
                else centers[cell]
                for cell in row
            ]
            centers.update(zip(row, _spread(row, desired), strict=True))
    return centers


def _spread(row: list[_Cell], desired: list[float]) -> list[float]:
    """The centers nearest to the desired ones (least squares) at which the cells do not overlap."""
    offsets = [0.0]
    for left, right in pairwise(row):
        offsets.append(offsets[-1] + (left.width + right.width) / 2 + GAP)
    blocks: list[tuple[float, int]] = []  # the sum and the number of values that share one shift
    for center, offset in zip(desired, offsets, strict=True):
        total, count = center - offset, 1
        while blocks and blocks[-1][0] / blocks[-1][1] > total / count:
            previous, size = blocks.pop()
            total, count = total + previous, count + size
        blocks.append((total, count))
    shifts = [total / count for total, count in blocks for _ in range(count)]
    return [shift + offset for shift, offset in zip(shifts, offsets, strict=True)]


def _top(row: int) -> float:
    return MARGIN + row * (HEIGHT + ROW_GAP)


def _path(chain: list[_Cell], centers: Mapping[_Cell, float]) -> str:
    """A curve from the bottom of the first cell to the top of the last, straight through lanes."""
    x, y = centers[chain[0]], _top(chain[0].row) + HEIGHT
    parts = [f"M{x:.1f} {y:.1f}"]
    for cell in chain[1:]:
        x, y = _curve(parts, x, y, centers[cell], _top(cell.row))
        if cell.lane:
            y += HEIGHT
            parts.append(f"V{y:.1f}")
    return "".join(parts)


def _curve(parts: list[str], x: float, y: float, end_x: float, end_y: float) -> Point:
    middle = (y + end_y) / 2
    parts.append(f"C{x:.1f} {middle:.1f} {end_x:.1f} {middle:.1f} {end_x:.1f} {end_y:.1f}")
    return end_x, end_y


def _middle(chain: list[_Cell], centers: Mapping[_Cell, float]) -> Point:
    """The middle of the last curve."""
    before, last = chain[-2:]
    x = (centers[before] + centers[last]) / 2
    return round(x, 1), round(_top(last.row) - ROW_GAP / 2, 1)
