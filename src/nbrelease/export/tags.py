"""What a cell's tags and directives ask for: its role, and what is wrong with the asking.

A slip in a tag is the one mistake that a notebook never shows: the cell runs, and is missing from
the module. So words that mean nothing here are looked at twice, and words that contradict each
other are never decided by a rule that nobody remembers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nbrelease.export import diagnostic as rules
from nbrelease.export.source import ROLES, Role, Source
from nbrelease.notebook import Cell

WORDS = frozenset({*ROLES, "exports", "hide", "skip", "check"})
DIRECTIVES = WORDS | {"eval", "default_exp"}
# Words of nbdev and Quarto that change how a page looks: right in a notebook, nothing to us.
_OTHERS = """
code-fold code-summary code-line-numbers echo error fig-alt fig-cap fig-height fig- subcap fig-
width filter_stream hide_input hide_line hide_output hideall include label layout-ncol output
tbl-cap warning eval-false exec_doc skip_showdoc column slow cuda
"""
DIRECTIVES_OF_OTHERS = frozenset(_OTHERS.split())
KNOWN = DIRECTIVES | DIRECTIVES_OF_OTHERS
# Tags of other tools that are near to a word of ours and no slip.
TAGS_OF_OTHERS = frozenset({"injected-parameters", "skip-execution", "nbval-skip", "hide-cell"})
WORD = re.compile(r"^#\|\s*([\w-]+)", re.MULTILINE)
ALIKE = 0.8
"""How alike a tag has to be to one of ours to be taken for a slip; «domain» is no «main»."""
# Cells that are never run have no output, and their values reach nobody.
_NOT_WITH_SKIP = ("check", "parameters")


def roles(source: Source) -> Iterator[tuple[Cell, Role]]:
    """Each code cell with its role; tags and directives that make no sense are reported."""
    parameters: Cell | None = None
    module: Cell | None = None
    for cell in source.notebook.cells:
        if cell.kind != "code":
            if cell.tags:
                _without_code(source, cell)
            continue
        role = Role.NONE
        if cell.tags:
            role = _role(source, cell)
            _contradictions(source, cell)
            _slips(source, cell)
        if "#|" in cell.source:
            _directives(source, cell)
        if role is Role.PARAMETERS:
            if parameters is not None:
                _second_parameters(source, cell)
                role = Role.NONE
            parameters = cell
        if "default_exp" in cell.directives:
            module = _module(source, cell, module)
        yield cell, role


def _role(source: Source, cell: Cell) -> Role:
    asked = sorted(cell.tags & ROLES.keys())
    if len(asked) > 1:
        source.report(
            rules.CONFLICT,
            cell,
            1,
            f"the cell is tagged {' and '.join(asked)}",
            "keep one of them; split the cell if it does both",
        )
    return ROLES[asked[0]] if asked else Role.NONE


def _contradictions(source: Source, cell: Cell) -> None:
    for name in sorted(cell.torn):
        source.report(
            rules.CONFLICT, cell, 1, f"{name} is given two values", "keep one of the two lines"
        )
    if "skip" not in cell.tags:
        return
    if cell.directives.get("eval", "").lower() == "true":
        source.report(
            rules.CONFLICT, cell, 1, "the cell is tagged skip and eval: true", "keep one of them"
        )
    for other in _NOT_WITH_SKIP:
        if other in cell.tags:
            source.report(
                rules.CONFLICT,
                cell,
                1,
                f"the cell is tagged {other}, and skip or eval: false: it never runs",
                "keep one of them",
            )


def _second_parameters(source: Source, cell: Cell) -> None:
    source.report(
        rules.CONFLICT,
        cell,
        1,
        "a second cell is tagged parameters; papermill reads the first only",
        "move its lines to the first, or remove the tag",
    )


def _module(source: Source, cell: Cell, before: Cell | None) -> Cell:
    """Look at ``default_exp``: one name a notebook."""
    name = cell.directives["default_exp"]
    if before is not None and name and name != before.directives["default_exp"]:
        source.report(
            rules.CONFLICT,
            cell,
            _line(cell, "default_exp"),
            f"default_exp says {name} here and {before.directives['default_exp']} in cell "
            f"{before.id}",
            "keep one of them; a notebook is exported to one module",
        )
        return before
    return cell


def _directives(source: Source, cell: Cell) -> None:
    """Words that nobody knows, values that mean nothing, lines that stand too far down."""
    for match in WORD.finditer(cell.source):
        word = match[1]
        number = cell.source.count("\n", 0, match.start()) + 1
        if number in cell.lines:
            if word not in KNOWN:
                close = _nearest(word, DIRECTIVES, 0.6)
                mend = f"did you mean «#| {close}»?" if close else "remove the line"
                source.report(rules.DIRECTIVE, cell, number, f"no directive is called {word}", mend)
        elif word in DIRECTIVES:
            source.report(
                rules.DIRECTIVE,
                cell,
                number,
                f"«#| {word}» stands below code, where it means nothing",
                "move it to the top of the cell",
            )
    _values(source, cell)


def _values(source: Source, cell: Cell) -> None:
    value = cell.directives.get("eval")
    if value is not None and value.lower() not in ("true", "false"):
        source.report(
            rules.DIRECTIVE_VALUE,
            cell,
            _line(cell, "eval"),
            f"eval: {value or 'nothing'} is neither true nor false",
            "write «#| eval: false» for a cell that is never run",
        )
    for name in ("export", "exporti", "exports"):
        if value := cell.directives.get(name):
            source.report(
                rules.DIRECTIVE_VALUE,
                cell,
                _line(cell, name),
                f"{name} {value}: a notebook is exported to one module",
                f"move the cell to a notebook with «#| default_exp {value}»",
            )
    if cell.directives.get("default_exp") == "":
        source.report(
            rules.DIRECTIVE_VALUE,
            cell,
            _line(cell, "default_exp"),
            "default_exp names no module",
            "write «#| default_exp name»",
        )


def _line(cell: Cell, name: str) -> int:
    """The line of a directive; the first one for a tag."""
    for number, line in enumerate(cell.source.split("\n"), start=1):
        if number in cell.lines and re.match(rf"#\|\s*{re.escape(name)}\b", line):
            return number
    return 1


def _slips(source: Source, cell: Cell) -> None:
    for tag in sorted(cell.tags - KNOWN - TAGS_OF_OTHERS):
        if tag in cell.directives or re.match(r"(?:eval|default_exp|test|export)\s*[:\s]", tag):
            continue
        if close := _nearest(tag.lower(), WORDS, ALIKE):
            source.report(
                rules.TAG, cell, 1, f"the tag {tag} means nothing here", f"did you mean {close}?"
            )


def _without_code(source: Source, cell: Cell) -> None:
    if asked := sorted(cell.tags & (ROLES.keys() - {"test"})):
        source.report(
            rules.TAG,
            cell,
            1,
            f"the cell is tagged {asked[0]} and holds no code, but {cell.kind}",
            "make it a code cell, or remove the tag",
        )


def _nearest(word: str, words: frozenset[str], alike: float) -> str:
    import difflib

    close = [
        each for each in sorted(words) if difflib.SequenceMatcher(None, word, each).ratio() > alike
    ]
    return max(
        close, key=lambda each: difflib.SequenceMatcher(None, word, each).ratio(), default=""
    )
