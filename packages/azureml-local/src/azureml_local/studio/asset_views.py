"""The data of the pages of assets: rows of the lists, and the ports of components."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from azureml_local.assets.versions import ANONYMOUS_NAMES
from azureml_local.documents.assets import AssetKind, AssetResource
from azureml_local.state import Workspace
from azureml_local.studio.listing import Column, Filter, Switch, Table, by_text, by_version


@dataclass(frozen=True)
class Port:
    """An input or output of a component."""

    name: str
    kind: str
    default: str = ""
    optional: bool = False
    description: str = ""


def ports(declared: object) -> list[Port]:
    """The inputs or outputs in the specification of a component."""
    if not isinstance(declared, Mapping):
        return []
    return [_port(str(name), value) for name, value in declared.items()]


def _port(name: str, value: object) -> Port:
    if not isinstance(value, Mapping):
        return Port(name, str(value))
    default = value.get("default")
    limits = [f"{word} {value[word]}" for word in ("min", "max") if value.get(word) is not None]
    options = value.get("enum")
    if isinstance(options, list):
        limits.append("one of " + ", ".join(map(str, options)))
    kind = str(value.get("type") or "")
    return Port(
        name,
        f"{kind} ({', '.join(limits)})" if limits else kind,
        "" if default is None else str(default),
        str(value.get("optional")).lower() == "true",
        str(value.get("description") or ""),
    )


def asset_rows(workspace: Workspace, kind: AssetKind) -> list[AssetResource]:
    """The versions of all assets of a kind but the anonymous ones, newest first."""
    entries = reversed(workspace.documents.entries(kind))
    return [asset for asset in entries if asset.name not in ANONYMOUS_NAMES]


def type_of(asset: AssetResource) -> str:
    """The type of a model, of data or of a component."""
    spec = asset.body.get("componentSpec")
    kind = spec.get("type") if isinstance(spec, dict) else None
    return str(kind or asset.body.get("modelType") or asset.body.get("dataType") or "")


def tags_of(asset: AssetResource) -> list[str]:
    """The tags of an asset as ``key=value``."""
    return [f"{key}={value}" for key, value in (asset.body.get("tags") or {}).items()]


def _newest(rows: Sequence[AssetResource]) -> list[AssetResource]:
    """The newest version of each name; rows are newest first."""
    newest: dict[str, AssetResource] = {}
    for row in rows:
        newest.setdefault(row.name.lower(), row)
    return list(newest.values())


ASSETS: Table[AssetResource] = Table(
    [
        Column("Name", "name", lambda row: by_text(row.name)),
        Column("Version", "version", lambda row: by_version(row.version)),
        Column("Type", "type", lambda row: by_text(type_of(row))),
        Column("Created (UTC)", "created", lambda row: by_text(row.created)),
        Column("Tags"),
    ],
    lambda row: row.name,
    [
        Filter("type", "Type", lambda row: [type_of(row)]),
        Filter("tag", "Tag", tags_of),
    ],
    [Switch("newest", "Newest version only", _newest)],
    "-created",
)
