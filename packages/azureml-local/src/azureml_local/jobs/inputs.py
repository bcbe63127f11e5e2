"""Resolves a job's inputs, outputs and code to local paths, and renders its command."""

from __future__ import annotations

import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

from azureml_local import public_files
from azureml_local.addresses import resolve_job_uri, run_artifacts_path
from azureml_local.assets.versions import Assets, validate_name
from azureml_local.documents.assets import CODES, DATA, MODELS, AssetVersion
from azureml_local.documents.jobs import InputMap, JobInput, JobOutput, OutputMap
from azureml_local.errors import BadRequest, NotSupported
from azureml_local.jobs.records import Job
from azureml_local.json_fields import text_of
from azureml_local.state import ARTIFACTS, FILES, Workspace
from azureml_local.storage.datastores import LAKE_ADDRESS, find_lake_uri

EXPRESSION = re.compile(r"\$\{\{\s*(inputs|outputs)\.([\w.\-]+)\s*\}\}")
OUTPUT_PART = re.compile(r"\$\{\{\s*(name|output_name|default_datastore)\s*\}\}")
"""What Azure replaces in the path of an output."""
OPTIONAL = re.compile(r"\$\[\[(.*?)\]\]", re.DOTALL)
ASSET = re.compile(r"/(data|models)/[^/]+/(?:versions|labels)/[^/]+\Z", re.IGNORECASE)
NAME_VERSION = re.compile(r"azureml:[^:/]+:[^:/]+\Z")
MODEL_TYPES = ("mlflow_model", "custom_model", "triton_model")
TYPES = ("literal", "uri_file", "uri_folder", "mltable", *MODEL_TYPES)
PRIMITIVES = ("string", "integer", "number", "boolean")
"""The types of outputs whose file contains a value, which later steps use as a literal."""
RUN_ARTIFACTS = "artifacts"
"""The output that is the folder of the run's artifacts, with ``./outputs`` of the job."""
MOUNT, EVAL_MOUNT, DIRECT = "ReadOnlyMount", "EvalMount", "Direct"
COPY_MODES = ("Download", "EvalDownload")
MODES = (MOUNT, "ReadWriteMount", EVAL_MOUNT, DIRECT, *COPY_MODES)
OUTPUT_MODES = ("ReadWriteMount", "Upload", "Direct")
# The modes of components, as jobs write them.
COMPONENT_MODES = {
    "ro_mount": MOUNT,
    "rw_mount": "ReadWriteMount",
    "eval_mount": EVAL_MOUNT,
    "download": "Download",
    "eval_download": "EvalDownload",
    "direct": DIRECT,
    "upload": "Upload",
}
LAKE_SCHEMES = ("abfss://", "abfs://")


@dataclass(frozen=True)
class Output:
    """An output of a job: its location, and the asset to register from it."""

    workspace: Workspace
    name: str
    kind: str
    uri: str
    path: Path
    asset: str | None
    version: str | None

    @property
    def folder(self) -> Path:
        """The folder that must exist before the job starts."""
        return self.path.parent if self.kind in ("uri_file", *PRIMITIVES) else self.path

    def copy_from(self, uri: str) -> None:
        """Copy an output of another job, and register it if this job names an asset.

        Raises:
            AzureError: it cannot be registered.
        """
        source = self.workspace.local_path(uri)
        self.folder.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, self.path, dirs_exist_ok=True)
        elif source.exists():
            shutil.copy(source, self.path)
        self.register()

    def register(self) -> None:
        """Register it as an asset if the job names one.

        Raises:
            AzureError: the name or version is not valid, or the output is empty.
        """
        if not self.asset:
            return
        is_model = self.kind in MODEL_TYPES
        assets = Assets(self.workspace, MODELS if is_model else DATA)
        validate_name(f"Output {self.name}'s asset", self.asset)
        version = self.version or assets.next_version(self.asset)
        properties: AssetVersion = (
            {"modelUri": self.uri, "modelType": self.kind}
            if is_model
            else {"dataUri": self.uri, "dataType": self.kind}
        )
        assets.register(self.asset, version, properties)


def check_reference(workspace: Workspace, uri: str) -> None:
    """Refuse an input without an address, with an asset that does not exist, or in another storage.

    Raises:
        BadRequest: the address is empty.
        NotFound: the asset does not exist.
        NotSupported: the address is in a storage that no datastore of the workspace names.
    """
    if not uri:
        raise BadRequest("inputs: an input has no address (uri)", "UserError", target="inputs")
    address = _asset_uri(workspace, uri) or uri
    if find_lake_uri(workspace, address):
        return
    if address.startswith(LAKE_SCHEMES):
        raise NotSupported(
            f"inputs: {address} is outside of this machine; create a datastore of type "
            "azure_data_lake_gen2 with its account_name and filesystem"
        )
    if LAKE_ADDRESS.fullmatch(address) and not workspace.state.public_files.allow_download:
        workspace.state.public_files.locate(address, "inputs")
    if address.startswith("adl://"):
        raise NotSupported(
            f"inputs: {address} is in Azure Data Lake Storage Gen1, which is retired"
        )


def api_mode(mode: str) -> str:
    """A component's mode as jobs write it; other texts are returned unchanged."""
    return COMPONENT_MODES.get(mode, mode)


def check_output(value: object) -> None:
    """Refuse an output with an unknown type or mode.

    Raises:
        BadRequest: the type or mode is unknown.
    """
    if not isinstance(value, dict):
        raise BadRequest(f"outputs: an output must be an object (got {value!r})", "UserError")
    kind = text_of(value, "jobOutputType", "uri_folder")
    if kind not in (*TYPES[1:], *PRIMITIVES):
        raise BadRequest(f"outputs: type {kind!r} is unknown", "UserError", target="outputs")
    mode = text_of(value, "mode", "ReadWriteMount")
    if mode not in OUTPUT_MODES:
        raise BadRequest(f"outputs: mode {mode!r} is unknown", "UserError", target="outputs")


def _asset_uri(workspace: Workspace, uri: str) -> str | None:
    """The address of the files of the asset that ``uri`` names; None if it names no asset."""
    match = ASSET.search(uri)
    if match:
        kind = DATA if match[1].lower() == DATA else MODELS
    elif NAME_VERSION.match(uri):
        _, name, version = uri.split(":")
        kind = DATA if workspace.documents.get(DATA, name, version) else MODELS
    else:
        return None
    body = Assets(workspace, kind).find_by_id(uri).body
    return body["dataUri"] if kind == DATA else body["modelUri"]


def locate_input(workspace: Workspace, uri: str) -> str:
    """The local path of an input's content, or its address if it is outside this workspace.

    Raises:
        BadRequest: nothing exists at the address.
        NotFound: the asset does not exist.
    """
    uri = _asset_uri(workspace, uri) or uri
    uri = find_lake_uri(workspace, uri) or uri
    if uri.startswith(public_files.SCHEMES) and not uri.startswith(f"{workspace.state.url}/"):
        return uri
    uri = resolve_job_uri(workspace, uri)
    path = workspace.local_path(uri)
    if not path.exists():
        raise BadRequest(f"inputs: nothing exists at {uri}", "UserError")
    return str(path)


def resolve_inputs(workspace: Workspace, inputs: InputMap, folder: Path) -> dict[str, str]:
    """The text of each input: a literal's value, or the local path of the data.

    Args:
        workspace: the job's workspace.
        inputs: the job's inputs.
        folder: the folder for copies and downloads, with one folder for each input.

    Raises:
        BadRequest: nothing exists at an input's address, or its type does not match.
        NotFound: an asset does not exist.
    """
    return {
        name: _resolve_input(workspace, name, value, folder / name)
        for name, value in inputs.items()
        if value is not None
    }


def _resolve_input(workspace: Workspace, name: str, value: JobInput, folder: Path) -> str:
    kind, mode = value.get("jobInputType", "literal"), value.get("mode") or MOUNT
    if kind == "literal" and value.get("uri"):
        path = workspace.local_path(value["uri"])
        if not path.is_file():
            raise BadRequest(f"inputs.{name}: the step before wrote no value to {path}")
        return path.read_text(encoding="utf-8").strip()
    if kind == "literal":
        return str(value.get("value", ""))
    location = locate_input(workspace, value["uri"])
    if mode == DIRECT:
        uri = _asset_uri(workspace, value["uri"]) or value["uri"]
        return resolve_job_uri(workspace, uri)
    if location.startswith(public_files.SCHEMES):
        location = str(workspace.state.public_files.locate(location, f"inputs.{name}"))
    source = Path(location)
    if kind == "uri_file" and source.is_dir():
        raise BadRequest(f"inputs.{name}: type is {kind}, {value['uri']} is a folder", "UserError")
    if kind in ("uri_folder", "mltable") and source.is_file():
        raise BadRequest(f"inputs.{name}: type is {kind}, {value['uri']} is a file", "UserError")
    if mode not in COPY_MODES:
        return location
    folder.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, folder, dirs_exist_ok=True)
        return str(folder)
    return str(shutil.copy(source, folder / source.name))


def default_output_path(job: Job, name: str) -> Path:
    """The folder of a job's output, in which the SDK's download looks for it."""
    return job.workspace.container(FILES) / "azureml" / job.name / name


def resolve_outputs(job: Job, outputs: OutputMap) -> dict[str, Output]:
    """The locations of a job's outputs.

    Raises:
        BadRequest: an address is not in a datastore of the workspace.
    """
    return {name: resolve_output(job, name, value or {}) for name, value in outputs.items()}


def resolve_output(job: Job, name: str, value: JobOutput) -> Output:
    """The location of a job's output: its own address, or Azure's default.

    Raises:
        BadRequest: the address is not in a datastore of the workspace.
    """
    workspace, kind = job.workspace, text_of(value, "jobOutputType", "uri_folder")
    uri = text_of(value, "uri")
    if uri:
        values = {"name": job.name, "output_name": name, "default_datastore": FILES}
        uri = OUTPUT_PART.sub(lambda match: values[match[1]], uri)
        if uri.startswith("/"):  # a path in the default datastore
            uri = workspace.datastore_uri(FILES, uri.strip("/"))
        uri = resolve_job_uri(workspace, uri)
        path = workspace.local_path(uri)
    elif name == RUN_ARTIFACTS:
        path = workspace.container(ARTIFACTS) / run_artifacts_path(job.name)
        uri = workspace.datastore_uri(ARTIFACTS, run_artifacts_path(job.name))
    else:
        path = default_output_path(job, name)
        uri = workspace.datastore_uri(FILES, f"azureml/{job.name}/{name}")
    asset, version = value.get("assetName"), value.get("assetVersion")
    return Output(workspace, name, kind, uri, path, asset, str(version) if version else None)


def render_command(command: str, inputs: dict[str, str], outputs: dict[str, str]) -> str:
    """A command with its expressions replaced; ``$[[...]]`` is removed without its input.

    Raises:
        BadRequest: the command names an input or output that the job does not have.
    """
    values = {"inputs": inputs, "outputs": outputs}

    def replace_optional(match: re.Match[str]) -> str:
        expressions = EXPRESSION.findall(match[1])
        return match[1] if all(name in values[kind] for kind, name in expressions) else ""

    def replace_expression(match: re.Match[str]) -> str:
        kind, name = match[1], match[2].removesuffix(".path")
        if name not in values[kind]:
            raise BadRequest(
                f"command: {kind}.{name} does not exist in this job", "UserError", target="command"
            )
        value = values[kind][name]
        return value if re.fullmatch(r"[\w@%+=:,./-]+", value) else shlex.quote(value)

    return EXPRESSION.sub(replace_expression, OPTIONAL.sub(replace_optional, command))


def copy_code(workspace: Workspace, code: str | None, folder: Path) -> None:
    """Copy a job's code to its working folder, so that the job cannot change the asset.

    Raises:
        BadRequest: the code was not uploaded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not code:
        return
    # The address names the uploaded folder, or its container.
    uri = Assets(workspace, CODES).find_by_id(code).body["codeUri"]
    source = workspace.local_path(uri)
    if not source.is_dir():
        raise BadRequest(f"codeId: {code} has no uploaded files")
    shutil.copytree(source, folder, dirs_exist_ok=True)
