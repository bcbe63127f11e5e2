"""Each save of a notebook is masked, also if its texts were in an earlier save."""

from __future__ import annotations

from nbrelease.runbook.masking import NotebookMasker
from nbrelease.secrets import Known

TOKEN = "ghp_" + "a1B2c3D4e5" * 3 + "f6G7h8"
VALUE = "correct-horse-battery-99"


def notebook(*texts: str) -> dict:
    outputs = [{"output_type": "stream", "name": "stdout", "text": [text]} for text in texts[:1]]
    outputs += [{"output_type": "display_data", "data": {"text/plain": t}} for t in texts[1:]]
    cell = {"id": "a", "cell_type": "code", "source": "1", "metadata": {}, "outputs": outputs}
    return {"cells": [cell], "metadata": {}}


def test_a_secret_in_a_later_save_is_masked():
    masker = NotebookMasker(Known(), "notebooks/a.ipynb")
    assert masker.mask_notebook(notebook("plain")) == notebook("plain")
    for _ in range(2):
        assert TOKEN not in str(masker.mask_notebook(notebook("plain", TOKEN)))
    assert [(each.cell, each.part, each.times) for each in masker.masked] == [("a", "output", 1)]
    assert masker.mask_notebook(notebook("plain")) == notebook("plain")


def test_a_new_secret_is_masked_in_a_text_of_an_earlier_save():
    known = Known()
    masker = NotebookMasker(known, "notebooks/a.ipynb")
    assert VALUE in str(masker.mask_notebook(notebook("plain", VALUE)))
    known.add(VALUE, "a key that the SDK returned")
    assert VALUE not in str(masker.mask_notebook(notebook("plain", VALUE)))
