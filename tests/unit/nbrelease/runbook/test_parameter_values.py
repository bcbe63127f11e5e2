"""The sources of parameter values and their order."""

from __future__ import annotations

import nbformat
import pytest

from nbrelease.errors import UsageError
from nbrelease.notebook import read
from nbrelease.runbook.parameter_values import resolve


@pytest.fixture
def runbook(tmp_path):
    source = 'model_name: str = "m"\ncount: int = 1\nwhole: bool = False\nlimit: float = 0.5'
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]})
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "r.ipynb")
    return read(tmp_path / "r.ipynb")


def test_sources_in_order_of_precedence(runbook):
    values = resolve(
        runbook,
        arguments={"count": "4"},
        published={"count": 3, "limit": 1, "unknown": 5},
        identity={"limit": 9.5, "whole": True},
        settings={"whole": "no", "count": 2},
    )
    assert values == {"count": 4, "limit": 1.0, "whole": True}
    assert type(values["limit"]) is float


def test_a_value_published_as_none_keeps_the_default(runbook, tmp_path):
    values = resolve(runbook, arguments={}, published={"count": None}, identity={}, settings={})
    assert values == {}
    source = "count: int | None = 1"
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]})
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "s.ipynb")
    optional = read(tmp_path / "s.ipynb")
    values = resolve(optional, arguments={}, published={"count": None}, identity={}, settings={})
    assert values == {"count": None}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"cuont": "1"}, ["cuont", "count?"]),
        ({"zzz": "1"}, ["zzz", "model_name, count, whole, limit"]),
        ({"count": "many"}, ["count", "'many'", "int"]),
        ({"whole": "perhaps"}, ["whole", "'perhaps'", "bool"]),
    ],
)
def test_unknown_names_and_wrong_types_are_rejected(runbook, arguments, named):
    with pytest.raises(UsageError) as caught:
        resolve(runbook, arguments=arguments, published={}, identity={}, settings={})
    assert [each for each in named if each not in str(caught.value)] == []
    assert str(runbook.path) in str(caught.value)
    assert "\n" not in str(caught.value)
