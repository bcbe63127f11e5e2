"""What the evidence of a release does not show, said on the page that shows the rest."""

from __future__ import annotations

from collections.abc import Callable

from nbrelease.records import ReleaseRecord
from nbrelease.report.names import slice_name

SMALL = 100
"""Slices with fewer rows say little: the standard error of a share is 0.05 there, or more."""


def limits(record: ReleaseRecord, _: Callable[[str], str]) -> list[str]:
    """One sentence for each thing that this record cannot tell, in the page's language."""
    return [*_of_the_model(record, _), *_of_the_release(record, _)]


def _of_the_model(record: ReleaseRecord, _: Callable[[str], str]) -> list[str]:
    found = []
    comparison = record.comparison
    if record.source.dirty:
        found.append(_("The checkout had changes that are not in its commit."))
    if record.runbooks and comparison is None:
        found.append(_("The model was not compared with what is live on the same rows."))
    if comparison is not None:
        found.append(
            _("Intervals tell of the choice of held-out rows, not of chance in the training.")
        )
        small = [slice_name(each.slice, _) for each in comparison.slices if each.rows < SMALL]
        if small:
            found.append(
                _("Few rows, so figures that say little: %(slices)s.")
                % {"slices": ", ".join(small)}
            )
    if record.runbooks and record.data_profile is None:
        found.append(_("The training data is not described."))
    elif record.data_profile is not None and record.data_profile.overlap is None:
        found.append(_("Whether rows are both in training and test was not measured."))
    if record.runbooks and record.package_list is None:
        found.append(
            _("The packages are those of the machine that built this pack, not the job's.")
        )
    return found


def _of_the_release(record: ReleaseRecord, _: Callable[[str], str]) -> list[str]:
    found = []
    if record.workspace.kind == "local":
        found.append(_("This was rehearsed in a local workspace: nothing of it is on Azure."))
    online = record.endpoints.online
    if online is not None and record.load_test is None:
        found.append(_("The deployment was not tested under load."))
    if record.rollout and any(step.observed is None for step in record.rollout):
        found.append(_("The traffic was not observed in each step of the rollout."))
    if record.decisions_unknown:
        found.append(
            _("It could not be read who decided: %(why)s") % {"why": record.decisions_unknown}
        )
    if record.decisions:
        found.append(_("Who decided is as the pipeline told it; only a signature proves more."))
    found += [
        _("A published value is in a form that this page does not know: %(what)s") % {"what": each}
        for each in record.unreadable
    ]
    return found
