"""The variables of a job at its start."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines_local.errors import ExpressionError
from pipelines_local.expressions import Object, evaluate, to_text_or_empty
from pipelines_local.model import Job, Stage
from pipelines_local.run import predefined
from pipelines_local.run.context import RunContext
from pipelines_local.run.variables import ReadOnlyError, Variables
from pipelines_local.tasks.context import JobFolders
from pipelines_local.tasks.federated_login import JobLogin, create_job_login


class InvalidVariable(Exception):
    """A variable of a job cannot be set; code and message become an error of the job."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def set_job_variables(
    variables: Variables,
    context: RunContext,
    stage: Stage,
    job: Job,
    folders: JobFolders,
    dependencies: Mapping[str, Object],
) -> None:
    """Set the predefined variables of a job, then those of its stage, then its own.

    Raises:
        InvalidVariable: a ``$[ ]`` value is wrong, or a read-only variable is set again.
    """
    for name, value in predefined.job_variables(folders, stage, job).items():
        variables.set(name, value, readonly=True)
    for variable in (*stage.variables, *job.variables):
        if variable.group:
            context.set_group_secrets(variables, variable.group)
            continue
        value = variable.value
        try:
            if variable.tree is not None:
                names = context.expression_context(variables, names=dict(dependencies))
                value = to_text_or_empty(evaluate(variable.tree, names))
            variables.overwrite(variable.name, value, readonly=variable.readonly)
        except ExpressionError as error:
            message = f"{variable.at}: {variable.name}: {error}"
            raise InvalidVariable(error.code, message) from None
        except ReadOnlyError:
            message = f"{variable.at}: the variable {variable.name!r} is read-only"
            raise InvalidVariable("readonly-variable", message) from None


def set_login_variables(
    variables: Variables, context: RunContext, stage: Stage, job: Job
) -> JobLogin | None:
    """Set ``System.OidcRequestUri`` and ``System.AccessToken`` if the job has a local workspace."""
    references = (variables.expand(step.inputs.get("azuresubscription", "")) for step in job.steps)
    connections = {
        name: context.connections[name] or context.environment
        for name in references
        if name in context.connections
    }
    instance = variables.get("System.JobName") or ""
    login = create_job_login(
        connections,
        f"{stage.name}.{job.base_name}.{instance}",
        context.folder.run,
        variables.get("System.JobId") or "",
    )
    if login is not None:
        variables.set("System.OidcRequestUri", login.request_uri, readonly=True)
        if variables.get("System.AccessToken") is None:  # the caller can pass one of Azure DevOps
            variables.set("System.AccessToken", login.access_token, secret=True, readonly=True)
    return login
