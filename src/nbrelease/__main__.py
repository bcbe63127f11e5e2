"""Entry point of ``nbrelease`` and ``python -m nbrelease``."""

import sys


def main() -> int:
    """Run the command line with the arguments of ``sys.argv``; return the exit code."""
    if sys.argv[1:] in (["-h"], ["--help"]):
        from nbrelease.help_text import render

        sys.stdout.write(render())
        return 0
    from nbrelease.preloaded import is_forked, run_fork

    if is_forked(sys.argv[1:]):
        code = run_fork(sys.argv[1:])
        if code is not None:
            return code
    from nbrelease.cli import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
