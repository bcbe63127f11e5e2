"""The table of operations in the documentation matches the route table."""

from __future__ import annotations

from pathlib import Path

from azureml_local.server import operations_table


def test_the_table_of_operations_is_up_to_date():
    page = Path(__file__).parents[3] / "docs" / "azureml-local.md"
    assert page.read_text(encoding="utf-8").endswith(f"\n\n{operations_table()}\n")
