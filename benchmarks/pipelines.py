"""Measure the overhead of pipelines-local compared with a shell script.

Two pipelines, each compared with a shell script that runs the same commands in sequence:

- 1 job with one empty bash step, and with 101: the difference is the cost of a step;
- 200 steps in 20 jobs.

    python benchmarks/pipelines.py [--rounds N] [--json]

The fastest of N rounds counts, because other load on the machine only adds time. Limit: 200 steps
in 20 jobs take at most twice as long as the shell script.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pipelines_local import run_pipeline

LIMIT = 2
ROWS = [
    ("one_step", "a run of one empty bash step", 1000, " ms"),
    ("per_step", "each further step", 1000, " ms"),
    ("per_command_in_shell", "a command in the shell script", 1000, " ms"),
    ("steps_200", "200 steps in 20 jobs", 1000, " ms"),
    ("steps_200_command_line", "  with the start of the program", 1000, " ms"),
    ("shell_200", "200 commands in a shell script", 1000, " ms"),
    ("ratio", "ratio", 1, ""),
    ("ratio_command_line", "  with the start of the program", 1, ""),
]


def render_pipeline(jobs: int, steps: int) -> str:
    """Return a pipeline of empty bash steps without a checkout."""
    body = "    - bash: ':'\n" * steps
    return "jobs:\n" + "".join(
        f"  - job: j{number}\n    steps:\n    - checkout: none\n{body}" for number in range(jobs)
    )


def fastest(rounds: int, work: Callable[[], object]) -> float:
    """Return the duration of the fastest round in seconds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def write_script(folder: Path, count: int) -> Path:
    """Write a script that starts ``count`` bash processes, each with a script file like a step."""
    step = folder / "step.sh"
    step.write_text(":\n")
    script = folder / f"all-{count}.sh"
    script.write_text(f"bash {step}\n" * count)
    return script


def measure(rounds: int) -> dict[str, float]:
    """Return all figures in seconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def time_pipeline(jobs: int, steps: int) -> float:
            path = folder / f"p-{jobs}-{steps}.yml"
            path.write_text(render_pipeline(jobs, steps))

            def run() -> None:
                result = run_pipeline(path, root=folder, work_dir=folder / "work")
                assert result.result == "Succeeded", result.folder

            return fastest(rounds, run)

        def run_command_line() -> None:
            path = folder / "p-20-10.yml"
            argv = [sys.executable, "-m", "pipelines_local", "run", str(path), "--root", name]
            subprocess.run([*argv, "--format", "json"], check=True, stdout=subprocess.DEVNULL)

        time_pipeline(1, 1)  # imports
        one, hundred, many = time_pipeline(1, 1), time_pipeline(1, 101), time_pipeline(20, 10)
        script = write_script(folder, 200)
        shell = fastest(rounds, lambda: subprocess.run(["bash", str(script)], check=True))
        command_line = fastest(rounds, run_command_line)
    return {
        "one_step": one,
        "per_step": (hundred - one) / 100,
        "per_command_in_shell": shell / 200,
        "steps_200": many,
        "steps_200_command_line": command_line,
        "shell_200": shell,
        "ratio": many / shell,
        "ratio_command_line": command_line / shell,
    }


def main() -> int:
    """Print the figures; return 1 if the limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measure(options.rounds)
    if options.json:
        print(json.dumps({name: round(value, 5) for name, value in figures.items()}, indent=2))
    else:
        print(f"cores                            {os.cpu_count()}")
        for name, label, factor, unit in ROWS:
            print(f"{label:<32} {figures[name] * factor:8.2f}{unit}")
    return 0 if figures["ratio"] <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
