"""Generate the module of a notebook: imports, definitions, ``main()`` and a command line."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Collection, Iterable
from functools import lru_cache

from nbrelease.export import blocks, command_line, imports
from nbrelease.export.blocks import Block
from nbrelease.export.layout import Layout
from nbrelease.export.module_names import defined_names, function_names
from nbrelease.export.source import CodeCell, Role, Source
from nbrelease.notebook import Parameter

# Characters that Python rejects in a file, or that are invisible.
CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
MAIN = "main"
COMMAND_LINE = "command line"


def render(source: Source, layout: Layout, shared: Collection[str] = ()) -> list[Block]:
    """The blocks of a notebook's module.

    Args:
        source: the notebook, without errors.
        layout: the project's folders.
        shared: the names of the project's shared modules.
    """
    module = [Block("", blocks.generated_lines(_top(source, layout, shared)))]
    for cell in source.cells_with(Role.EXPORT):
        lines = blocks.cell_lines(cell, blocks.omitted_lines(cell))
        if lines and not _has_only_imports(cell):
            module.append(Block(key(source, cell), lines, cell))
    if not source.runnable:
        return module
    module.append(Block(MAIN, blocks.generated_lines(_signature(source, layout.width))))
    for cell in source.cells_with(Role.MAIN):
        lines = blocks.cell_lines(cell, blocks.omitted_lines(cell), indented=True)
        if lines and not _has_only_imports(cell):
            module.append(Block(key(source, cell), lines, cell, indented=True))
    if not any(block.indented and _has_statements(block) for block in module):
        module.append(Block("end of main", blocks.generated_lines("    return"), indented=True))
    text = command_line.render(source.parameters, layout.width)
    module.append(Block(COMMAND_LINE, blocks.generated_lines(text)))
    return module


def _has_statements(block: Block) -> bool:
    return block.cell is not None and len(block.cell.tree.body) > len(block.cell.imports)


def _has_only_imports(cell: CodeCell) -> bool:
    """Whether nothing but comments is left of a cell without its imports."""
    return bool(cell.imports) and len(cell.tree.body) == len(cell.imports)


def key(source: Source, cell: CodeCell) -> str:
    """The heading of a cell's block."""
    return f"{source.path} #{cell.cell.id}"


def _top(source: Source, layout: Layout, shared: Collection[str]) -> str:
    parts = [
        _docstring(source, layout.width),
        _imports(source, layout, shared),
        _all(source, layout.width),
    ]
    return "\n\n".join(part for part in parts if part)


def _imports(source: Source, layout: Layout, shared: Collection[str]) -> str:
    cells = source.cells_with(Role.EXPORT, Role.MAIN)
    used = _names_read(cells)
    import_cells = list(cells)
    if source.runnable:
        import_cells += source.cells_with(Role.PARAMETERS)
        used |= _signature_names(source)
    used_elsewhere = _names_read(source.cells_with(Role.NONE, Role.TEST, Role.PARAMETERS))
    available = (each for cell in import_cells for each in imports.imports_of(cell))
    required = imports.select_required(available, used, used_elsewhere)
    if source.runnable:
        required += command_line.imports(source.parameters)
    return imports.render(required, layout, shared)


def _names_read(cells: Iterable[CodeCell]) -> set[str]:
    return {name for cell in cells for name in cell.names.immediate | cell.names.deferred}


def _signature_names(source: Source) -> set[str]:
    """The names in the annotations and defaults of the parameters."""
    return {
        name
        for parameter in source.parameters
        for text in (parameter.annotation, parameter.default)
        for name in re.findall(r"[A-Za-z_]\w*", text)
    }


@lru_cache(maxsize=4)
def public_names(source: Source) -> tuple[str, ...]:
    """The names for ``__all__``, in isort's order."""
    names: frozenset[str] = frozenset()
    private: set[str] = set()
    for cell in source.cells_with(Role.EXPORT):
        defined = frozenset(defined_names(cell.tree.body, names))
        private = (private | (defined - names)) if cell.private else private - cell.names.bound
        names = defined
    public = {name for name in names - private if not name.startswith("_")}
    if source.runnable:
        public.add("main")
    return tuple(
        sorted(public, key=lambda name: (imports.type_order(name), imports.natural_key(name)))
    )


@lru_cache(maxsize=4)
def functions(source: Source) -> tuple[str, ...]:
    """The public functions in order, ``main`` last; each needs a test."""
    public = set(public_names(source))
    names = [
        name
        for cell in source.cells_with(Role.EXPORT)
        for name in function_names(cell.tree.body)
        if name in public
    ]
    return tuple(dict.fromkeys([*names, "main"] if source.runnable else names))


def _all(source: Source, width: int) -> str:
    items = [command_line.quote(name) for name in public_names(source)]
    line = f"__all__ = [{', '.join(items)}]"
    if len(line) <= width:
        return line
    return "__all__ = [\n" + "".join(f"    {item},\n" for item in items) + "]"


def _docstring(source: Source, width: int) -> str:
    """The first markdown cell as text, and the notebook that the module comes from."""
    origin = (
        f"Written from {source.path} by nbrelease export; "
        "edit that, or this and run nbrelease sync."
    )
    if len(origin) > width:
        origin = textwrap.fill(origin, width, break_long_words=False, break_on_hyphens=False)
    first = next((cell for cell in source.notebook.cells if cell.kind == "markdown"), None)
    text = CONTROL_CHARACTERS.sub("", first.source).strip() if first is not None else ""
    head, _, rest = text.partition("\n")
    title = " ".join(head.lstrip("# ").split())
    if not title:
        title = f"The module of {source.path}"
    if not title.endswith((".", "?", "!")):
        title += "."
    paragraphs = _paragraphs(rest, width)
    if len(title) > width - len('r"""'):
        # Linters require a short first line; the whole title follows.
        paragraphs[:0] = _paragraphs(title, width)
        title = textwrap.shorten(title, width - len('r"""'), placeholder=" ….")
    body = "\n\n".join([title, *paragraphs, origin]).replace('"""', "'''")
    raw = "r" if "\\" in body else ""
    too_long = any(_too_long(line, width) for line in body.split("\n"))
    noqa = "  # noqa: E501" if too_long else ""
    return f'{raw}"""{body}\n"""{noqa}'


def _too_long(line: str, width: int) -> bool:
    """Whether ruff reports a line: not one without spaces, or one that ends with a URL."""
    last = line.rpartition(" ")[2]
    ends_with_url = "://" in last and len(line) - len(last) <= width
    return len(line) > width and " " in line.strip() and not ends_with_url


def _paragraphs(text: str, width: int) -> list[str]:
    """Markdown as plain text: wraps paragraphs and lists, keeps tables and code."""
    paragraphs = []
    for part in re.split(r"\n\s*\n", text.strip("\n")):
        if re.search(r"^(?:[>|]|```|~~~| {4}|\t)", part, re.MULTILINE):
            paragraphs.append("\n".join(line.rstrip().expandtabs(4) for line in part.split("\n")))
        elif re.search(r"^ *(?:[-*+#]|\d+\.) ", part, re.MULTILINE):
            paragraphs.append(
                "\n".join(_list_item(line.rstrip(), width) for line in part.split("\n"))
            )
        elif part.strip():
            paragraphs.append(_wrap(" ".join(part.split()), width))
    return paragraphs


def _list_item(line: str, width: int) -> str:
    """A line of a list, wrapped with a hanging indent."""
    bullet = re.match(r"\s*(?:[-*+#]+ |\d+\. )?", line)
    indent = " " * len(bullet[0] if bullet else "")
    return _wrap(line, width, indent) if len(line) > width else line


def _wrap(text: str, width: int, indent: str = "") -> str:
    return textwrap.fill(
        text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _signature(source: Source, width: int) -> str:
    lines = ["def main("]
    if source.parameters:
        lines.append("    *,")
    for parameter in source.parameters:
        # All calls would share a list or dictionary as a default.
        mutable = isinstance(parameter.value, list | dict)
        default = "" if mutable else f" = {command_line.format_default(parameter)}"
        prefix = f"    {parameter.name}: "
        lines += command_line.wrap_value(prefix, _annotation(parameter), f"{default},", width)
    if not source.parameters:
        lines = ["def main() -> None:"]
    else:
        lines.append(") -> None:")
    lines.append('    """Run the cells tagged main, in the notebook\'s order.')
    if source.parameters:
        lines += ["", "    Args:"]
        for parameter in source.parameters:
            lines += _argument_docs(parameter, width)
        lines.append('    """')
    else:
        lines[-1] += '"""'
    return "\n".join(lines)


def _annotation(parameter: Parameter) -> str:
    """The annotation as written; one on several lines is joined."""
    text = parameter.annotation
    if "\n" not in text:
        return text
    return command_line.format_annotation(ast.parse(f"({text})", mode="eval").body)


def _argument_docs(parameter: Parameter, width: int) -> list[str]:
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
