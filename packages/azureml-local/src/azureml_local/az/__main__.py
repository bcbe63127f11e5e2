"""``python -m azureml_local.az``: started by the program file ``az`` of a data folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azureml_local.az import DATA_VARIABLE, preloaded

if TYPE_CHECKING:
    from azureml_local.az.profile import Profile
    from azureml_local.az.program import Arguments


def main(argv: list[str]) -> int:
    """Run a command line and return its exit code."""
    is_fork = preloaded.restore_environment()
    data = Path(os.environ[DATA_VARIABLE])
    if argv[:1] == ["ml"] and not is_fork:
        # The fork parses the command line; this process would take longer for it than the fork.
        try:
            code = preloaded.run(data, argv, start=False)
        except KeyboardInterrupt:
            code = 1
        if code is not None:
            return code
    from azureml_local.az import core, program, syntax
    from azureml_local.az.profile import Profile, config_folder

    def run_command(profile: Profile, name: str, arguments: Arguments) -> Any:
        if not name.startswith("ml "):
            return core.HANDLERS[name](profile, arguments)
        if not is_fork:
            # What the user has confirmed here, the fork need not ask.
            yes = ["--yes"] if syntax.get_command(name).confirms else []
            code = preloaded.run(data, [*argv, *yes])
            if code is not None:
                sys.exit(code)
        from azureml_local.az.ml.commands import run_ml_command

        return run_ml_command(profile, name, arguments)

    profile = Profile(data, config_folder(data))
    return program.run(program.Program(profile, run_command, core.TABLE_TRANSFORMERS), argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
