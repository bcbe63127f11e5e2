"""The state file is JSON with one line for each line of a block."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from nbrelease.export.export_state import ExportState, load

blocks = st.dictionaries(st.text(), st.text(), max_size=4)
names = st.lists(st.text(), max_size=4)


@given(st.builds(ExportState, st.text(), blocks, blocks, names, names, blocks))
def test_the_file_is_json_with_an_indent_of_1(state):
    text = state.dumps()
    assert text == json.dumps(json.loads(text), indent=1, ensure_ascii=False) + "\n"


def test_a_state_is_read_as_it_was_written(tmp_path):
    state = ExportState("a.ipynb", {"x": "1\n2"}, {"é": ""}, ["f"], [], {"m": "00"})
    file = tmp_path / "state.json"
    file.write_text(state.dumps(), encoding="utf-8")
    assert load(file) == state
