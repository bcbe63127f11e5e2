"""``python -m azureml_local.az``: started by the program file ``az`` of a data folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from azureml_local.az import DATA_VARIABLE, core, preloaded, program
from azureml_local.az.profile import Profile, config_folder


def main(argv: list[str]) -> int:
    """Run a command line and return its exit code."""
    is_fork = preloaded.restore_environment()
    data = Path(os.environ[DATA_VARIABLE])

    def run_command(profile: Profile, name: str, arguments: program.Arguments) -> Any:
        if not name.startswith("ml "):
            return core.HANDLERS[name](profile, arguments)
        if not is_fork:
            code = preloaded.run(data, argv)
            if code is not None:
                sys.exit(code)
        from azureml_local.az.ml.commands import run_ml_command

        return run_ml_command(profile, name, arguments)

    profile = Profile(data, config_folder(data))
    return program.run(program.Program(profile, run_command, core.TABLE_TRANSFORMERS), argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
