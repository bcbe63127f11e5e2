"""The implementation of each task."""

from __future__ import annotations

from collections.abc import Callable

from pipelines_local.tasks import (
    artifacts,
    azure_cli,
    cache,
    checkout,
    copy_files,
    coverage,
    manual_validation,
    pip_authenticate,
    python_version,
    scripts,
    test_results,
)
from pipelines_local.tasks.context import TaskContext

ADAPTERS: dict[str, Callable[[TaskContext], None]] = {
    "AzureCLI@1": azure_cli.run_azure_cli,
    "AzureCLI@2": azure_cli.run_azure_cli,
    "AzureCLI@3": azure_cli.run_azure_cli,
    "Bash@3": scripts.run_bash,
    "Cache@2": cache.restore_cache,
    "CmdLine@2": scripts.run_command_line,
    "CopyFiles@2": copy_files.copy_files,
    "DownloadPipelineArtifact@2": artifacts.download_artifact,
    "ManualValidation@0": manual_validation.validate_manually,
    "ManualValidation@1": manual_validation.validate_manually,
    "PipAuthenticate@1": pip_authenticate.authenticate_pip,
    "PublishBuildArtifacts@1": artifacts.publish_build_artifact,
    "PublishCodeCoverageResults@1": coverage.publish_coverage,
    "PublishCodeCoverageResults@2": coverage.publish_coverage,
    "PublishPipelineArtifact@0": artifacts.publish_artifact,
    "PublishPipelineArtifact@1": artifacts.publish_artifact,
    "PublishTestResults@2": test_results.publish_test_results,
    "PythonScript@0": scripts.run_python_script,
    "UsePythonVersion@0": python_version.use_python_version,
    "checkout": checkout.check_out,
}
