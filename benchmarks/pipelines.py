"""What pipelines-local adds to the commands that it runs.

Two pipelines, each against a shell script that starts the same commands one after the other:

- 1 job with one empty bash step, and with 101: the difference is the cost of a step;
- 200 steps in 20 jobs.

    python benchmarks/pipelines.py [--rounds N] [--json]

The best of N rounds counts, since everything else on the machine can only add to it. Aim: 200
steps in 20 jobs take at most twice as long as the shell script.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pipelines_local import run_pipeline

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


def pipeline(jobs: int, steps: int) -> str:
    """A pipeline of empty bash steps that checks nothing out."""
    body = "    - bash: ':'\n" * steps
    return "jobs:\n" + "".join(
        f"  - job: j{number}\n    steps:\n    - checkout: none\n{body}" for number in range(jobs)
    )


def best(rounds: int, work: object) -> float:
    """The shortest of some rounds, in seconds."""
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        work()  # type: ignore[operator]
        times.append(time.perf_counter() - begin)
    return min(times)


def shell(folder: Path, count: int) -> Path:
    """A script that starts ``count`` bash processes, each with a script file as a step has."""
    step = folder / "step.sh"
    step.write_text(":\n")
    script = folder / f"all-{count}.sh"
    script.write_text(f"bash {step}\n" * count)
    return script


def measure(rounds: int) -> dict[str, float]:
    """All figures, in seconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def timed(jobs: int, steps: int) -> float:
            path = folder / f"p-{jobs}-{steps}.yml"
            path.write_text(pipeline(jobs, steps))

            def once() -> None:
                result = run_pipeline(path, root=folder, work_dir=folder / "work")
                assert result.result == "Succeeded", result.folder

            return best(rounds, once)

        def command() -> None:
            path = folder / "p-20-10.yml"
            words = [sys.executable, "-m", "pipelines_local", "run", str(path), "--root", name]
            subprocess.run([*words, "--format", "json"], check=True, stdout=subprocess.DEVNULL)

        timed(1, 1)  # what is imported and started once
        one, hundred, many = timed(1, 1), timed(1, 101), timed(20, 10)
        script = shell(folder, 200)
        plain = best(rounds, lambda: subprocess.run(["bash", str(script)], check=True))
        whole = best(rounds, command)
    return {
        "one_step": one,
        "per_step": (hundred - one) / 100,
        "per_command_in_shell": plain / 200,
        "steps_200": many,
        "steps_200_command_line": whole,
        "shell_200": plain,
        "ratio": many / plain,
        "ratio_command_line": whole / plain,
    }


def main() -> int:
    """Print the figures; 1 when the aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options.rounds)
    if options.json:
        print(json.dumps({name: round(value, 5) for name, value in found.items()}, indent=2))
    else:
        print(f"cores                            {os.cpu_count()}")
        for name, label, factor, unit in ROWS:
            print(f"{label:<32} {found[name] * factor:8.2f}{unit}")
    return 0 if found["ratio"] <= 2 else 1


if __name__ == "__main__":
    sys.exit(main())
