"""Where a parameter's value comes from."""

from __future__ import annotations

import nbformat
import pytest

from nbrelease.errors import UsageError
from nbrelease.notebook import read
from nbrelease.runbook.values import resolve


@pytest.fixture
def runbook(tmp_path):
    source = 'model_name: str = "m"\ncount: int = 1\nwhole: bool = False\nlimit: float = 0.5'
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]})
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "r.ipynb")
    return read(tmp_path / "r.ipynb")


def test_the_nearest_source_counts(runbook):
    found = resolve(
        runbook,
        given={"count": "4"},
        published={"count": 3, "limit": 1, "unknown": 5},
        identity={"limit": 9.5, "whole": True},
        settings={"whole": "no", "count": 2},
    )
    assert found == {"count": 4, "limit": 1.0, "whole": True}
    assert type(found["limit"]) is float


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"cuont": "1"}, "no parameter cuont; did you mean count?"),
        ({"zzz": "1"}, "no parameter zzz; it has model_name, count, whole, limit"),
        ({"count": "many"}, "count"),
        ({"whole": "perhaps"}, "whole"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(runbook, given, said):
    with pytest.raises(UsageError) as caught:
        resolve(runbook, given=given, published={}, identity={}, settings={})
    assert said in str(caught.value)
    assert str(runbook.path) in str(caught.value)
    assert "\n" not in str(caught.value)
