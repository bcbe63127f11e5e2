"""No text of the project uses a phrase that the glossary bans (banned_phrases.toml).

Checked: the help of all commands, docstrings, string literals and comments of the sources, names,
the docs, notebooks, page templates and configuration files.
"""

from __future__ import annotations

import ast
import importlib
import io
import json
import re
import tokenize
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest

ROOT = Path(__file__).parents[2]
DATA = tomllib.loads(Path(__file__).with_name("banned_phrases.toml").read_text(encoding="utf-8"))

REASON_CODE = "a reason code in the schema of record.json"
ALLOWED = {
    ("CHANGELOG.md", "zygote"): "the name of a package that was replaced",
    ("CONTRIBUTING.md", "verb"): "the part of speech",
    ("src/nbrelease/records/criterion.py", "found"): "the name of a field in schema 1.0",
    ("src/nbrelease/records/results.py", "found"): "the name of a field in schema 1.0",
    ("src/nbrelease/records/release.py", "gave traffic back"): REASON_CODE,
    ("src/nbrelease/records/verdict.py", "gave traffic back"): REASON_CODE,
}
"""(path, phrase) to the reason why the phrase is right there."""

TEXT_FILES = (
    "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/**/*.md", "packages/*/README.md",
    "src/**/*.md", "src/**/*.j2", "packages/*/src/**/*.j2", "packages/*/src/**/*.html",
    "settings.ini", "runbooks/*.yml", "runbooks/assets/*.yml", "conda/*.yml", ".ado/**/*.yml",
    "Makefile", "src/**/Makefile", "src/nbrelease/template/**/*.yml", "src/nbrelease/template/**/*.ini",
    "lab/src/*.ts", "packages/azureml-local/src/azureml_local/az/commands.txt", "mkdocs.yml",
    "pyproject.toml", "packages/*/pyproject.toml",
)  # fmt: skip
NOTEBOOKS = ("notebooks/*.ipynb", "runbooks/*.ipynb", "src/nbrelease/template/**/*.ipynb")
PROGRAMS = {
    "nbrelease": "nbrelease.cli",
    "azureml-local": "azureml_local.cli",
    "pipelines-local": "pipelines_local.cli",
}


class Text(NamedTuple):
    """A text of the project, and the line it begins at."""

    path: str
    line: int
    text: str


def _pattern(phrase: str) -> str:
    """A phrase as a regular expression: whole words, any white space between them."""
    words = [r"(?:[^\s.,;:!?]+\s+){0,5}?" if w == "*" else re.escape(w) for w in phrase.split()]
    text = r"\s+".join(words).replace(r"{0,5}?\s+", "{0,5}?")
    return text + (r"(?![\w-])" if phrase[-1].isalnum() else "")


def _alternatives(phrases: Iterable[str]) -> str:
    return "|".join(f"({_pattern(phrase)})" for phrase in phrases)


PHRASES = {phrase: group["say"] for group in DATA["phrases"] for phrase in group["ban"]}
WORDS = [phrase for phrase in PHRASES if phrase[0].isalnum()]
MARKS = [phrase for phrase in PHRASES if not phrase[0].isalnum()]
NAMES = set(DATA["names"]["ban"])
# One look at what is before a word, not one for each phrase.
BANNED = re.compile(rf"(?<![\w-])(?:{_alternatives(WORDS)})|{_alternatives(MARKS)}", re.IGNORECASE)


def find_banned(texts: Iterator[Text]) -> list[str]:
    """One line for each banned phrase: place, phrase, and what to say instead."""
    matches = []
    phrases = [*WORDS, *MARKS]
    for path, line, text in texts:
        for match in BANNED.finditer(text):
            phrase = phrases[(match.lastindex or 1) - 1]
            if (path, phrase) not in ALLOWED:
                at = line + text.count("\n", 0, match.start())
                shown = " ".join(match[0].split())
                matches.append(f"{path}:{at}: '{shown}'; say: {PHRASES[phrase]}")
    return matches


def list_files(*patterns: str) -> Iterator[Path]:
    paths = sorted({path for pattern in patterns for path in ROOT.glob(pattern)})
    for path in paths:
        if path.is_file():
            yield path


def read_texts(*patterns: str) -> Iterator[Text]:
    for path in list_files(*patterns):
        yield Text(path.relative_to(ROOT).as_posix(), 1, path.read_text(encoding="utf-8"))


def read_notebooks() -> Iterator[Text]:
    """Markdown cells, and the strings and comments of code cells."""
    for path in list_files(*NOTEBOOKS):
        name = path.relative_to(ROOT).as_posix()
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            yield Text(f"{name}:{cell.get('id', '')}", 1, "".join(cell["source"]))


def read_sources() -> Iterator[Text]:
    """Docstrings, string literals and comments."""
    for path in list_files("src/**/*.py", "packages/*/src/**/*.py"):
        name, source = path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield Text(name, node.lineno, node.value)
        yield from _read_comments(name, source)


def read_tests() -> Iterator[Text]:
    """Docstrings, comments and names of tests; their data may have any text."""
    for path in list_files("tests/**/*.py", "benchmarks/**/*.py"):
        name = path.relative_to(ROOT).as_posix()
        if name.startswith(("tests/conformance/test_configs", "tests/exported")):
            continue
        source = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)):
            match node:
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                    text = f"{node.name.replace('_', ' ')}\n{ast.get_docstring(node) or ''}"
                    yield Text(name, node.lineno, text)
                case ast.Module():
                    yield Text(name, 1, ast.get_docstring(node) or "")
        yield from _read_comments(name, source)


def _read_comments(name: str, source: str) -> Iterator[Text]:
    """Each comment; that of several lines is one text."""
    comments = [
        (token.start[0], token.string.lstrip("# "))
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    ]
    block: list[str] = []
    for index, (line, comment) in enumerate(comments):
        block.append(comment)
        if index + 1 == len(comments) or comments[index + 1][0] != line + 1:
            yield Text(name, line - len(block) + 1, "\n".join(block))
            block = []


def read_help(name: str, command: click.Command, parent: click.Context | None) -> Iterator[Text]:
    """The help of a command and its subcommands."""
    context = click.Context(command, info_name=name, parent=parent, **command.context_settings)
    yield Text(context.command_path, 1, command.get_help(context))
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            child = command.get_command(context, each)
            assert child is not None
            yield from read_help(each, child, context)


@pytest.mark.parametrize("program", PROGRAMS)
def test_help(program):
    group = importlib.import_module(PROGRAMS[program]).group
    assert find_banned(read_help(program, group, None)) == []


def test_docs_templates_and_configuration():
    assert find_banned(read_texts(*TEXT_FILES)) == []


def test_notebooks():
    assert find_banned(read_notebooks()) == []


def test_strings_and_comments():
    assert find_banned(read_sources()) == []


def test_tests_and_benchmarks():
    assert find_banned(read_tests()) == []


def _list_names(tree: ast.AST) -> Iterator[str]:
    """The names of functions, classes, arguments, variables and fields that a module defines."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.arg():
                yield node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.id


def test_names():
    banned = []
    for path in list_files("src/**/*.py", "packages/*/src/**/*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = [*_list_names(tree), *path.stem.split("_")]
        relative = path.relative_to(ROOT).as_posix()
        banned += [
            f"{relative}: {name}"
            for name in names
            if name.strip("_").lower() in NAMES and (relative, name) not in ALLOWED
        ]
    assert banned == []


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("Hold executed notebooks against the outputs", "hold * against"),
        ("what\n    became   of the stages", "what became of"),
        ("Nobody was asked.", "nobody was asked"),
        ("no section «dev»", "«"),
    ],
)
def test_a_banned_phrase_is_found(text, phrase):
    [line, *_] = find_banned(iter([Text("x.md", 3, text)]))
    assert line.startswith("x.md:")
    assert line.endswith(f"say: {PHRASES[phrase]}")


@pytest.mark.parametrize("text", ["household against", "a bandwidth", "mending", "a notebook"])
def test_parts_of_words_are_not_matched(text):
    assert find_banned(iter([Text("x.md", 1, text)])) == []
