"""Which kernel a runbook runs on, known before anything is started."""

from __future__ import annotations

from pathlib import Path

from nbrelease.errors import KernelError


def resolve(wanted: str, notebook_kernel: str, where: Path | str) -> str:
    """The name of an installed kernel.

    Args:
        wanted: ``kernel_name`` of settings.ini; empty: what the notebook names.
        notebook_kernel: ``metadata.kernelspec.name`` of the notebook; empty: ``python3``.
        where: what names the kernel, for the message: the runbook, or a key of the settings.

    Raises:
        KernelError: it is not installed.
    """
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    name = wanted or notebook_kernel or "python3"
    manager = KernelSpecManager()
    try:
        spec = manager.get_kernel_spec(name)
    except NoSuchKernel:
        installed = ", ".join(sorted(manager.find_kernel_specs())) or "none"
        raise KernelError(
            f"{where}: kernel «{name}» is not installed (installed: {installed}); name one that "
            "is (kernel_name in settings.ini), or install one: python -m ipykernel install --user"
        ) from None
    program = Path(spec.argv[0])
    if program.is_absolute() and not program.exists():
        raise KernelError(
            f"{where}: kernel «{name}» starts {program}, which is not there; "
            "install the kernel again: python -m ipykernel install --user"
        )
    return name
