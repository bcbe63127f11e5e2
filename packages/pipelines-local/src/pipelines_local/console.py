"""The one place that prints while a pipeline runs: a live table in a terminal, else plain lines."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

from pipelines_local.events import (
    ApprovalGiven,
    ApprovalWanted,
    CancelRequested,
    Event,
    JobFinished,
    JobStarted,
    Listener,
    RunFinished,
    RunStarted,
    StageFinished,
    StageStarted,
    StepFinished,
    StepStarted,
)

if TYPE_CHECKING:
    from rich.table import Table

_STYLES = {
    "Succeeded": "green",
    "SucceededWithIssues": "yellow",
    "Failed": "red",
    "Rejected": "red",
    "Canceled": "magenta",
    "Skipped": "dim",
    "running": "cyan",
    "waiting": "yellow",
}


def console_listener(stream: TextIO | None = None) -> Listener:
    """The listener that suits a stream (standard output): a table for a terminal, else lines."""
    out = stream or sys.stdout
    return LiveTable(out) if out.isatty() else Lines(out)


def clock(seconds: float) -> str:
    """A duration: 4.2s, 1m05s."""
    if seconds < 60:
        return f"{seconds:.1f}s"
    return f"{int(seconds) // 60}m{int(seconds) % 60:02d}s"


class Lines:
    """One line for each end, and for a step that takes long; the end of the log of what failed.

    Args:
        out: where they go.
        patience: seconds after which a line says that a step is still running.
    """

    def __init__(self, out: TextIO, *, patience: float = 2.0) -> None:
        self._out = out
        self._patience = patience
        self._lock = threading.RLock()  # timers print too
        self._running: dict[tuple[str, str], threading.Timer] = {}

    def _print(self, text: str) -> None:
        encoding = self._out.encoding or "utf-8"
        self._out.write(text.encode(encoding, "replace").decode(encoding) + "\n")
        self._out.flush()

    def handle(self, event: Event) -> None:
        """Print an event."""
        with self._lock:
            self._handle(event)

    def _handle(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._print(f"{event.pipeline.name} {event.name} (run {event.run})")
            case StageFinished(stage=stage):
                self._print(f"[{stage.stage}] {stage.result}")
            case JobFinished(stage=name, job=job):
                self._ended(name, job.job)  # a step may have ended without a word
                for message in job.issues.error if not job.steps else ():
                    self._print(f"[{name}/{job.job}] {message}")
                self._print(f"[{name}/{job.job}] {job.result}")
            case StepStarted():
                self._began(event)
            case StepFinished(step=step):
                self._ended(event.stage, event.job)
                if step.result != "Skipped":
                    took = clock(step.seconds)
                    self._print(
                        f"[{event.stage}/{event.job}] {step.display}: {step.result} ({took})"
                    )
                    self._tail(event)
            case ApprovalWanted():
                self._print(f"[{event.stage}] waits for an approval of {event.environment}; "
                            f"to look at: {event.artifacts}")  # fmt: skip
            case ApprovalGiven(approval=word):
                self._print(f"[{word.stage}] {word.environment} {word.decision} by {word.name}"
                            + (f": {word.comment}" if word.comment else ""))  # fmt: skip
            case CancelRequested():
                self._print("cancelled: ending in order")
            case RunFinished():
                self._print(f"{event.result}: {event.folder}")
            case _:
                pass

    def _began(self, event: StepStarted) -> None:
        """A job has one step at a time: it is announced when it is still that one in a while."""
        key = event.stage, event.job

        def announce() -> None:
            with self._lock:  # it may end in this moment
                if self._running.get(key) is timer:
                    self._print(f"[{event.stage}/{event.job}] {event.display} ...")

        timer = threading.Timer(self._patience, announce)
        timer.daemon = True
        self._running[key] = timer
        timer.start()

    def _ended(self, stage: str, job: str) -> None:
        timer = self._running.pop((stage, job), None)
        if timer is not None:  # skipped ones never began
            timer.cancel()

    def _tail(self, event: StepFinished) -> None:
        for line in event.tail:
            self._print(f"    | {line}")
        if event.tail and event.step.log is not None:
            self._print(f"    | log: {event.step.log}")


@dataclass
class _Row:
    """A job in the table."""

    state: str = ""
    step: str = ""
    began: float = 0.0
    took: float = 0.0
    steps: list[StepFinished] = field(default_factory=list)
    running: StepStarted | None = None
    step_began: float = 0.0


class LiveTable:
    """A live table of stages, jobs and steps; below it, what failed."""

    def __init__(self, out: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(file=out)
        self._plan: dict[str, tuple[str, ...]] = {}
        self._displays: dict[str, str] = {}
        self._stages: dict[str, str] = {}
        self._rows: dict[tuple[str, str], _Row] = {}
        self._title = ""
        self._lines = Lines(out)
        self._live = Live(console=self._console, refresh_per_second=4, get_renderable=self._table)

    def handle(self, event: Event) -> None:
        """Take an event into the table."""
        match event:
            case RunStarted():
                self._plan, self._displays = dict(event.plan), dict(event.displays)
                self._rows = {(s, j): _Row() for s, jobs in event.plan.items() for j in jobs}
                self._title = f"{event.pipeline.name} {event.name}"
                self._live.start()
            case StageStarted():
                self._stages[event.stage] = "running"
                self._live.start()  # it was stopped for a prompt
            case StageFinished(stage=stage):
                self._stages[stage.stage] = stage.result
            case JobStarted():
                row = self._rows[event.stage, event.job]
                row.state, row.began = "running", time.monotonic()
            case JobFinished(stage=name, job=job):
                row = self._rows[name, job.job]
                row.state, row.running = job.result, None
                row.took = time.monotonic() - row.began if row.began else 0.0
                for message in job.issues.error if not job.steps else ():
                    self._console.print(f"{name}/{job.job}: {message}", markup=False)
            case StepStarted():
                row = self._rows[event.stage, event.job]
                row.running, row.step_began = event, time.monotonic()
            case StepFinished():
                row = self._rows[event.stage, event.job]
                row.running = None
                row.steps.append(event)
                self._failed(event)
            case ApprovalWanted():
                self._stages[event.stage] = "waiting"
                self._live.stop()  # a prompt may follow
                self._lines.handle(event)
            case ApprovalGiven():
                self._live.stop()
                self._lines.handle(event)
                self._live.start()
            case CancelRequested():
                self._console.print("cancelled: ending in order")
            case RunFinished():
                self._live.update(self._table(), refresh=True)
                self._live.stop()
                self._lines.handle(event)
            case _:
                pass

    def _failed(self, event: StepFinished) -> None:
        if event.tail:
            self._console.print(
                f"{event.stage}/{event.job}: {event.step.display}", style="red", markup=False
            )
            for line in event.tail:
                self._console.print(f"    | {line}", markup=False, highlight=False)

    def _table(self) -> Table:
        from rich.table import Table

        table = Table(title=_plain(self._title), box=None, pad_edge=False, title_justify="left")
        for name in ("stage, job, step", "state", "time"):
            table.add_column(name, justify="right" if name == "time" else "left")
        for stage, jobs in self._plan.items():
            state = self._stages.get(stage, "")
            table.add_row(_bold(self._displays.get(stage, stage)), _state(state), "")
            for job in jobs:
                self._job_rows(table, stage, job)
        return table

    def _job_rows(self, table: Table, stage: str, job: str) -> None:
        row = self._rows[stage, job]
        took = time.monotonic() - row.began if row.state == "running" else row.took
        display = self._displays.get(f"{stage}.{job}", job)
        table.add_row(_plain(f"  {display}"), _state(row.state), clock(took) if took else "")
        if row.state not in ("running", "Failed"):
            return
        for event in list(row.steps):
            if event.step.result != "Skipped":
                table.add_row(_plain(f"    {event.step.display}"), _state(event.step.result),
                              clock(event.step.seconds))  # fmt: skip
        running = row.running  # drawn by another thread than the one that sets it
        if running is not None:
            since = clock(time.monotonic() - row.step_began)
            table.add_row(_plain(f"    {running.display}"), _state("running"), since)


def _state(state: str) -> Any:
    from rich.text import Text

    return Text(state, style=_STYLES.get(state, ""))


def _plain(text: str) -> Any:
    from rich.text import Text

    return Text(text)


def _bold(text: str) -> Any:
    from rich.text import Text

    return Text(text, style="bold")
