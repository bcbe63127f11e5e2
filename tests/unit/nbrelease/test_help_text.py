"""The fast ``nbrelease --help`` is the help of the command line, without its imports."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from nbrelease import help_text
from nbrelease.cli import group


def test_the_text_is_what_click_renders():
    rendered = CliRunner().invoke(group, ["--help"], prog_name="nbrelease", terminal_width=80)
    assert rendered.exit_code == 0
    assert help_text.render() == rendered.output


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_imports_neither_click_nor_a_command(option):
    program = (
        f"import sys; sys.argv = ['nbrelease', {option!r}]; from nbrelease.__main__ import main; code = main();"
        "sys.exit(code or 10 * any(name == 'click' or name.startswith('nbrelease.commands') for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, help_text.render())
