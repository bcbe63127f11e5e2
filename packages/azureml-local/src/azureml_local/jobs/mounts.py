"""Read-only mounts of inputs: on Azure a job cannot write to them, so here such a job fails.

A mount is the file or folder itself, and a user such as root can write to it whatever its
permissions are. So the files are listed before and after the command. Changes that others may have
made meanwhile do not count: uploads, the data collector, and jobs that ran at the same time.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from azureml_local.documents.jobs import JOBS
from azureml_local.errors import AzureError
from azureml_local.jobs import inputs, records
from azureml_local.jobs.records import Job
from azureml_local.state import COLLECTED_DATA, FILES
from azureml_local.storage import blob_files

READ_ONLY = (inputs.MOUNT, inputs.EVAL_MOUNT)
CACHE = "__pycache__"
"""Python writes it where it can, and an import works without it."""

FileStates = dict[str, tuple[int, int]]
"""Size and modification time (ns) of files by their absolute path."""


@dataclass(frozen=True)
class ReadOnlyMounts:
    """The read-only mounts of a job, with their files before the job's command."""

    job: Job
    begun: str
    files: dict[str, FileStates]
    """The files of each input."""
    folders: dict[str, Path]
    """The folder, or the file, of each input."""

    @classmethod
    def read(cls, job: Job, values: Mapping[str, str]) -> ReadOnlyMounts:
        """List the files of a job's read-only mounts.

        Args:
            job: the job.
            values: the values of its inputs, from :func:`inputs.resolve_inputs`.
        """
        folders = {
            name: Path(values[name])
            for name, value in (job.properties.get("inputs") or {}).items()
            if name in values
            and value.get("jobInputType", "literal") != "literal"
            and (value.get("mode") or inputs.MOUNT) in READ_ONLY
        }
        files = {name: list_files(folder) for name, folder in folders.items()}
        return cls(job, records.utc_now(), files, folders)

    def check(self) -> None:
        """Compare the files after the job's command with those before it.

        Raises:
            AzureError: the job has written to a mount.
        """
        for name, folder in self.folders.items():
            before, after = self.files[name], list_files(folder)
            if before == after:
                continue
            differing = sorted(dict(before.items() ^ after.items()))
            others = tuple(self._folders_of_others())
            for file in differing:
                if self._is_of_others(file, others):
                    continue
                where = Path(file).relative_to(folder) if file != str(folder) else folder.name
                raise AzureError(
                    f"inputs.{name}: the job has changed {where}; on Azure it cannot write to a "
                    "read-only mount: use mode download or rw_mount",
                    "UserError",
                    target="inputs",
                )

    def _folders_of_others(self) -> Iterator[Path]:
        """The folders that the server, and jobs that run at the same time, may write to."""
        workspace = self.job.workspace
        yield workspace.container(FILES) / COLLECTED_DATA
        for each in workspace.documents.entries(JOBS):
            is_pipeline = each.body["properties"].get("jobType") == "Pipeline"
            if is_pipeline or each.body.get("ended", self.begun) < self.begun:
                continue  # the outputs of a pipeline are those of its steps
            yield self.job.sibling(each.name).artifacts
            for uri in (each.body.get("outputs") or {}).values():
                with contextlib.suppress(AzureError):  # its datastore was deleted
                    yield workspace.local_path(uri)

    def _is_of_others(self, file: str, folders: tuple[Path, ...]) -> bool:
        path, workspace = Path(file), self.job.workspace
        if any(path.is_relative_to(folder) for folder in folders):
            return True
        if not path.is_file() or not path.is_relative_to(workspace.blobs):
            return False
        # An upload through the blob service stores the etag of its content.
        name = path.relative_to(workspace.blobs).as_posix()
        blob = workspace.state.store.get(workspace.key, blob_files.KIND, name)
        tags = [each["tag"] for each in blob.body["contents"]] if blob else []
        return blob_files.etag(path) in tags


def list_files(root: Path) -> FileStates:
    """The files of a folder and of the folders in it, or the one file; empty if it is missing.

    Links are not followed, and Python's caches are left out.
    """
    if not root.is_dir():
        with contextlib.suppress(FileNotFoundError):
            status = root.stat()
            return {str(root): (status.st_size, status.st_mtime_ns)}
        return {}
    files: FileStates = {}
    folders = [str(root)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    status = entry.stat(follow_symlinks=False)
                    files[entry.path] = (status.st_size, status.st_mtime_ns)
                elif entry.name != CACHE:
                    folders.append(entry.path)
    return files
