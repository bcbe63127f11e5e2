"""The names of assets on the pages, by their references in jobs and deployments.

The SDK registers components and environments without a name under one name, with a digest as
version. They are shown by what their author called them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from azureml_local.assets.versions import ANONYMOUS_NAMES, KINDS
from azureml_local.documents.assets import AssetKind, AssetResource
from azureml_local.state import Workspace

SHOWN_KINDS = [kind for kind in KINDS if kind != "codes"]
PATH = re.compile(
    rf"/workspaces/[^/]+/({'|'.join(SHOWN_KINDS)})/([^/]+)/versions/([^/]+)\Z", re.IGNORECASE
)
SHORT = re.compile(r"(?:azureml:)?([^/:]+):([^/:]+)\Z")
CONDA_NAME = re.compile(r"^name:[ \t]*[\"']?([^\s\"'#]+)", re.MULTILINE)
VERSION_LENGTH = 16
"""Versions of anonymous assets are longer digests."""


@dataclass(frozen=True)
class AssetName:
    """The name of an asset, and the path of its page; empty if it has none."""

    title: str
    path: str = ""


@dataclass(frozen=True)
class AssetNames:
    """The names of the assets of a workspace."""

    workspace: Workspace

    def __call__(self, reference: object) -> AssetName:
        """The name of an asset by its resource id; other texts are their own names."""
        text = str(reference or "")
        match = PATH.search(text)
        short = SHORT.fullmatch(text)
        if match is not None:
            kind, name, version = match[1].lower(), match[2].removeprefix("azureml:"), match[3]
        elif short is not None and short[1] in ANONYMOUS_NAMES:
            kind = "environments" if short[1] == ANONYMOUS_NAMES[0] else "components"
            name, version = short[1], short[2]
        else:
            return AssetName(short_name(text))
        path = f"assets/{kind}/{name}/{version}"
        if name not in ANONYMOUS_NAMES:
            return AssetName(f"{name}:{version}", path)
        asset = self.workspace.documents.get(AssetKind(kind), name, version)
        if asset is None:
            return AssetName(f"anonymous ({version[:VERSION_LENGTH]})")
        return AssetName(title_of(asset), path)


def short_name(reference: object) -> str:
    """``name:version`` from the resource id of an asset; other texts are returned unchanged."""
    text = str(reference or "")
    match = re.search(r"/(\w+)/([^/]+)/versions/([^/]+)\Z", text)
    return f"{match[2]}:{match[3]}" if match else text.removeprefix("azureml:")


def title_of(asset: AssetResource) -> str:
    """``name:version`` of an asset, and the display name of an anonymous one."""
    if asset.name not in ANONYMOUS_NAMES:
        return f"{asset.name}:{asset.version}"
    if asset.kind == "components":
        return display_name(asset.body["componentSpec"]) or "anonymous component"
    conda = CONDA_NAME.search(str(asset.body.get("condaFile") or ""))
    image = str(asset.body.get("image") or "").rpartition("/")[2]
    return f"{conda[1] if conda else image or 'Dockerfile'} (anonymous)"


def display_name(spec: Mapping[str, object]) -> str:
    """The display name of a component, else its name."""
    return str(spec.get("display_name") or spec.get("name") or "")
