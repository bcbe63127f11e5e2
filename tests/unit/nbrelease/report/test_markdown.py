"""Attached images are shown from the notebook; other images and links to files are not."""

from __future__ import annotations

import pytest

from nbrelease.report.markdown import render_markdown

PNG = "iVBORw0KGgoAAAANSUhEUg=="


@pytest.mark.parametrize(
    ("address", "attachments", "shown"),
    [
        ("attachment:p.png", {"p.png": {"image/png": PNG}}, f"data:image/png;base64,{PNG}"),
        ("attachment:a%20b.png", {"a b.png": {"image/png": [PNG[:8], PNG[8:]]}}, f"data:image/png;base64,{PNG}"),
        ("attachment:other.png", {"p.png": {"image/png": PNG}}, None),
        ("attachment:p.png", {"p.png": {"text/html": PNG}}, None),
        ("attachment:p.png", {"p.png": {"image/png": '" onerror="x'}}, None),
        ("https://example.org/p.png", {}, None),
        ("p.png", {"p.png": {"image/png": PNG}}, None),
    ],
)  # fmt: skip
def test_an_image_of_a_markdown_cell(address, attachments, shown):
    page = str(render_markdown(f"The plot: ![what it shows]({address})", attachments))
    assert (f'src="{shown}"' in page) == (shown is not None)
    assert ("<img" in page) == (shown is not None)
    assert "what it shows" in page
    assert "onerror" not in page
