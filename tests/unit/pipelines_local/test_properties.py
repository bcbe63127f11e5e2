"""Properties of expressions, YAML and masking for random input."""

from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines_local.evaluation import Evaluator
from pipelines_local.expressions.slots import SLOTS
from pipelines_local.run.logging_commands import parse_command
from pipelines_local.run.masker import Masker
from pipelines_local.yamltree import Mapping, Node, Scalar, Sequence, loads, to_data, to_yaml

WORDS = st.sampled_from(
    [
        "and(",
        "or(",
        "not(",
        "eq(",
        "format(",
        "join(",
        "split(",
        "iif(",
        "succeeded(",
        ")",
        ")",
        ",",
        ",",
        "[",
        "]",
        ".",
        "*",
        "'a'",
        "''",
        "1",
        "-1",
        "1.2.3",
        "true",
        "variables",
        "parameters",
        "dependencies",
        ".x",
        "['x']",
        "{0}",
        "$",
        "&&",
        "==",
    ]
)
# What a YAML file can hold: no control characters but line ends, no lone surrogates.
TEXT = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], include_characters="\n\t"), max_size=30
)
HERE = Path("x.yml")


@settings(max_examples=500, deadline=None)
@given(st.lists(WORDS, max_size=12).map("".join) | st.text(max_size=20), st.sampled_from([*SLOTS]))
def test_every_expression_gets_a_response(expression: str, slot: str) -> None:
    context = {"variables": {"x": "1"}, "parameters": {"x": [1, {"a": 2}]}}
    answer = Evaluator().evaluate({"expression": expression, "slot": slot, "context": context})
    if "error" in answer:
        assert answer["error"]["phase"] in ("parse", "eval")
        assert 1 <= answer["error"]["at"] <= len(expression) + 1
    else:
        assert set(answer) == {"value", "text"}


def node(data: Any) -> Node:
    at = (HERE, 1, 1)
    if isinstance(data, dict):
        return Mapping(tuple((Scalar(k, at, True), node(v)) for k, v in data.items()), at)  # type: ignore[arg-type]
    if isinstance(data, list):
        return Sequence(tuple(map(node, data)), at)  # type: ignore[arg-type]
    return Scalar(data, at, quoted=True)  # type: ignore[arg-type]


@settings(max_examples=200, deadline=None)
@given(st.recursive(TEXT, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12))  # fmt: skip
@example("a\n  b \n c\n")
@example("yes")
@example("# no comment: x")
@example("  leading\ntrailing  \n\n")
@example({"": [], "a": {}})
def test_an_expanded_document_is_read_back_unchanged(data: Any) -> None:
    assert to_data(loads(to_yaml(node(data)), HERE)) == data


@given(
    st.lists(st.text("abc\n ", min_size=1, max_size=6), max_size=4), st.text("abc\n ", max_size=30)
)
def test_every_line_of_a_secret_is_masked(secrets: list[str], text: str) -> None:
    masker = Masker()
    for secret in secrets:
        masker.add(secret)
    left = masker.mask(text)
    for secret in secrets:
        assert not secret.strip() or secret not in left


@given(st.text("#vso[tak.e ];=%0AB variable", max_size=40))
def test_every_line_is_a_command_or_none(line: str) -> None:
    parsed = parse_command("##vso[" + line)
    assert parsed is None or "." in parsed.name
