"""A job's inputs, outputs and code as paths of this machine, put into its command."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

from azureml_local import assets
from azureml_local.errors import BadRequest
from azureml_local.models import OUTPUT_PATH
from azureml_local.state import FILES, State, Workspace

EXPRESSION = re.compile(r"\$\{\{\s*(inputs|outputs)\.([\w.]+)\s*\}\}")
OPTIONAL = re.compile(r"\$\[\[(.*?)\]\]", re.DOTALL)


def located(state: State, workspace: Workspace, uri: str) -> str:
    """Where an input's content lies: a path, or the address where it is public.

    Raises:
        BadRequest: there is nothing at the address.
        NotFound: it names an asset that is not there.
    """
    if re.search(r"/data/[^/]+/versions/", uri, re.IGNORECASE) or re.fullmatch(
        r"azureml:[^:/]+:[^:/]+", uri
    ):
        uri = assets.by_id(state, workspace, "data", uri).body["dataUri"]
    if uri.startswith(("http://", "https://", "wasbs://", "abfss://")):
        return uri
    match = OUTPUT_PATH.match(uri)
    if match:
        rest = f"/{match[3]}" if match[3] else ""
        uri = state.long_uri(workspace, FILES, f"azureml/{match[1]}/{match[2]}{rest}")
    path = state.local_path(workspace, uri)
    if not path.exists():
        raise BadRequest(f"there is nothing at {uri}", "UserError")
    return str(path)


def values(state: State, workspace: Workspace, inputs: dict[str, Any]) -> dict[str, str]:
    """Each input's text: a literal as it is, data as the path where it lies."""
    return {
        name: str(given["value"])
        if given.get("jobInputType") == "literal"
        else located(state, workspace, given["uri"])
        for name, given in inputs.items()
        if given is not None
    }


def output_path(state: State, workspace: Workspace, job: str, name: str) -> Path:
    """The folder of a job's output, where the SDK's download looks for it."""
    return state.container(workspace, FILES) / "azureml" / job / name


def command_line(command: str, given: dict[str, str], outputs: dict[str, str]) -> str:
    """A command with its expressions replaced; ``$[[…]]`` goes where an optional input is missing.

    Raises:
        BadRequest: it names an input or output that the job does not have.
    """
    known = {"inputs": given, "outputs": outputs}

    def optional(match: re.Match[str]) -> str:
        parts = EXPRESSION.findall(match[1])
        return match[1] if all(name in known[kind] for kind, name in parts) else ""

    def replace(match: re.Match[str]) -> str:
        kind, name = match[1], match[2].removesuffix(".path")
        if name not in known[kind]:
            raise BadRequest(f"the command names {kind}.{name}, which the job does not have")
        value = known[kind][name]
        return value if re.fullmatch(r"[\w@%+=:,./-]+", value) else shlex.quote(value)

    return EXPRESSION.sub(replace, OPTIONAL.sub(optional, command))


def copy_code(state: State, workspace: Workspace, code: str | None, folder: Path) -> None:
    """Copy a job's code to its folder, so that the job cannot change the registered one."""
    folder.mkdir(parents=True, exist_ok=True)
    if not code:
        return
    uri = assets.by_id(state, workspace, "codes", code).body["codeUri"]
    container, _, path = uri.partition(".blob.core.windows.net/")[2].partition("/")
    source = state.data / "blobs" / workspace.key / container
    # The address may end with the folder that was uploaded, or name the container alone.
    source = source / path if path else source
    if not source.is_dir():
        raise BadRequest(f"the job's code {code} was never uploaded")
    shutil.copytree(source, folder, dirs_exist_ok=True)
