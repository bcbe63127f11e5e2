"""Which tasks there are and which inputs they take: what a pipeline is checked against.

Inputs that Azure knows and that would change nothing here are accepted; one that would change
something and is not done is refused (``refused``), so that no input is silently ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class TaskSpec:
    """The inputs of a task, in lower case.

    Attributes:
        inputs: accepted ones.
        required: groups of which one has to be given.
        aliases: other names of inputs.
        choices: inputs with the values that can be given, in lower case.
        connection: the input that names a service connection.
    """

    inputs: frozenset[str]
    required: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    flags: frozenset[str] = frozenset()
    connection: str = ""


def _spec(inputs: str, required: str = "", flags: str = "", **more: object) -> TaskSpec:
    names = frozenset(inputs.lower().split()) | frozenset(flags.lower().split())
    return TaskSpec(
        names,
        tuple(required.lower().split()),
        flags=frozenset(flags.lower().split()),
        **more,  # type: ignore[arg-type]
    )


TASKS: dict[str, TaskSpec] = {
    "CmdLine@2": _spec("script workingDirectory", "script", "failOnStderr"),
    "Bash@3": _spec(
        "targetType script filePath arguments workingDirectory bashEnvValue",
        flags="failOnStderr",
        choices={"targettype": ("inline", "filepath")},
    ),
    "AzureCLI@2": _spec(
        "azureSubscription scriptType scriptLocation inlineScript scriptPath arguments"
        " workingDirectory",
        "azureSubscription scriptType",
        "failOnStandardError addSpnToEnvironment useGlobalConfig visibleAzLogin"
        " keepAzSessionActive",
        aliases={
            "connectedservicenamearm": "azuresubscription",
            "cwd": "workingdirectory",
            "scriptarguments": "arguments",
        },
        choices={"scripttype": ("bash",), "scriptlocation": ("inlinescript", "scriptpath")},
        connection="azuresubscription",
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
        aliases={"testrunner": "testresultsformat"},
        choices={"testresultsformat": ("junit",)},
    ),
    "PublishCodeCoverageResults@2": _spec(
        "summaryFileLocation pathToSources",
        "summaryFileLocation",
        "failIfCoverageEmpty",
    ),
    "CopyFiles@2": _spec(
        "SourceFolder Contents TargetFolder retryCount delayBetweenRetries",
        "TargetFolder",
        "CleanTargetFolder OverWrite flattenFolders preserveTimestamp ignoreMakeDirErrors",
    ),
    "PublishPipelineArtifact@1": _spec(
        "targetPath artifact publishLocation properties",
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
        " preferTriggeringPipeline buildVersionToDownload runBranch runId",
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
    ),
    # Not tasks in Azure's gallery either: what the agent itself does.
    "checkout": _spec(
        "repository fetchDepth path", flags="clean fetchTags lfs submodules persistCredentials"
    ),
}
BY_LOWER = {name.lower(): name for name in TASKS}
