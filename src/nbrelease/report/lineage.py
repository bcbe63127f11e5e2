"""The lineage of a release: commit, notebook, module, data, job, model, deployments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from nbrelease import pack_code
from nbrelease.records import ReleaseRecord
from nbrelease.report import formats
from nbrelease.report.translations import Translate

MAIN = "main.py"


@dataclass(frozen=True)
class Link:
    """One link of the lineage: its kind, its name, further details, and where it leads."""

    kind: str
    name: str
    details: str = ""
    href: str = ""


@dataclass(frozen=True)
class ExportedModule:
    """A module that runs as a job, and the notebook that it was exported from."""

    notebook: str
    notebook_sha256: str
    module: str
    module_sha256: str

    @property
    def notebook_href(self) -> str:
        """The notebook in the pack."""
        return f"{pack_code.CODE}/{self.notebook}"

    @property
    def module_href(self) -> str:
        """The module in the pack."""
        return f"{pack_code.CODE}/{self.module}"


def exported_modules(record: ReleaseRecord) -> list[ExportedModule]:
    """The modules in the pack that run as jobs, each with its notebook."""
    runbooks = {runbook.source for runbook in record.runbooks}
    modules = {
        PurePosixPath(name).parent.name: name
        for name in record.code
        if PurePosixPath(name).name == MAIN
    }
    exported = []
    for name, digest in record.code.items():
        module = modules.get(re.sub(r"\W", "_", PurePosixPath(name).stem))
        if module is not None and name.endswith(".ipynb") and name not in runbooks:
            exported.append(ExportedModule(name, digest, module, record.code[module]))
    return exported


def lineage(record: ReleaseRecord, translate: Translate) -> list[Link]:
    """A link for each part of the lineage that the record knows, from the commit on."""
    return [
        *_source(record, translate),
        *_training(record, translate),
        *_serving(record, translate),
    ]


def _source(record: ReleaseRecord, _: Translate) -> Iterator[Link]:
    commit = record.source.commit[:8] or formats.NO_VALUE
    yield Link(_("Commit"), commit, record.source.branch)
    for each in exported_modules(record):
        name = PurePosixPath(each.notebook).name
        digest = formats.short_sha256(each.notebook_sha256)
        yield Link(_("Notebook"), name, digest, each.notebook_href)
        digest = formats.short_sha256(each.module_sha256)
        yield Link(_("Module"), MAIN, digest, each.module_href)


def _training(record: ReleaseRecord, _: Translate) -> Iterator[Link]:
    data, model, sources = record.data, record.model, record.sources
    if data is not None:
        name, digest = f"{data.name}:{data.version}", formats.short_sha256(data.sha256)
        yield Link(_("Data"), name, digest, sources.get("data_sha256", ""))
    if record.job:
        yield Link(_("Training job"), record.job, "", sources.get("job_name", ""))
    if model is not None:
        name, digest = f"{model.name}:{model.version}", formats.short_sha256(model.sha256)
        yield Link(_("Model"), name, digest, sources.get("model_sha256", ""))


def _serving(record: ReleaseRecord, _: Translate) -> Iterator[Link]:
    batch, online, sources = record.endpoints.batch, record.endpoints.online, record.sources
    if batch is not None:
        href = sources.get("batch_deployment", "")
        yield Link(_("Batch deployment"), batch.deployment, batch.name, href)
    if online is not None:
        share = (online.traffic or {}).get(online.deployment)
        details = online.name if share is None else f"{online.name}, {share}\N{NO-BREAK SPACE}%"
        href = sources.get("online_deployment", "")
        yield Link(_("Online deployment"), online.deployment, details, href)
