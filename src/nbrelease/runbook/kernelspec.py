"""The kernel that a runbook runs on, checked before anything starts."""

from __future__ import annotations

from pathlib import Path

from nbrelease.errors import KernelError


def resolve_kernel(configured: str, notebook_kernel: str, where: Path | str) -> str:
    """The name of an installed kernel.

    Args:
        configured: ``kernel_name`` of settings.ini; empty: the notebook's own.
        notebook_kernel: ``metadata.kernelspec.name`` of the notebook; empty: ``python3``.
        where: the runbook or the settings key that names the kernel, for the message.

    Raises:
        KernelError: the kernel is not installed.
    """
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    name = configured or notebook_kernel or "python3"
    manager = KernelSpecManager()
    try:
        spec = manager.get_kernel_spec(name)
    except NoSuchKernel:
        installed = ", ".join(sorted(manager.find_kernel_specs())) or "none"
        raise KernelError(
            f"{where}: kernel '{name}' is not installed (installed: {installed}); set kernel_name "
            "in settings.ini, or run: python -m ipykernel install --user"
        ) from None
    program = Path(spec.argv[0])
    if program.is_absolute() and not program.exists():
        raise KernelError(
            f"{where}: kernel '{name}' starts {program}, which does not exist; "
            "install the kernel again: python -m ipykernel install --user"
        )
    return name
