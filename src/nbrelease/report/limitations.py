"""Limitations: what the evidence of a release does not show."""

from __future__ import annotations

from collections.abc import Iterator

from nbrelease.records import ReleaseRecord
from nbrelease.report.labels import slice_name
from nbrelease.report.translations import Translate

SMALL_SLICE = 100
"""Rows below which metrics of a slice are unreliable: the standard error of a share is 0.05."""


def limitations(record: ReleaseRecord, translate: Translate) -> list[str]:
    """One sentence for each limitation, in the language of the page."""
    return [*_of_the_model(record, translate), *_of_the_release(record, translate)]


def _of_the_model(record: ReleaseRecord, _: Translate) -> Iterator[str]:
    comparison = record.comparison
    if record.source.dirty:
        yield _("The checkout had uncommitted changes.")
    if record.runbooks and comparison is None:
        yield _("The model was not compared with the champion on the same rows.")
    if comparison is not None:
        yield _(
            "Confidence intervals cover the choice of held-out rows, not the randomness of the"
            " training."
        )
        small = [slice_name(each.slice, _) for each in comparison.slices if each.rows < SMALL_SLICE]
        if small:
            yield _(
                "Slices with fewer than %(rows)s rows, their metrics are unreliable: %(slices)s."
            ) % {"rows": SMALL_SLICE, "slices": ", ".join(small)}
    if record.runbooks and record.data_profile is None:
        yield _("No profile of the training data was published.")
    elif record.data_profile is not None and record.data_profile.overlap is None:
        yield _("The overlap of training rows and held-out rows was not measured.")
    if record.runbooks and record.package_list is None:
        yield _("The packages are those of the build machine, not of the training job.")


def _of_the_release(record: ReleaseRecord, _: Translate) -> Iterator[str]:
    if record.workspace.kind == "local":
        yield _("Rehearsal in a local workspace: nothing was deployed to Azure.")
    if record.endpoints.online is not None and record.load_test is None:
        yield _("The online deployment was not load-tested.")
    if record.rollout and any(step.observed is None for step in record.rollout):
        yield _("Traffic was not observed in every step of the rollout.")
    if record.decisions_unknown:
        yield _("The approvals could not be read: %(why)s") % {"why": record.decisions_unknown}
    if record.decisions:
        yield _("Approvals are as the pipeline reported them. The approvers did not sign them.")
    for each in record.unreadable:
        yield _("A published value has an unknown format: %(what)s") % {"what": each}
