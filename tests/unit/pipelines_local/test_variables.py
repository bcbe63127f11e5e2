"""Expansion of variables and masking of secrets, as the agent does both."""

import json
from urllib.parse import quote

import pytest

from pipelines_local.run.masker import Masker
from pipelines_local.run.variables import Variables


def expand(text: str, **values: str) -> str:
    variables = Variables(Masker())
    for name, value in values.items():
        variables.set(name, value)
    return variables.expand(text)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"a": "x"}, "x"),
        ({"a": "1$(b)", "b": "2$(c)", "c": "3"}, "123"),
        ({"a": "$(a)"}, "$(a)"),
        ({"a": "x$(A)"}, "x$(A)"),
        ({"a": "1$(b)", "b": "2$(a)"}, "1$(b)"),
        ({"a": "1$(b)$(c)", "b": "$(b)", "c": "x"}, "1$(b)$(c)"),
        ({"a": "$(missing)"}, "$(missing)"),
    ],
)
def test_nested_variables(values: dict[str, str], expected: str) -> None:
    assert expand("$(a)", **values) == expected


def chain(length: int) -> dict[str, str]:
    names = [f"v{number}" for number in range(length)]
    return {"a": "$(v0)"} | {
        name: f"$(v{number + 1})" if number + 1 < length else "end"
        for number, name in enumerate(names)
    }


def test_the_depth_is_limited_to_50() -> None:
    assert expand("$(a)", **chain(49)) == "end"
    assert expand("$(a)", **chain(50)) == "$(v0)"


SECRET = 'seven "dwarfs"\\slash\ttab/äö%'


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        quote(SECRET, safe=""),
        SECRET.replace("\\s", "s"),
    ],
)
def test_a_secret_is_masked_in_all_forms_of_the_agent(form: str) -> None:
    masker = Masker()
    masker.add(SECRET)
    assert masker.mask(f"a {form} b") == "a *** b"


def test_the_example_of_the_agent() -> None:
    """SecretMaskerTests_Encoder_BackslashEscape of azure-pipelines-agent."""
    masker = Masker()
    masker.add("abc\\\\def\\'\\\"ghi\\t")
    assert masker.mask("abc\\def'\"ghi\t") == "***"


def test_overlapping_secrets_become_one_mask() -> None:
    masker = Masker()
    for secret in ("abcd", "cdef", "xyz"):
        masker.add(secret)
    assert masker.mask("abcdef-xyz-abc") == "***-***-abc"
