"""The role of a cell from its tags and directives, and checks of both.

A misspelled tag goes unnoticed in a notebook: the cell runs, but is missing from the module. So
unknown words that are similar to a tag are reported, and contradicting tags are errors.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from nbrelease.export import diagnostic as rules
from nbrelease.export.source import ROLES, Role, Source
from nbrelease.notebook import INJECTED, Cell

DIRECTIONS = ("higher", "lower")
DESCRIPTIONS = {
    "parameters": "Each assignment becomes an argument of `main()` and an option of the command "
    "line. papermill uses the same cell.",
    "export": "The code goes to the module; its public names are in `__all__`.",
    "exporti": "The code goes to the module, but its names are not in `__all__`.",
    "metric": "The code goes to the module; its public functions are metrics for `criteria.yml`.",
    "main": "The code goes to the body of `main()`, in the order of the notebook.",
    "test": "The cell becomes a test of the module.",
    "check": "The output of the cell is compared with the committed output.",
    "skip": "The cell never runs in a release.",
    "hide": "No effect here; nbdev omits the cell from its pages.",
    "eval": "`#| eval: false`: the cell never runs in a release.",
    "default_exp": "The name of the module; the default is the name of the file.",
}
"""What each tag or directive does, for editors."""
TAGS = frozenset({*ROLES, "exports", "hide", "skip", "check"})
DIRECTIVES = TAGS | {"eval", "default_exp"}
# Directives of nbdev and Quarto for the layout of a page.
_LAYOUT_DIRECTIVES = """
code-fold code-summary code-line-numbers echo error fig-alt fig-cap fig-height fig-subcap
fig-width filter_stream hide_input hide_line hide_output hideall include label layout-ncol output
tbl-cap warning eval-false exec_doc skip_showdoc column slow cuda
"""
KNOWN_DIRECTIVES = DIRECTIVES | frozenset(_LAYOUT_DIRECTIVES.split())
# Tags of other tools that are similar to ours.
OTHER_TAGS = frozenset({INJECTED, "skip-execution", "nbval-skip", "hide-cell"})
DIRECTIVE_LINE = re.compile(r"^#\|\s*([\w-]+)", re.MULTILINE)
WITH_VALUE = re.compile(r"(?:eval|default_exp|test|export|metric)\s*[:\s]")
TAG_SIMILARITY = 0.8
"""Minimum similarity of a misspelled tag: `domain` is not a misspelled `main`."""
# A cell that never runs has no outputs, and its values are never used.
_INVALID_WITH_SKIP = ("check", "parameters")


def roles(source: Source) -> Iterator[tuple[Cell, Role]]:
    """Yield each code cell with its role, and report invalid tags and directives."""
    parameters: Cell | None = None
    module: Cell | None = None
    for cell in source.notebook.cells:
        if cell.kind != "code":
            if cell.tags:
                _check_text_cell(source, cell)
            continue
        role = Role.NONE
        if cell.tags:
            role = _role_of(source, cell)
            _check_contradictions(source, cell)
            _check_spelling(source, cell)
        if "#|" in cell.source:
            _check_directives(source, cell)
        if role is Role.PARAMETERS:
            if parameters is not None:
                _report_second_parameters_cell(source, cell)
                role = Role.NONE
            parameters = cell
        if "default_exp" in cell.directives:
            module = _check_module_name(source, cell, module)
        yield cell, role


def _role_of(source: Source, cell: Cell) -> Role:
    role_tags = sorted(cell.tags & ROLES.keys())
    if len(role_tags) > 1:
        source.report(
            rules.CONFLICT,
            cell,
            1,
            f"the cell is tagged {' and '.join(role_tags)}",
            "keep one of the tags, or split the cell",
        )
    return ROLES[role_tags[0]] if role_tags else Role.NONE


def _check_contradictions(source: Source, cell: Cell) -> None:
    for name in sorted(cell.ambiguous):
        source.report(rules.CONFLICT, cell, 1, f"{name} has two values", "remove one of them")
    if "skip" not in cell.tags:
        return
    if cell.directives.get("eval", "").lower() == "true":
        source.report(
            rules.CONFLICT, cell, 1, "the cell is tagged skip and eval: true", "remove one of them"
        )
    for tag in _INVALID_WITH_SKIP:
        if tag in cell.tags:
            source.report(
                rules.CONFLICT,
                cell,
                1,
                f"the cell is tagged {tag}, but skip or eval: false prevents it from running",
                "remove one of them",
            )


def _report_second_parameters_cell(source: Source, cell: Cell) -> None:
    source.report(
        rules.CONFLICT,
        cell,
        1,
        "a second cell is tagged parameters; papermill reads only the first",
        "move its lines to the first one, or remove the tag",
    )


def _check_module_name(source: Source, cell: Cell, first: Cell | None) -> Cell:
    """Report a second ``default_exp`` with another name; return the cell of the first."""
    name = cell.directives["default_exp"]
    if first is not None and name and name != first.directives["default_exp"]:
        source.report(
            rules.CONFLICT,
            cell,
            _directive_line(cell, "default_exp"),
            f"default_exp is {name} here and {first.directives['default_exp']} in cell {first.id}",
            "remove one of them; a notebook is exported to one module",
        )
        return first
    return cell


def _check_directives(source: Source, cell: Cell) -> None:
    """Report unknown directives, invalid values, and directives below code."""
    for match in DIRECTIVE_LINE.finditer(cell.source):
        word = match[1]
        number = cell.source.count("\n", 0, match.start()) + 1
        if number in cell.directive_lines:
            if word not in KNOWN_DIRECTIVES:
                similar = difflib.get_close_matches(word, sorted(DIRECTIVES), n=1)
                fix = f"did you mean `#| {similar[0]}`?" if similar else "remove the line"
                source.report(rules.DIRECTIVE, cell, number, f"unknown directive {word}", fix)
        elif word in DIRECTIVES:
            source.report(
                rules.DIRECTIVE,
                cell,
                number,
                f"the directive `#| {word}` stands below code, where it has no effect",
                "move it to the top of the cell",
            )
    _check_values(source, cell)


def _check_values(source: Source, cell: Cell) -> None:
    value = cell.directives.get("eval")
    if value is not None and value.lower() not in ("true", "false"):
        source.report(
            rules.DIRECTIVE_VALUE,
            cell,
            _directive_line(cell, "eval"),
            f"eval: must be true or false (got {value or 'nothing'})",
            "write `#| eval: false` for a cell that must not run",
        )
    if (value := cell.directives.get("metric", "")) not in ("", *DIRECTIONS):
        source.report(
            rules.DIRECTIVE_VALUE,
            cell,
            _directive_line(cell, "metric"),
            f"metric: must be higher or lower, the better direction (got {value})",
            "write `#| metric lower` for a metric that is better when it is lower",
        )
    for name in ("export", "exporti", "exports"):
        if value := cell.directives.get(name):
            source.report(
                rules.DIRECTIVE_VALUE,
                cell,
                _directive_line(cell, name),
                f"{name}: must have no value (got {value}); a notebook is exported to one module",
                f"move the cell to a notebook with `#| default_exp {value}`",
            )
    if cell.directives.get("default_exp") == "":
        source.report(
            rules.DIRECTIVE_VALUE,
            cell,
            _directive_line(cell, "default_exp"),
            "default_exp: the name of the module is missing",
            "write `#| default_exp name`",
        )


def _directive_line(cell: Cell, name: str) -> int:
    """The line of a directive; 1 for a tag."""
    for number, line in enumerate(cell.source.split("\n"), start=1):
        if number in cell.directive_lines and re.match(rf"#\|\s*{re.escape(name)}\b", line):
            return number
    return 1


def _check_spelling(source: Source, cell: Cell) -> None:
    for tag in sorted(cell.tags - KNOWN_DIRECTIVES - OTHER_TAGS):
        if tag in cell.directives or WITH_VALUE.match(tag):
            continue
        similar = difflib.get_close_matches(tag.lower(), sorted(TAGS), 1, TAG_SIMILARITY)
        if similar:
            source.report(rules.TAG, cell, 1, f"unknown tag {tag}", f"did you mean {similar[0]}?")


def _check_text_cell(source: Source, cell: Cell) -> None:
    if role_tags := sorted(cell.tags & (ROLES.keys() - {"test"})):
        source.report(
            rules.TAG,
            cell,
            1,
            f"a {cell.kind} cell is tagged {role_tags[0]}; only code cells are exported",
            "change it to a code cell, or remove the tag",
        )
