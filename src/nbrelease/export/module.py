"""The written module: imports, definitions, ``main(...)`` with the parameters, a command line."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Collection, Iterable

from nbrelease.export import blocks, commandline, imports
from nbrelease.export.blocks import Block
from nbrelease.export.source import CodeCell, Role, Source
from nbrelease.notebook import Parameter

# What Python does not take in a file, or nobody sees in one.
UNPRINTED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
MAIN = "main"
COMMAND_LINE = "command line"


def render(source: Source, width: int, own: Collection[str] = ()) -> list[Block]:
    """The blocks of a notebook's module.

    Args:
        source: the notebook, with no error found in it.
        width: the longest line, for what is not copied from cells.
        own: the modules that other notebooks of the project are exported to.
    """
    found = [Block("", blocks.written(_top(source, width, own)))]
    for cell in source.of(Role.EXPORT):
        lines = blocks.of_cell(cell, blocks.dropped_lines(cell))
        if lines and (cell.tree.body or not cell.imports) and _says_something(cell, lines):
            found.append(Block(key(source, cell), lines, cell))
    if not source.runnable:
        return found
    found.append(Block(MAIN, blocks.written(_signature(source, width))))
    for cell in source.of(Role.MAIN):
        lines = blocks.of_cell(cell, blocks.dropped_lines(cell), inside=True)
        if lines and _says_something(cell, lines):
            found.append(Block(key(source, cell), lines, cell, inside=True))
    if not any(block.inside and _runs(block) for block in found):
        found.append(Block("end of main", blocks.written("    return"), inside=True))
    text = commandline.render(source.parameters, width)
    found.append(Block(COMMAND_LINE, blocks.written(text)))
    return found


def _runs(block: Block) -> bool:
    return block.cell is not None and len(block.cell.tree.body) > len(block.cell.imports)


def _says_something(cell: CodeCell, lines: Iterable[blocks.Line]) -> bool:
    """Whether more than the comments between gathered imports is left."""
    return len(cell.tree.body) > len(cell.imports) or not cell.imports


def key(source: Source, cell: CodeCell) -> str:
    """What the heading of a cell's block says."""
    return f"{source.path} #{cell.cell.id}"


def _top(source: Source, width: int, own: Collection[str]) -> str:
    parts = [_docstring(source, width), _imports(source, width, own), _all(source, width)]
    return "\n\n".join(part for part in parts if part)


def _imports(source: Source, width: int, own: Collection[str]) -> str:
    cells = source.of(Role.EXPORT, Role.MAIN)
    used = {name for cell in cells for name in cell.names.now | cell.names.later}
    gathered = list(cells)
    if source.runnable:
        gathered += source.of(Role.PARAMETERS)
        used |= _signature_names(source)
    others = source.of(Role.NONE, Role.TEST, Role.PARAMETERS)
    elsewhere = {name for cell in others for name in cell.names.now | cell.names.later}
    found = imports.needed(
        (each for cell in gathered for each in imports.of(cell)), used, elsewhere
    )
    if source.runnable:
        found += commandline.imports(source.parameters)
    return imports.render(found, width, own)


def _signature_names(source: Source) -> set[str]:
    """The names that the annotations and defaults of the parameters use."""
    found = set()
    for parameter in source.parameters:
        for text in (parameter.annotation, parameter.default):
            found |= set(re.findall(r"[A-Za-z_]\w*", text))
    return found


def public(source: Source) -> list[str]:
    """The names for ``__all__``, sorted as isort sorts them."""
    found = {
        name
        for cell in source.of(Role.EXPORT)
        if not cell.private
        for name in _top_level(cell.tree)
        if not name.startswith("_")
    }
    if source.runnable:
        found.add("main")
    return sorted(found, key=lambda name: (imports.kind(name), imports.natural(name)))


def functions(source: Source) -> list[str]:
    """The public functions, in the notebook's order, ``main`` last; each wants a test."""
    found = [
        node.name
        for cell in source.of(Role.EXPORT)
        if not cell.private
        for node in cell.tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.name.startswith("_")
    ]
    return list(dict.fromkeys([*found, "main"] if source.runnable else found))


def _top_level(tree: ast.Module) -> Iterable[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                yield from (
                    each.id
                    for each in ast.walk(target)
                    if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
                )
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def _all(source: Source, width: int) -> str:
    items = [commandline.quoted(name) for name in public(source)]
    line = f"__all__ = [{', '.join(items)}]"
    if len(line) <= width:
        return line
    return "__all__ = [\n" + "".join(f"    {item},\n" for item in items) + "]"


def _docstring(source: Source, width: int) -> str:
    """The first markdown cell as text, and where the module comes from."""
    origin = (
        f"Written from {source.path} by nbrelease export; "
        "edit that, or this and run nbrelease sync."
    )
    if len(origin) > width:
        origin = textwrap.fill(origin, width, break_long_words=False, break_on_hyphens=False)
    first = next((cell for cell in source.notebook.cells if cell.kind == "markdown"), None)
    text = UNPRINTED.sub("", first.source).strip() if first is not None else ""
    head, _, rest = text.partition("\n")
    title = " ".join(head.lstrip("# ").split())
    if not title:
        title = f"The module of {source.path}"
    if not title.endswith((".", "?", "!")):
        title += "."
    paragraphs = _paragraphs(rest, width)
    if len(title) > width - len('r"""'):
        # Tools want a first line of its own; the whole of it follows.
        paragraphs[:0] = _paragraphs(title, width)
        title = textwrap.shorten(title, width - len('r"""'), placeholder=" ….")
    body = "\n\n".join([title, *paragraphs, origin]).replace('"""', "'''")
    raw = "r" if "\\" in body else ""
    behind = "  # noqa: E501" if any(_too_long(line, width) for line in body.split("\n")) else ""
    return f'{raw}"""{body}\n"""{behind}'


def _too_long(line: str, width: int) -> bool:
    """Whether ruff would say so: it lets pass a line of one word, or that ends with an address."""
    last = line.rpartition(" ")[2]
    address = "://" in last and len(line) - len(last) <= width
    return len(line) > width and " " in line.strip() and not address


def _paragraphs(text: str, width: int) -> list[str]:
    """Markdown as plain text: paragraphs and lists are filled, tables and code stay as they are."""
    found = []
    for part in re.split(r"\n\s*\n", text.strip("\n")):
        if re.search(r"^(?:[>|]|```|~~~| {4}|\t)", part, re.MULTILINE):
            found.append("\n".join(line.rstrip().expandtabs(4) for line in part.split("\n")))
        elif re.search(r"^ *(?:[-*+#]|\d+\.) ", part, re.MULTILINE):
            found.append("\n".join(_item(line.rstrip(), width) for line in part.split("\n")))
        elif part.strip():
            found.append(_filled(" ".join(part.split()), width))
    return found


def _item(line: str, width: int) -> str:
    """A line of a list; what does not fit hangs below it."""
    mark = re.match(r"\s*(?:[-*+#]+ |\d+\. )?", line)
    hang = " " * len(mark[0] if mark else "")
    return _filled(line, width, hang) if len(line) > width else line


def _filled(text: str, width: int, hang: str = "") -> str:
    return textwrap.fill(
        text, width, subsequent_indent=hang, break_long_words=False, break_on_hyphens=False
    )


def _signature(source: Source, width: int) -> str:
    lines = ["def main("]
    if source.parameters:
        lines.append("    *,")
    for parameter in source.parameters:
        # A list as a default would be shared by all calls.
        shared = isinstance(parameter.value, list | dict)
        value = "" if shared else f" = {commandline.default(parameter)}"
        before = f"    {parameter.name}: "
        lines += commandline.fitted(before, _annotation(parameter), f"{value},", width)
    if not source.parameters:
        lines = ["def main() -> None:"]
    else:
        lines.append(") -> None:")
    lines.append('    """Run the cells tagged main, in the notebook\'s order.')
    if source.parameters:
        lines += ["", "    Args:"]
        for parameter in source.parameters:
            lines += _argument(parameter, width)
        lines.append('    """')
    else:
        lines[-1] += '"""'
    return "\n".join(lines)


def _annotation(parameter: Parameter) -> str:
    """As written; one over several lines is brought into one, and broken again where needed."""
    text = parameter.annotation
    if "\n" not in text:
        return text
    return commandline.annotation(ast.parse(f"({text})", mode="eval").body)


def _argument(parameter: Parameter, width: int) -> list[str]:
    text = parameter.help or " ".join(parameter.annotation.split())
    text = text.replace("\\", "/").replace('"""', "'''").rstrip(".")
    return textwrap.wrap(
        f"{parameter.name}: {text}.",
        width,
        initial_indent=" " * 8,
        subsequent_indent=" " * 12,
        break_long_words=False,
        break_on_hyphens=False,
    )
