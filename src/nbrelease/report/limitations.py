"""Limitations: what the evidence of a release does not show."""

from __future__ import annotations

from collections.abc import Iterator

from nbrelease.records import ReleaseRecord
from nbrelease.records.published import Comparison
from nbrelease.report.metric_labels import metric_name
from nbrelease.report.tasks import SliceNames, measurement_name
from nbrelease.report.training_parameters import different_parameters
from nbrelease.report.translations import Translate

SMALL_SLICE = 100
"""Rows below which metrics of a slice are unreliable: the standard error of a share is 0.05."""


def limitations(record: ReleaseRecord, translate: Translate) -> list[str]:
    """One sentence for each limitation, in the language of the page."""
    return [*_of_the_model(record, translate), *_of_the_release(record, translate)]


def _of_the_model(record: ReleaseRecord, _: Translate) -> Iterator[str]:
    if record.source.dirty:
        yield _("The checkout had uncommitted changes.")
    if record.comparison is not None:
        yield from _of_the_comparison(record.comparison, _)
    elif record.runbooks:
        yield _("The model was not compared with the champion on the same rows.")
    profile = record.data_profile
    if record.runbooks and profile is None:
        yield _("No profile of the training data was published.")
    if profile is not None and profile.overlap is None and "overlap" not in record.not_measured:
        yield _("The overlap of training rows and held-out rows was not measured.")
    yield from _not_measured(record, _)
    yield from _of_the_training(record, _)


def _not_measured(record: ReleaseRecord, _: Translate) -> Iterator[str]:
    metrics = record.comparison.not_measured if record.comparison else {}
    reasons = [(metric_name(name, _), why) for name, why in metrics.items()]
    reasons += [(measurement_name(name, _), why) for name, why in record.not_measured.items()]
    for name, why in reasons:
        yield _("%(name)s: not measured: %(why)s") % {"name": name, "why": why}


def _of_the_comparison(comparison: Comparison, _: Translate) -> Iterator[str]:
    yield _(
        "Confidence intervals cover the choice of held-out rows, not the randomness of the"
        " training."
    )
    slices = SliceNames(comparison, _)
    small = [slices.slice_name(each.slice) for each in comparison.slices if each.rows < SMALL_SLICE]
    if small:
        yield _(
            "Slices with fewer than %(rows)s rows, their metrics are unreliable: %(slices)s."
        ) % {"rows": SMALL_SLICE, "slices": ", ".join(small)}
    confusion = comparison.curves.challenger.confusion if comparison.curves else None
    rare = [
        name
        for name, row in zip(comparison.classes, confusion or [], strict=False)
        if sum(row) < SMALL_SLICE
    ]
    if rare:
        yield _(
            "Classes with fewer than %(rows)s held-out rows, their figures are unreliable:"
            " %(classes)s."
        ) % {"rows": SMALL_SLICE, "classes": ", ".join(rare)}


def _of_the_training(record: ReleaseRecord, _: Translate) -> Iterator[str]:
    if record.job is not None and record.job_parameters is None:
        yield _("The parameters that the training job used were not published.")
    for each in different_parameters(record):
        text = _("Parameter %(name)s: %(setting)s in the settings, the training job used %(used)s.")
        yield text % each._asdict()
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
