"""Which function does the work of which task."""

from __future__ import annotations

from collections.abc import Callable

from pipelines_local.tasks import artifacts, copying, python, reports, scripts
from pipelines_local.tasks.context import TaskContext

ADAPTERS: dict[str, Callable[[TaskContext], None]] = {
    "AzureCLI@2": scripts.azure_cli,
    "Bash@3": scripts.bash,
    "CmdLine@2": scripts.command_line,
    "CopyFiles@2": copying.copy_files,
    "DownloadPipelineArtifact@2": artifacts.download,
    "PublishCodeCoverageResults@2": reports.publish_coverage,
    "PublishPipelineArtifact@1": artifacts.publish,
    "PublishTestResults@2": reports.publish_tests,
    "UsePythonVersion@0": python.use_version,
    "checkout": copying.checkout,
}
