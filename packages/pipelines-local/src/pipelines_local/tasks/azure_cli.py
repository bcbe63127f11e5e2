"""AzureCLI@1, @2 and @3 with bash, in the environment of the service connection.

Each step has its own AZURE_CONFIG_DIR, which is deleted at its end, unless ``useGlobalConfig`` is
true. So ``az configure`` does not reach the next step, as in version 2.277 and later of the task.
If the variables of the connection lead to a workspace of azureml-local, its ``az`` goes first on
the PATH, and the login of the step expires (:mod:`.federated_login`).
Source: ``AzureCliConfigDir.ts`` of azure-pipelines-tasks (PR 22221).
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pipelines_local.tasks import federated_login
from pipelines_local.tasks.context import TaskContext, TaskFailed
from pipelines_local.tasks.scripts import run_script, write_script

SETS_DEFAULTS = re.compile(r"\baz\s+(configure\b|config\s+set\b)")
"""Commands that store values in AZURE_CONFIG_DIR."""
CALLS_AZ = re.compile(r"\baz\s+\w")


def run_azure_cli(context: TaskContext) -> None:
    """Run the script of an AzureCLI step."""
    name = context.text("azuresubscription")
    if name not in context.connections:
        message = f"unknown service connection {name!r}"
        raise TaskFailed("unknown-service-connection", message)
    if context.text("scriptlocation").lower() == "inlinescript":
        script = write_script(context, context.text("inlinescript"))
    else:
        script = context.path("scriptpath", context.folders.sources)
    text = script.read_text(encoding="utf-8", errors="replace") if script.is_file() else ""
    with _config_dir(context) as variables:
        env = {**context.connections[name], **variables}
        env |= federated_login.login(
            {**context.environment, **env},
            context.options.id_token_seconds,
            renewed=context.flag("keepazsessionactive"),
        )
        # A connection without variables has those of this process.
        source = context.connections[name] or context.environment
        if federated_login.WORKSPACE in source:
            flag = context.flag("addspntoenvironment")
            env = {**federated_login.identity_variables(name, add_principal=flag), **env}
            path = env.get("PATH", context.environment["PATH"])
            env["PATH"] = os.pathsep.join([source[federated_login.WORKSPACE], path])
        try:
            run_script(context, script, "failonstandarderror", env)
        except TaskFailed:
            _explain_missing_defaults(context, text)
            _explain_expired_login(context)
            raise
        finally:
            if SETS_DEFAULTS.search(text) and not _is_shared(context):
                context.job_state.lost_az_defaults.append(context.display)


def _is_shared(context: TaskContext) -> bool:
    return context.flag("useglobalconfig") or context.options.shared_az_config


@contextlib.contextmanager
def _config_dir(context: TaskContext) -> Iterator[dict[str, str]]:
    """Yield the environment variable of the configuration directory of the step."""
    if context.flag("useglobalconfig"):
        yield {}
        return
    if context.options.shared_az_config:  # as before version 2.277: one for all steps of a job
        folder = context.folders.temp / ".azclitask"
        folder.mkdir(exist_ok=True)
        yield {"AZURE_CONFIG_DIR": str(folder)}
        return
    path = Path(tempfile.mkdtemp(prefix=".azclitask-", dir=context.folders.temp))
    try:
        yield {"AZURE_CONFIG_DIR": str(path)}
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _explain_missing_defaults(context: TaskContext, text: str) -> None:
    """Add a hint if an earlier step of the job has set defaults of ``az``."""
    steps = context.job_state.lost_az_defaults
    if steps and CALLS_AZ.search(text) and not _is_shared(context):
        context.add_issue(
            "warning",
            "az-config-not-shared",
            f"'az configure' of the step {steps[-1]!r} has no effect here: each AzureCLI step has "
            "its own AZURE_CONFIG_DIR. Use useGlobalConfig: true in both steps, pass the values as "
            "options, or run with --shared-az-config to simulate an old version of the task.",
        )


def _explain_expired_login(context: TaskContext) -> None:
    """Add a hint if the step failed because its login expired."""
    if federated_login.has_expired(context.recent_output):
        context.add_issue(
            "warning",
            "az-session-expired",
            f"The login of the step expired ({federated_login.ERROR}): its ID token is valid for "
            f"{context.options.id_token_seconds:g} seconds. Set keepAzSessionActive: true, or use "
            "AzurePipelinesCredential of azure-identity.",
        )
