"""The supported tasks and their inputs.

An input without an effect on this machine is accepted. An input that would have an effect but is
not implemented is not listed, so it is reported instead of being ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class TaskSpec:
    """The inputs of a task, in lower case.

    Attributes:
        inputs: the supported inputs.
        required: inputs that must have a value.
        aliases: alternative names of inputs.
        choices: the supported values of inputs, in lower case.
        flags: boolean inputs.
        connection: the input with the name of a service connection.
        server: whether the task runs in a server job (``pool: server``).
        unsupported: inputs of the task on Azure that are not implemented here.
    """

    inputs: frozenset[str]
    required: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    flags: frozenset[str] = frozenset()
    connection: str = ""
    server: bool = False
    unsupported: frozenset[str] = frozenset()


def _spec(inputs: str, required: str = "", flags: str = "", **more: object) -> TaskSpec:
    names = frozenset(inputs.lower().split()) | frozenset(flags.lower().split())
    return TaskSpec(
        names,
        tuple(required.lower().split()),
        flags=frozenset(flags.lower().split()),
        **more,  # type: ignore[arg-type]
    )


_AZURE_CLI_INPUTS = (
    "azureSubscription scriptLocation inlineScript scriptPath arguments workingDirectory"
)
_AZURE_CLI_ALIASES = {"connectedservicenamearm": "azuresubscription", "cwd": "workingdirectory"}
_AZURE_CLI = _spec(
    f"{_AZURE_CLI_INPUTS} scriptType powerShellErrorActionPreference powerShellIgnoreLASTEXITCODE",
    "azureSubscription scriptType",
    "failOnStandardError addSpnToEnvironment useGlobalConfig visibleAzLogin keepAzSessionActive",
    aliases={**_AZURE_CLI_ALIASES, "scriptarguments": "arguments"},
    choices={"scripttype": ("bash",), "scriptlocation": ("inlinescript", "scriptpath")},
    connection="azuresubscription",
)

TASKS: dict[str, TaskSpec] = {
    "CmdLine@2": _spec("script workingDirectory", "script", "failOnStderr"),
    "Bash@3": _spec(
        "targetType script filePath arguments workingDirectory bashEnvValue",
        flags="failOnStderr",
        choices={"targettype": ("inline", "filepath")},
    ),
    "AzureCLI@1": _spec(
        _AZURE_CLI_INPUTS,
        "azureSubscription",
        "failOnStandardError addSpnToEnvironment useGlobalConfig",
        aliases={**_AZURE_CLI_ALIASES, "args": "arguments"},
        choices={"scriptlocation": ("inlinescript", "scriptpath")},
        connection="azuresubscription",
    ),
    "AzureCLI@2": _AZURE_CLI,
    "AzureCLI@3": replace(
        _AZURE_CLI,
        inputs=_AZURE_CLI.inputs | {"connectiontype", "allownosubscriptions"},
        choices={**_AZURE_CLI.choices, "connectiontype": ("azurerm",)},
        unsupported=frozenset({"azuredevopsserviceconnection"}),
    ),
    "UsePythonVersion@0": _spec(
        "versionSpec architecture githubToken",
        flags="disableDownloadFromRegistry allowUnstable addToPath",
        choices={"architecture": ("x64",)},
    ),
    "PublishTestResults@2": _spec(
        "testResultsFormat testResultsFiles searchFolder testRunTitle buildPlatform"
        " buildConfiguration",
        flags="mergeTestResults failTaskOnFailedTests failTaskOnFailureToPublishResults"
        " failTaskOnMissingResultsFile publishRunAttachments",
        aliases={
            "testrunner": "testresultsformat",
            "platform": "buildplatform",
            "configuration": "buildconfiguration",
        },
        choices={"testresultsformat": ("junit",)},
    ),
    "PublishCodeCoverageResults@2": _spec(
        "summaryFileLocation pathToSources",
        "summaryFileLocation",
        "failIfCoverageEmpty",
    ),
    "PublishCodeCoverageResults@1": _spec(
        "codeCoverageTool summaryFileLocation pathToSources reportDirectory"
        " additionalCodeCoverageFiles",
        "summaryFileLocation",
        "failIfCoverageEmpty",
        choices={"codecoveragetool": ("cobertura", "jacoco")},
    ),
    "PublishBuildArtifacts@1": _spec(
        "PathtoPublish ArtifactName ArtifactType MaxArtifactSize ParallelCount TargetPath",
        flags="Parallel",
        aliases={"publishlocation": "artifacttype"},
        choices={"artifacttype": ("container",)},
        unsupported=frozenset({"storeastar"}),
    ),
    "Cache@2": _spec("key path cacheHitVar restoreKeys", "key path"),
    "PythonScript@0": _spec(
        "scriptSource scriptPath script arguments pythonInterpreter workingDirectory",
        flags="failOnStderr",
        choices={"scriptsource": ("filepath", "inline")},
    ),
    "PipAuthenticate@1": _spec(
        "artifactFeeds pythonDownloadServiceConnections", flags="onlyAddExtraIndex"
    ),
    "ManualValidation@0": _spec(
        "notifyUsers instructions onTimeout",
        choices={"ontimeout": ("reject", "resume")},
        server=True,
    ),
    "ManualValidation@1": _spec(
        "notifyUsers approvers instructions onTimeout",
        flags="allowApproversToApproveTheirOwnRuns",
        choices={"ontimeout": ("reject", "resume")},
        server=True,
    ),
    "CopyFiles@2": _spec(
        "SourceFolder Contents TargetFolder retryCount delayBetweenRetries",
        "TargetFolder",
        "CleanTargetFolder OverWrite flattenFolders preserveTimestamp ignoreMakeDirErrors",
    ),
    "PublishPipelineArtifact@0": _spec(
        "targetPath artifact properties",
        "targetPath",
        aliases={"artifactname": "artifact"},
    ),
    "PublishPipelineArtifact@1": _spec(
        "targetPath artifact publishLocation properties fileSharePath parallel parallelCount",
        "targetPath",
        aliases={
            "path": "targetpath",
            "artifactname": "artifact",
            "artifacttype": "publishlocation",
        },
        choices={"publishlocation": ("pipeline",)},
    ),
    "DownloadPipelineArtifact@2": _spec(
        "source artifact patterns path pipeline project runVersion run resource"
        " preferTriggeringPipeline specificBuildWithTriggering buildVersionToDownload runBranch"
        " branchName runId pipelineId buildId",
        flags="allowPartiallySucceededBuilds allowFailedBuilds",
        aliases={
            "buildtype": "source",
            "artifactname": "artifact",
            "itempattern": "patterns",
            "targetpath": "path",
            "downloadpath": "path",
            "definition": "pipeline",
        },
        choices={"source": ("current", "specific")},
        unsupported=frozenset({"tags"}),
    ),
    # A built-in step of the agent, not a task.
    "checkout": _spec(
        "repository fetchDepth fetchFilter path",
        flags="clean fetchTags lfs submodules persistCredentials",
    ),
}
BY_LOWER = {name.lower(): name for name in TASKS}
