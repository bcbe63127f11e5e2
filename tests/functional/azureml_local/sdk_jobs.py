"""Jobs through the SDK: wait for a status, and list the children."""

from __future__ import annotations

import time

FINAL_STATUSES = ("Completed", "Failed", "Canceled")


def wait_for_end(ml, name, seconds=180):
    """The job when it has ended; its log is not streamed."""
    return wait_for_status(ml, name, *FINAL_STATUSES, seconds=seconds)


def wait_for_status(ml, name, *statuses, seconds=180):
    """The job when it has one of the statuses."""
    begun = time.monotonic()
    while (job := ml.jobs.get(name)).status not in statuses:
        waited = time.monotonic() - begun
        assert waited < seconds, f"{name} is {job.status}, not {' or '.join(statuses)}"
        time.sleep(min(max(0.1, waited / 5), 0.5))  # each question takes processor time
    return job


def children_of(ml, name):
    """The children of a job by their display names."""
    return {each.display_name: each for each in ml.jobs.list(parent_job_name=name)}
