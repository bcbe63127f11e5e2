"""A job's inputs, outputs and code as paths of this machine, put into its command."""

from __future__ import annotations

import re
import shlex
import shutil
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azureml_local import assets
from azureml_local.addresses import resolve_job_uri
from azureml_local.errors import BadRequest
from azureml_local.state import FILES, State, Workspace, text_of

EXPRESSION = re.compile(r"\$\{\{\s*(inputs|outputs)\.([\w.\-]+)\s*\}\}")
OPTIONAL = re.compile(r"\$\[\[(.*?)\]\]", re.DOTALL)
ASSET = re.compile(r"/(data|models)/[^/]+/(?:versions|labels)/[^/]+\Z", re.IGNORECASE)
NAMED = re.compile(r"azureml:[^:/]+:[^:/]+\Z")
MODELS = ("mlflow_model", "custom_model", "triton_model")
TYPES = ("literal", "uri_file", "uri_folder", "mltable", *MODELS)
MOUNT, DIRECT = "ReadOnlyMount", "Direct"
COPIED = ("Download", "EvalDownload")
MODES = (MOUNT, "ReadWriteMount", "EvalMount", DIRECT, *COPIED)
OUTPUT_MODES = ("ReadWriteMount", "Upload", "Direct")
# As components write a mode.
WORDS = {
    "ro_mount": MOUNT,
    "rw_mount": "ReadWriteMount",
    "eval_mount": "EvalMount",
    "download": "Download",
    "eval_download": "EvalDownload",
    "direct": DIRECT,
    "upload": "Upload",
}
WEB = ("http://", "https://")
ELSEWHERE = ("wasbs://", "wasb://", "abfss://", "abfs://", "adl://")
FETCH_SECONDS = 60


@dataclass(frozen=True)
class Output:
    """Where a job writes an output, and the asset that it shall become."""

    kind: str
    uri: str
    path: Path
    asset: str | None
    version: str | None


def check_reference(state: State, workspace: Workspace, uri: str) -> None:
    """Refuse an input that names an asset which is not there.

    Raises:
        BadRequest: the input has no address.
        NotFound: there is no such asset.
    """
    if not uri:
        raise BadRequest("an input has no address", "UserError", target="inputs")
    _asset(state, workspace, uri)


def api_mode(word: str) -> str:
    """A mode as jobs write it, from the word in a component; other texts as they are."""
    return WORDS.get(word, word)


def check_output(given: Any) -> None:
    """Refuse an output of a type or mode that there is not.

    Raises:
        BadRequest: it is of such a one.
    """
    if not isinstance(given, dict):
        raise BadRequest(f"an output must be an object, not {given!r}", "UserError")
    kind = text_of(given, "jobOutputType", "uri_folder")
    if kind not in TYPES[1:]:
        raise BadRequest(f"{kind!r} is no type of output", "UserError", target="outputs")
    mode = text_of(given, "mode", "ReadWriteMount")
    if mode not in OUTPUT_MODES:
        raise BadRequest(f"{mode!r} is no mode of an output", "UserError", target="outputs")


def _asset(state: State, workspace: Workspace, uri: str) -> str | None:
    """The address of the asset that ``uri`` names; None where it names none."""
    match = ASSET.search(uri)
    if match:
        kind = match[1].lower()
    elif NAMED.match(uri):
        _, name, version = uri.split(":")
        kind = "data" if state.store.get(workspace.key, "data", name, version) else "models"
    else:
        return None
    body = assets.find_by_id(state, workspace, kind, uri).body
    return str(body["dataUri" if kind == "data" else "modelUri"])


def locate_input(state: State, workspace: Workspace, uri: str) -> str:
    """Where an input's content lies: a path, or the address where it is public.

    Raises:
        BadRequest: there is nothing at the address.
        NotFound: it names an asset that is not there.
    """
    uri = _asset(state, workspace, uri) or uri
    if uri.startswith((*WEB, *ELSEWHERE)) and ".blob.core.windows.net/" not in uri:
        return uri
    if uri.startswith(ELSEWHERE):
        return uri
    uri = resolve_job_uri(state, workspace, uri)
    path = state.local_path(workspace, uri)
    if not path.exists():
        raise BadRequest(f"there is nothing at {uri}", "UserError")
    return str(path)


def resolve_inputs(
    state: State, workspace: Workspace, inputs: dict[str, Any], folder: Path
) -> dict[str, str]:
    """Each input's text: a literal as it is, data as the path where it lies.

    Args:
        state: the server's state.
        workspace: the job's workspace.
        inputs: the job's inputs.
        folder: where what is to be copied or fetched goes, one folder an input.

    Raises:
        BadRequest: there is nothing at an input's address, or something of another type.
        NotFound: it names an asset that is not there.
    """
    return {
        name: _value(state, workspace, name, given, folder / name)
        for name, given in inputs.items()
        if given is not None
    }


def _value(
    state: State, workspace: Workspace, name: str, given: dict[str, Any], folder: Path
) -> str:
    kind, mode = given.get("jobInputType", "literal"), given.get("mode") or MOUNT
    if kind == "literal":
        return str(given.get("value", ""))
    place = locate_input(state, workspace, given["uri"])
    if mode == DIRECT:
        uri = _asset(state, workspace, given["uri"]) or given["uri"]
        return resolve_job_uri(state, workspace, uri)
    if place.startswith(WEB):
        return _download(place, folder)
    if place.startswith(ELSEWHERE):
        raise BadRequest(f"input {name}: azureml-local does not fetch {place}", "UserError")
    source = Path(place)
    if kind == "uri_file" and source.is_dir():
        raise BadRequest(f"input {name} is a uri_file, but {given['uri']} is a folder", "UserError")
    if kind in ("uri_folder", "mltable") and source.is_file():
        raise BadRequest(f"input {name} is a {kind}, but {given['uri']} is a file", "UserError")
    if mode not in COPIED:
        return place
    folder.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, folder, dirs_exist_ok=True)
        return str(folder)
    return str(shutil.copy(source, folder / source.name))


def _download(address: str, folder: Path) -> str:
    """Fetch a file from the web, as a job on Azure would mount it."""
    folder.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^\w.\-]", "_", address.partition("?")[0].rsplit("/", 1)[-1]) or "data"
    try:
        with (
            urllib.request.urlopen(address, timeout=FETCH_SECONDS) as answer,  # noqa: S310 - WEB
            (folder / name).open("wb") as file,
        ):
            shutil.copyfileobj(answer, file)
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise BadRequest(f"{address} cannot be fetched: {error}", "UserError") from None
    return str(folder / name)


def default_output_path(state: State, workspace: Workspace, job: str, name: str) -> Path:
    """The folder of a job's output, where the SDK's download looks for it."""
    return state.container(workspace, FILES) / "azureml" / job / name


def resolve_output(
    state: State, workspace: Workspace, job: str, name: str, given: dict[str, Any]
) -> Output:
    """Where a job writes an output: what its address says, or Azure's place for it.

    Raises:
        BadRequest: the address is in no datastore of the workspace.
    """
    kind = text_of(given, "jobOutputType", "uri_folder")
    uri = text_of(given, "uri")
    if uri:
        uri = re.sub(r"\$\{\{\s*name\s*\}\}", job, uri)
        uri = re.sub(r"\$\{\{\s*output_name\s*\}\}", name, uri)
        uri = resolve_job_uri(state, workspace, uri)
        path = state.local_path(workspace, uri)
    else:
        path = default_output_path(state, workspace, job, name)
        uri = state.datastore_uri(workspace, FILES, f"azureml/{job}/{name}")
    version = given.get("assetVersion")
    return Output(kind, uri, path, given.get("assetName"), str(version) if version else None)


def register_output(state: State, workspace: Workspace, name: str, target: Output) -> None:
    """Make an asset of a job's output, where the job asks for one.

    Raises:
        AzureError: the name or version is not valid, or there is nothing in the output.
    """
    if not target.asset:
        return
    kind = "models" if target.kind in MODELS else "data"
    assets.validate_name(f"Output {name}'s asset", target.asset)
    version = target.version or assets.next_version(state, workspace, kind, target.asset)
    fields = ("modelUri", "modelType") if kind == "models" else ("dataUri", "dataType")
    given = dict(zip(fields, (target.uri, target.kind), strict=True))
    assets.register_version(state, workspace, kind, target.asset, version, given)


def render_command(command: str, given: dict[str, str], outputs: dict[str, str]) -> str:
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
            raise BadRequest(
                f"the command names {kind}.{name}, which the job does not have",
                "UserError",
                target="command",
            )
        value = known[kind][name]
        return value if re.fullmatch(r"[\w@%+=:,./-]+", value) else shlex.quote(value)

    return EXPRESSION.sub(replace, OPTIONAL.sub(optional, command))


def copy_code(state: State, workspace: Workspace, code: str | None, folder: Path) -> None:
    """Copy a job's code to its folder, so that the job cannot change the registered one.

    Raises:
        BadRequest: the code was never uploaded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not code:
        return
    # The address may end with the folder that was uploaded, or name the container alone.
    uri = assets.find_by_id(state, workspace, "codes", code).body["codeUri"]
    source = state.local_path(workspace, uri)
    if not source.is_dir():
        raise BadRequest(f"the job's code {code} was never uploaded")
    shutil.copytree(source, folder, dirs_exist_ok=True)
