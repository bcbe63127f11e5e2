"""Show the progress of a run: a live table in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from pipelines_local.events import (
    ApprovalDecided,
    ApprovalRequested,
    CancelRequested,
    Event,
    JobFinished,
    JobStarted,
    Listener,
    MatrixExpanded,
    RunFinished,
    RunStarted,
    StageFinished,
    StageStarted,
    StepFinished,
    StepStarted,
)

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

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
_CANCELLING = "cancelling: running the remaining steps with always() or canceled()"


def console_listener(stream: TextIO | None = None) -> Listener:
    """Return a table for a terminal, plain lines for other streams (default: stdout)."""
    out = stream or sys.stdout
    return LiveTable(out) if out.isatty() else PlainConsole(out)


def format_duration(seconds: float) -> str:
    """Format a duration: 4.2s, 1m05s."""
    if seconds < 60:
        return f"{seconds:.1f}s"
    return f"{int(seconds) // 60}m{int(seconds) % 60:02d}s"


class PlainConsole:
    """Prints a line for each result, and the end of the log of a failed step.

    Args:
        out: the output stream.
        announce_after: seconds after which a running step is announced.
    """

    def __init__(self, out: TextIO, *, announce_after: float = 2.0) -> None:
        self._out = out
        self._announce_after = announce_after
        self._lock = threading.RLock()  # timers print too
        self._timers: dict[tuple[str, str], threading.Timer] = {}

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
                for warning in event.warnings:
                    self._print(f"warning: {warning}")
                self._print(f"{event.pipeline.name} {event.name} (run {event.run})")
            case StageFinished(stage=stage):
                self._print(f"[{stage.stage}] {stage.result}")
            case JobFinished(stage=name, job=job):
                self._stop_timer(name, job.job)
                for message in job.issues.error if not job.steps else ():
                    self._print(f"[{name}/{job.job}] {message}")
                self._print(f"[{name}/{job.job}] {job.result}")
            case StepStarted():
                self._start_timer(event)
            case StepFinished(step=step):
                self._stop_timer(event.stage, event.job)
                if step.result != "Skipped":
                    duration = format_duration(step.seconds)
                    self._print(
                        f"[{event.stage}/{event.job}] {step.display}: {step.result} ({duration})"
                    )
                    self._print_tail(event)
            case ApprovalRequested():
                self._print(
                    f"[{event.stage}] waiting for an approval of {event.environment}; "
                    f"artifacts to review: {event.artifacts}"
                )
            case ApprovalDecided(approval=approval):
                comment = f": {approval.comment}" if approval.comment else ""
                self._print(
                    f"[{approval.stage}] {approval.environment} {approval.decision} "
                    f"by {approval.name}{comment}"
                )
            case CancelRequested():
                self._print(_CANCELLING)
            case RunFinished():
                self._print(f"{event.result}: {event.folder}")
            case _:
                pass

    def _start_timer(self, event: StepStarted) -> None:
        """Announce a step that runs for a long time."""
        key = event.stage, event.job

        def announce() -> None:
            with self._lock:  # the step may just have ended
                if self._timers.get(key) is timer:
                    self._print(f"[{event.stage}/{event.job}] {event.display} ...")

        timer = threading.Timer(self._announce_after, announce)
        timer.daemon = True
        self._timers[key] = timer
        timer.start()

    def _stop_timer(self, stage: str, job: str) -> None:
        timer = self._timers.pop((stage, job), None)
        if timer is not None:  # a skipped step has none
            timer.cancel()

    def _print_tail(self, event: StepFinished) -> None:
        for line in event.tail:
            self._print(f"    | {line}")
        if event.tail and event.step.log is not None:
            self._print(f"    | log: {event.step.log}")


@dataclass
class _JobRow:
    """A job in the table; times are seconds of the monotonic clock."""

    state: str = ""
    started: float = 0.0
    duration: float = 0.0
    steps: list[StepFinished] = field(default_factory=list)
    running: StepStarted | None = None
    step_started: float = 0.0


class LiveTable:
    """A live table of stages, jobs and steps, with the logs of failed steps."""

    def __init__(self, out: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(file=out)
        self._plan: dict[str, tuple[str, ...]] = {}
        self._displays: dict[str, str] = {}
        self._stages: dict[str, str] = {}
        self._rows: dict[tuple[str, str], _JobRow] = {}
        self._title = ""
        self._plain = PlainConsole(out)
        self._live = Live(console=self._console, refresh_per_second=4, get_renderable=self._table)

    def handle(self, event: Event) -> None:
        """Update the table."""
        match event:
            case RunStarted():
                self._plan, self._displays = dict(event.plan), dict(event.displays)
                self._rows = {(s, j): _JobRow() for s, jobs in event.plan.items() for j in jobs}
                self._title = f"{event.pipeline.name} {event.name}"
                for warning in event.warnings:
                    self._console.print(f"warning: {warning}", style="yellow", markup=False)
                self._live.start()
            case StageStarted():
                self._stages[event.stage] = "running"
                self._live.start()  # a prompt may have stopped it
            case StageFinished(stage=stage):
                self._stages[stage.stage] = stage.result
            case MatrixExpanded(stage=name):
                jobs = list(self._plan[name])
                at = jobs.index(event.job)
                jobs[at : at + 1] = event.displays
                self._plan[name] = tuple(jobs)
                self._rows |= {(name, job): _JobRow() for job in event.displays}
                self._displays |= {f"{name}.{job}": text for job, text in event.displays.items()}
            case JobStarted():
                row = self._rows[event.stage, event.job]
                row.state, row.started = "running", time.monotonic()
            case JobFinished(stage=name, job=job):
                row = self._rows[name, job.job]
                row.state, row.running = job.result, None
                row.duration = time.monotonic() - row.started if row.started else 0.0
                for message in job.issues.error if not job.steps else ():
                    self._console.print(f"{name}/{job.job}: {message}", markup=False)
            case StepStarted():
                row = self._rows[event.stage, event.job]
                row.running, row.step_started = event, time.monotonic()
            case StepFinished():
                row = self._rows[event.stage, event.job]
                row.running = None
                row.steps.append(event)
                self._print_tail(event)
            case ApprovalRequested():
                self._stages[event.stage] = "waiting"
                self._live.stop()  # a prompt may follow
                self._plain.handle(event)
            case ApprovalDecided():
                self._live.stop()
                self._plain.handle(event)
                self._live.start()
            case CancelRequested():
                self._console.print(_CANCELLING)
            case RunFinished():
                self._live.update(self._table(), refresh=True)
                self._live.stop()
                self._plain.handle(event)
            case _:
                pass

    def _print_tail(self, event: StepFinished) -> None:
        if event.tail:
            self._console.print(
                f"{event.stage}/{event.job}: {event.step.display}", style="red", markup=False
            )
            for line in event.tail:
                self._console.print(f"    | {line}", markup=False, highlight=False)

    def _table(self) -> Table:
        from rich.table import Table

        table = Table(title=_text(self._title), box=None, pad_edge=False, title_justify="left")
        for name in ("stage, job, step", "state", "time"):
            table.add_column(name, justify="right" if name == "time" else "left")
        for stage, jobs in self._plan.items():
            state = self._stages.get(stage, "")
            display = self._displays.get(stage, stage)
            table.add_row(_text(display, "bold"), _state_text(state), "")
            for job in jobs:
                self._add_job(table, stage, job)
        return table

    def _add_job(self, table: Table, stage: str, job: str) -> None:
        row = self._rows[stage, job]
        duration = time.monotonic() - row.started if row.state == "running" else row.duration
        display = self._displays.get(f"{stage}.{job}", job)
        cell = format_duration(duration) if duration else ""
        table.add_row(_text(f"  {display}"), _state_text(row.state), cell)
        if row.state not in ("running", "Failed"):
            return
        for event in list(row.steps):
            if event.step.result != "Skipped":
                cells = _state_text(event.step.result), format_duration(event.step.seconds)
                table.add_row(_text(f"    {event.step.display}"), *cells)
        running = row.running  # another thread can set it meanwhile
        if running is not None:
            cell = format_duration(time.monotonic() - row.step_started)
            table.add_row(_text(f"    {running.display}"), _state_text("running"), cell)


def _state_text(state: str) -> Text:
    return _text(state, _STYLES.get(state, ""))


def _text(text: str, style: str = "") -> Text:
    from rich.text import Text

    return Text(text, style=style)
