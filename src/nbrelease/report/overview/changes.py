"""Changes: which model and deployment replace which, and what the model was made of."""

from __future__ import annotations

from collections.abc import Iterator

from nbrelease.report import formats
from nbrelease.report.headline import traffic_share
from nbrelease.report.overview._facts import Box, Fact, FactWriter
from nbrelease.report.training_parameters import (
    changed_parameters,
    join_parameters,
    used_parameters,
)


def box(writer: FactWriter) -> Box:
    """The box."""
    _ = writer.translate
    details = [*_model(writer), *_deployment(writer), *_inputs(writer)]
    return Box("changes", _("Changes"), _lead(writer), details)


def _champion_version(writer: FactWriter) -> str | None:
    comparison = writer.record.comparison
    return comparison.champion.version if comparison and comparison.champion else None


def _lead(writer: FactWriter) -> Fact:
    record, champion = writer.record, _champion_version(writer)
    if record.rollback is not None:
        return Fact("rolled-back", f"{record.rollback.origin} → {record.rollback.to}")
    if record.model is None and record.waiting_for:
        return writer.fact("no-changes-yet", "No changes yet")
    if record.model is None:
        return writer.fact("no-model", "No model registered")
    name = writer.unbroken(record.model.name)
    version = writer.linked("model_version", record.model.version)
    if champion and traffic_share(record):
        return writer.fact(
            "model-replaced", "%(model)s version %(before)s → %(version)s",
            model=name, before=champion, version=version,
        )  # fmt: skip
    return writer.fact(
        "model-registered", "%(model)s version %(version)s", model=name, version=version
    )


def _model(writer: FactWriter) -> Iterator[Fact]:
    """What happens on approval, or that the model receives no traffic."""
    record = writer.record
    if record.rollback is not None:
        return
    if record.model is None:
        if record.waiting_for:
            yield writer.fact(
                "approval-registers",
                "On approval, the model is registered if it meets the release criteria.",
            )
            if champion := _champion_version(writer):
                yield writer.fact("champion", "Champion: version %(version)s", version=champion)
        return
    if not traffic_share(record) and not record.previous_deployment:
        yield writer.fact("no-traffic", "The model is registered and receives no traffic.")
    if record.waiting_for:
        yield writer.fact("approval-moves-traffic", "On approval, its deployment receives traffic.")
        if batch := record.endpoints.batch:
            yield writer.fact(
                "approval-sets-batch-default",
                "On approval, the batch deployment %(name)s becomes the default.",
                name=batch.deployment,
            )


def _deployment(writer: FactWriter) -> Iterator[Fact]:
    record = writer.record
    if not record.previous_deployment or not record.endpoints.online:
        return
    names = {
        "new": record.endpoints.online.deployment,
        "old": writer.linked("previous_deployment", record.previous_deployment),
    }
    if traffic_share(record):
        yield writer.fact("deployment-replaced", "Deployment %(new)s replaces %(old)s", **names)
    else:
        yield writer.fact(
            "deployment-without-traffic",
            "Deployment %(new)s receives no traffic, traffic stays on %(old)s",
            **names,
        )


def _inputs(writer: FactWriter) -> Iterator[Fact]:
    """Parameters of the training, training data, commit."""
    import markupsafe

    record, _ = writer.record, writer.translate
    if record.rollback is None:
        yield from _parameters(writer)
    if record.data is not None:
        yield writer.fact(
            "training-data", "Training data: %(name)s:%(version)s, %(rows)s rows",
            name=record.data.name,
            version=writer.linked("data_version", record.data.version),
            rows=writer.linked("data_rows", formats.count(record.data.rows)),
        )  # fmt: skip
    if record.source.commit:
        dirty = _("with uncommitted changes") if record.source.dirty else ""
        yield writer.fact(
            "commit", "Commit: %(commit)s %(dirty)s",
            commit=record.source.commit[:8],
            dirty=markupsafe.Markup('<span class="wait">{}</span>').format(dirty),
        )  # fmt: skip


def _parameters(writer: FactWriter) -> Iterator[Fact]:
    """The parameters that changed since the previous release, or those of the training job."""
    record, _ = writer.record, writer.translate
    changed, used = changed_parameters(record), used_parameters(record)
    if changed:
        text = writer.linked("job_parameters", join_parameters(changed, _))
        yield writer.fact(
            "changed-parameters", "Changed parameters: %(parameters)s", parameters=text
        )
    elif changed is not None:
        yield writer.fact("same-parameters", "Training parameters: unchanged")
    elif used:
        text = writer.linked("job_parameters", join_parameters(used, _))
        yield writer.fact(
            "training-parameters", "Training parameters: %(parameters)s", parameters=text
        )
