"""The written tests: one for each ``test`` cell, a skipped stub for each function without one.

The file belongs to people. Only blocks headed ``# %% cell <id>`` are written again, and only while
they are as they were written; stubs are written once; everything else stays where it is.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

from nbrelease.errors import EditedByHand
from nbrelease.export import code, written
from nbrelease.export.module import defined
from nbrelease.notebook import Cell, Notebook

HEAD = "module under test"
STUB = "stub of "
BLOCK = re.compile(r"^# %% (?P<name>.+?)(?: \[(?P<digest>[0-9a-f]{16})\])?$")


@dataclass
class _Block:
    """A part of the file, from one ``# %%`` line to the next."""

    name: str
    digest: str
    body: str

    def text(self) -> str:
        mark = f" [{self.digest}]" if self.digest else ""
        head = f"# %% {self.name}{mark}\n" if self.name else ""
        return head + self.body


def render(notebook: Notebook, source: str, path: Path, module: str) -> str:
    """The test file's text, with what people wrote in the one that is there.

    Args:
        notebook: the notebook.
        source: its path from the project's folder.
        path: the test file.
        module: the way from the test file's folder to the module.

    Raises:
        NotebookError: a test cell is no plain Python.
        EditedByHand: a block of a test cell was edited.
    """
    blocks = _blocks(path) if path.is_file() else [_Block("", "", _docstring(source))]
    wanted = [_head(notebook, source, module)]
    wanted += [_test(cell, notebook, source) for cell in notebook.tagged("test")]
    names = {block.name for block in wanted}
    kept = []
    for block in blocks:
        if not block.digest:
            kept.append(block)
            continue
        edited = written.digest(block.body.rstrip()) != block.digest
        if block.name.startswith(STUB):
            # As it was written it is written again below, if the function is still untested;
            # a stub that somebody wrote out is theirs.
            kept += [_Block(block.name, "", block.body)] if edited else []
            continue
        if edited:
            raise EditedByHand(
                f"{path}: the block «{block.name}» was edited by hand; carry the edit over to "
                f"{source} and delete the block, or write your test below a heading of your own"
            )
        if block.name in names:
            kept.append(next(new for new in wanted if new.name == block.name))
    there = {block.name for block in kept}
    kept += [block for block in wanted if block.name not in there]
    # People's tests may cover a function; a stub is only for one that nobody mentions.
    mentioned = "\n".join(block.body for block in kept if block.name != HEAD)
    for name in _functions(notebook, source):
        if not re.search(rf"\b{name}\b", mentioned):
            kept.append(_stub(name, source))
    return "\n\n\n".join(block.text().strip("\n") for block in kept) + "\n"


def untested(notebook: Notebook) -> list[str]:
    """The public functions that no test cell mentions."""
    tests = "\n".join(cell.code for cell in notebook.tagged("test"))
    names = _functions(notebook, str(notebook.path))
    return [name for name in names if not re.search(rf"\b{name}\b", tests)]


def _functions(notebook: Notebook, source: str) -> list[str]:
    return [
        node.name
        for cell in notebook.tagged("export")
        for node in code.parse(cell, source).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.name.startswith("_")
    ]


def _blocks(path: Path) -> list[_Block]:
    found = [_Block("", "", "")]
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        match = BLOCK.match(line.rstrip("\n"))
        if match:
            found.append(_Block(match["name"], match["digest"] or "", ""))
        else:
            found[-1].body += line
    return [block for block in found if block.name or block.body.strip()]


def _docstring(source: str) -> str:
    return (
        f'"""Tests of what {source} exports.\n\n'
        "Blocks with a digest in their heading are written by nbrelease export from the notebook's\n"
        "test cells; everything else is yours and stays.\n"
        '"""\n\nfrom __future__ import annotations\n\nimport importlib.util\n'
        "from pathlib import Path\n\nimport pytest\n"
    )


def _sealed(name: str, body: str) -> _Block:
    return _Block(name, written.digest(body.rstrip()), body)


def _head(notebook: Notebook, source: str, module: str) -> _Block:
    """Loads the module, and gives its names to the tests."""
    trees = [(cell, code.parse(cell, source)) for cell in notebook.tagged("export")]
    imported = {
        alias.asname or alias.name.partition(".")[0]
        for _, tree in trees
        for node in code.imports(tree)
        for alias in node.names
    }
    names = imported | {name for _, tree in trees for name in defined(tree)}
    tests = "\n".join(cell.code for cell in notebook.tagged("test"))
    used = sorted(name for name in names if re.search(rf"\b{name}\b", tests))
    stem = Path(source).stem
    lines = [
        "_spec = importlib.util.spec_from_file_location(",
        f'    "exported_{stem}", Path(__file__).parent / "{module}"',
        ")",
        "assert _spec is not None and _spec.loader is not None",
        "main = importlib.util.module_from_spec(_spec)",
        "_spec.loader.exec_module(main)",
        *[f"{name} = main.{name}" for name in used],
    ]
    return _sealed(HEAD, "\n".join(lines))


def _test(cell: Cell, notebook: Notebook, source: str) -> _Block:
    code.parse(cell, source)
    name = re.sub(r"\W", "_", cell.id).strip("_")
    name = name if name.startswith("test_") else f"test_{name}"
    body = f"def {name}() -> None:\n{code.indented(cell.code.strip(chr(10)))}"
    return _sealed(f"cell {cell.id}", body)


def _stub(name: str, source: str) -> _Block:
    reason = f"not written yet: a test of {name}, here or in a test cell of {source}"
    body = f'@pytest.mark.skip(reason="{reason}")\ndef test_{name}() -> None: ...'
    return _sealed(f"{STUB}{name}", body)
