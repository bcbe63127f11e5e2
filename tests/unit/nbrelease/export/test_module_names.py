"""``__all__`` has the names that a module certainly has."""

from __future__ import annotations

import ast
import contextlib

import pytest
from project_builder import codes

from nbrelease.errors import SettingsError
from nbrelease.export.layout import load
from nbrelease.export.module_names import defined_names, function_names

TEST = ("b", "test", "assert double(1) == 2")


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("a = b = 1\n(c, [d, *e]) = x", "a b c d e"),
        ("a.b = 1\nc[d] = 2", ""),
        ("a: int\nb: int = 1", "b"),
        ("a = 1\nb = 2\ndel a", "b"),
        ("a = 1\ndel a\na = 2", "a"),
        ("if x:\n    a = 1\n    b = 1\nelse:\n    a = 2", "a"),
        ("if x:\n    a = 1\nelif y:\n    a = 2\nelse:\n    raise ValueError", "a"),
        ("if x:\n    a = 1", ""),
        ("a = 1\nif x:\n    del a", ""),
        ("for i in x:\n    a = 1", ""),
        ("a = 1\nfor i in x:\n    del a", ""),
        ("with x as y:\n    a = 1", "a"),
        ("try:\n    a = 1\nexcept E:\n    a = 2\n    b = 2", "a"),
        ("try:\n    a = 1\nexcept E as e:\n    raise", "a"),
        ("try:\n    import a\nexcept E:\n    a = None", ""),
        ("try:\n    x()\nfinally:\n    a = 1", "a"),
        ("match x:\n    case 1:\n        a = 1\n    case _:\n        a = 2", ""),
        ("import a\nfrom b import c", ""),
        ("def f():\n    a = 1\n\n\nclass C:\n    b = 1", "f C"),
    ],
)
def test_defined_names(code, names):
    assert defined_names(ast.parse(code).body) == set(names.split())


def test_function_names_include_compound_statements():
    code = "if x:\n    def a(): ...\nelse:\n    def b(): ...\ntry:\n    pass\nexcept E:\n    def c(): ...\nclass D:\n    def e(self): ..."
    assert function_names(ast.parse(code).body) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("cells", "names"),
    [
        ([("a", "export", "parts = [1]\nJOINED = sum(parts)\ndel parts")], ["JOINED"]),
        ([("a", "export", "def f():\n    return 1"), ("b", "export", "X = f()\ndel f")], ["X"]),
        ([("a", "exporti", "x = 1"), ("b", "export", "y = x")], ["y"]),
        ([("a", "exporti", "x = 1"), ("b", "export", "x = 2")], ["x"]),
        (
            [("a", "export", "if __debug__:\n    def f():\n        return 1\nelse:\n    def f():\n        return 2")],
            ["f"],
        ),
    ],
)  # fmt: skip
def test_star_import_of_the_exported_module(project, cells, names):
    project.write("some", *cells)
    [export] = project.export()
    assert codes(export) in ([], ["NBR306"])
    text = (project.root / "exported/some/__init__.py").read_text("utf-8")
    module: dict[str, object] = {}
    exec(text, module)
    assert module["__all__"] == names
    assert all(name in module for name in names)


@pytest.mark.parametrize(
    ("notebook", "module"),
    [
        ("import", "nb_import"),
        ("lambda", "nb_lambda"),
        ("1 first-try", "nb_1_first_try"),
        ("match", "match"),
        ("übung", "übung"),
        ("u\N{COMBINING DIAERESIS}bung", "übung"),  # as macOS stores it
        ("売上", "売上"),
    ],
)
def test_tests_import_the_module_of_a_notebook_of_any_name(project, notebook, module):
    project.write(notebook, ("a", "export", "def double(x):\n    return 2 * x"), TEST)
    [export] = project.export()
    assert codes(export) == []
    assert (project.root / "exported" / module / "__init__.py").is_file()
    tests = ast.parse((project.root / "tests" / f"test_{module}.py").read_text("utf-8"))
    modules = [node.module for node in tests.body if isinstance(node, ast.ImportFrom)]
    assert f"exported.{module}" in modules


@pytest.mark.parametrize(
    ("exported", "valid"),
    [
        ("ml-code", False),
        ("ml/class", False),
        ("../elsewhere", False),
        ("a b", False),
        ("code", False),
        ("ml_code", True),
        ("größe/exported", True),
        ("src/code", True),
        (".", True),
    ],
)
def test_the_folder_of_exported_modules_can_be_imported(tmp_path, exported, valid):
    (tmp_path / "settings.ini").write_text(f"[DEFAULT]\nexported = {exported}\n", "utf-8")
    with contextlib.nullcontext() if valid else pytest.raises(SettingsError):
        load(tmp_path)
