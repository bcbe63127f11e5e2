"""Is batch scoring here as fast as one process that reads the file and predicts?

    python benchmarks/batch.py [--data data/diabetes.csv] [--rows 200000] [--rounds 3]

Trains the shipped notebook's default model, draws rows out of the data, and scores them by the
process that a batch endpoint's scoring job runs and by a plain script, in turn. Both import what
they need, load the model, read the file and predict; ours starts a process for that and writes its
lines as well. Prints the seconds of both, those of the processor, and the limit: at most 1.3 times
the script's. Ends with 1 where it is broken, or where rows in are not rows out.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import pandas as pd
from serving import ROOT, train

from azureml_local.batch.settings import Settings

LIMIT = 1.3
SCRIPT = """
import sys
import pandas as pd
import skops.io
model = skops.io.load(sys.argv[1] + "/model.skops")
found = model.predict(pd.read_csv(sys.argv[2])[list(model.feature_names_in_)])
print(len(found), "predictions")
"""


def timed(command: list[str]) -> tuple[float, float]:
    """Run a command; its seconds, and those of the processor."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    spent, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return spent, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Run the comparison; gives the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, default=ROOT / "data" / "diabetes-sample.csv")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        train(options.data, place / "model")
        rows = pd.read_csv(options.data).sample(options.rows, replace=True, random_state=0)
        rows.to_csv(place / "rows.csv", index=False)
        settings = Settings(mini_batch_size=1, error_threshold=0, seconds=600)
        spec = {
            **asdict(settings),
            "processes": settings.processes,
            "input": str(place / "rows.csv"),
            "output": str(place / "out" / settings.file_name),
            "model": str(place / "model"),
            "environment": {},
        }
        (place / "spec.json").write_text(json.dumps(spec))
        commands = {
            "one process": [sys.executable, "-W", "ignore", "-c", SCRIPT],
            "batch job": [sys.executable, "-m", "azureml_local.batch.driver"],
        }
        commands["one process"] += [str(place / "model"), str(place / "rows.csv")]
        commands["batch job"] += [str(place / "spec.json")]
        measurements: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(options.rounds):
            for name, command in commands.items():
                measurements[name].append(timed(command))
        with (place / "out" / settings.file_name).open("rb") as file:
            lines = sum(1 for _ in file)
    middle = {}
    for name, times in measurements.items():
        middle[name] = [statistics.median(each) for each in zip(*times, strict=True)]
        print(f"{name:12} {middle[name][0]:6.2f} s   processor {middle[name][1]:6.2f} s")
    ratio = middle["batch job"][0] / middle["one process"][0]
    print(f"{options.rows} rows in, {lines} lines out; {ratio:.2f} times, at most {LIMIT:g}")
    return 1 if ratio > LIMIT or lines != options.rows else 0


if __name__ == "__main__":
    sys.exit(main())
