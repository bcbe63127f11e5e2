"""Checks of the development environment, on a laptop or a compute instance.

Each check has a fix where one is possible. A fix changes the local set-up (kernels, packages,
``.git``, ``.vscode``) and never a committed file.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from nbrelease.doctor import editor, git_setup
from nbrelease.doctor.check import Check
from nbrelease.export.diagnostic import Level
from nbrelease.export.layout import Layout
from nbrelease.notebook import read
from nbrelease.packages import SERVER_PACKAGES, read_environment_file
from nbrelease.packages import check as check_packages

SUPPORTED = ("3.11.", "3.12.", "3.13.", "3.14.")
"""The versions of Python with which the same packages are tested."""
MAX_NAMES = 4
"""The number of different packages that a message names."""


def run_checks(layout: Layout, notebooks: list[Path]) -> Iterator[Check]:
    """Run all checks in order."""
    root = layout.root
    yield from _check_kernels(notebooks)
    yield from _check_packages(root / "conda")
    differences = [
        f"{each.path}: {each.message}; {each.fix}"
        for each in check_packages(layout)
        if each.rule.level is Level.ERROR
    ]
    message = "; ".join(differences) or "job, model and requirements.txt have the same packages"
    yield Check("package lists", not differences, message)
    yield from git_setup.check_git(root)
    yield editor.check_vs_code(root)


def _check_kernels(notebooks: list[Path]) -> Iterator[Check]:
    """Check that each kernel that a notebook names is installed and its program exists."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    manager = KernelSpecManager()
    for name in sorted({_kernel_name(path) for path in notebooks} or {"python3"}):
        try:
            spec = manager.get_kernel_spec(name)
        except NoSuchKernel:
            command = f"{sys.executable} -m ipykernel install --sys-prefix --name {name}"
            yield Check(
                f"kernel {name}",
                False,
                f"not installed; run: {command}",
                lambda name=name: _install_kernel(name),  # type: ignore[misc]
            )
            continue
        # In Jupyter's default kernel spec "python" is the interpreter that runs Jupyter.
        is_default = re.fullmatch(r"python[\d.]*", spec.argv[0])
        program = sys.executable if is_default else shutil.which(spec.argv[0])
        message = (
            f"starts {program}"
            if program
            else f"{spec.argv[0]} does not exist; install the kernel again"
        )
        fix = None if program else (lambda name=name: _install_kernel(name))
        yield Check(f"kernel {name}", program is not None, message, fix)


def _kernel_name(path: Path) -> str:
    read(path)  # raises for a file that is not a notebook
    content = json.loads(path.read_text(encoding="utf-8-sig"))
    spec = content.get("metadata", {}).get("kernelspec", {})
    return str(spec.get("name") or "python3") if isinstance(spec, dict) else "python3"


def _install_kernel(name: str) -> None:
    command = [sys.executable, "-m", "ipykernel", "install", "--sys-prefix", "--name", name]
    subprocess.run(command, check=True, capture_output=True)


def _check_packages(folder: Path) -> Iterator[Check]:
    """Check the installed packages against the pins of ``conda/*.yml``."""
    for file in sorted(folder.glob("*.yml")):
        relative = f"conda/{file.name}"
        try:
            environment = read_environment_file(file)
        except (OSError, ValueError) as error:
            yield Check(relative, False, f"cannot be read: {' '.join(str(error).split())}")
            continue
        running = ".".join(map(str, sys.version_info[:3]))
        python = environment.python
        differs = bool(python) and not f"{running}.".startswith(f"{python}.")
        if differs and not f"{python}.".startswith(SUPPORTED):
            message = (
                f"needs Python {python} (installed: {running}); run: conda env create -f {relative}"
            )
            yield Check(relative, False, message)
            continue
        wrong = {
            name: version
            for name, version in environment.pins.items()
            if name not in SERVER_PACKAGES and _installed_version(name) != version
        }
        if not wrong:
            note = f"; it names Python {python}, and this is {running}" if differs else ""
            yield Check(relative, True, f"matches the installed packages{note}")
            continue
        examples = [
            f"{name}=={wrong[name]} (installed: {_installed_version(name)})"
            for name in list(wrong)[:MAX_NAMES]
        ]
        more = f" and {len(wrong) - MAX_NAMES} more" if len(wrong) > MAX_NAMES else ""
        yield Check(
            relative,
            False,
            f"different versions: {', '.join(examples)}{more}; run: nbrelease doctor --fix",
            lambda wrong=wrong: _install(wrong),  # type: ignore[misc]
        )


def _installed_version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "none"


def _install(pins: dict[str, str]) -> None:
    requirements = [f"{name}=={version}" for name, version in pins.items()]
    command = [sys.executable, "-m", "pip", "install", "--quiet", *requirements]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["pip failed without a message"]
        raise OSError(lines[-1])
