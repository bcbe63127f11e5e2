"""From the commit to what serves: each thing that a release went through, with what proves it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from nbrelease import pack_code
from nbrelease.records import ReleaseRecord
from nbrelease.report.headline import Translate
from nbrelease.report.templating import NOTHING

MAIN = "main.py"


@dataclass(frozen=True)
class Link:
    """A link of the chain: what it is, its name, what else there is to say, and where it leads."""

    kind: str
    name: str
    more: str = ""
    href: str = ""


@dataclass(frozen=True)
class Exported:
    """A module that runs as a job, and the notebook that it was written from."""

    notebook: str
    notebook_sha256: str
    main: str
    main_sha256: str

    @property
    def notebook_href(self) -> str:
        """The notebook in the pack."""
        return f"{pack_code.CODE}/{self.notebook}"

    @property
    def main_href(self) -> str:
        """The module in the pack."""
        return f"{pack_code.CODE}/{self.main}"


def exported(record: ReleaseRecord) -> list[Exported]:
    """The carried modules that run as jobs, each with its notebook."""
    runbooks = {runbook.source for runbook in record.runbooks}
    modules = {PurePosixPath(name).parent.name: name for name in record.code if _is_main(name)}
    found = []
    for name, digest in record.code.items():
        main = modules.get(re.sub(r"\W", "_", PurePosixPath(name).stem))
        if main is not None and name.endswith(".ipynb") and name not in runbooks:
            found.append(Exported(name, digest, main, record.code[main]))
    return found


def _is_main(name: str) -> bool:
    return PurePosixPath(name).name == MAIN


def chain(record: ReleaseRecord, _: Translate) -> list[Link]:
    """From the commit to what serves: a link for each thing that the record knows."""
    links = [Link(_("Commit"), record.source.commit[:8] or NOTHING, record.source.branch)]
    for each in exported(record):
        notebook = each.notebook.rpartition("/")[2]
        links.append(
            Link(_("Notebook"), notebook, _short(each.notebook_sha256), each.notebook_href)
        )
        links.append(Link(_("Module"), MAIN, _short(each.main_sha256), each.main_href))
    data, model = record.data, record.model
    if data is not None:
        source = record.sources.get("data_sha256", "")
        links.append(Link(_("Data"), f"{data.name}:{data.version}", _short(data.sha256), source))
    if record.job:
        links.append(Link(_("Training job"), record.job, "", record.sources.get("job_name", "")))
    if model is not None:
        source = record.sources.get("model_sha256", "")
        links.append(
            Link(_("Model"), f"{model.name}:{model.version}", _short(model.sha256), source)
        )
    return [*links, *_deployments(record, _)]


def _deployments(record: ReleaseRecord, _: Translate) -> list[Link]:
    batch, online = record.endpoints.batch, record.endpoints.online
    links = []
    if batch is not None:
        source = record.sources.get("batch_deployment", "")
        links.append(Link(_("Batch deployment"), batch.deployment, batch.name, source))
    if online is not None:
        traffic = online.traffic or {}
        share = (
            f", {traffic[online.deployment]}\N{NO-BREAK SPACE}%"
            if online.deployment in traffic
            else ""
        )
        source = record.sources.get("online_deployment", "")
        name = f"{online.name}{share}"
        links.append(Link(_("Online deployment"), online.deployment, name, source))
    return links


def _short(digest: str) -> str:
    return f"sha256 {digest[:12]}"
