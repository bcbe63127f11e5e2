"""Jobs and schedules."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path
from typing import Any

from azureml_local.az.errors import AzError
from azureml_local.az.ml.assets import Command, changed_properties, overrides, view_type
from azureml_local.az.ml.clients import finish, list_entities, to_json
from azureml_local.az.program import Arguments

_JOB_CHANGES = ("description", "tags", "display_name", "properties")
_SCHEDULE_CHANGES = ("description", "tags", "display_name", "is_enabled")


def _open_page(job: Any, arguments: Arguments) -> None:
    """``--web``: open the page of a job, if the user has a terminal."""
    if arguments.web and job.studio_url and sys.stdout.isatty():
        webbrowser.open(job.studio_url)


def _load_job(arguments: Arguments) -> Any:
    from azure.ai.ml import load_job

    return load_job(source=arguments.file, params_override=overrides(arguments, ("name",)))


def _create(client: Any, arguments: Arguments) -> Any:
    job = client.jobs.create_or_update(
        _load_job(arguments), skip_validation=arguments.skip_validation
    )
    _open_page(job, arguments)
    if arguments.save_as:
        _save(job, arguments.save_as)
    if arguments.stream:
        client.jobs.stream(job.name)
        job = client.jobs.get(job.name)
    return to_json(job)


def _save(job: Any, name: str) -> None:
    """``--save-as``: write the state of the created job to a YAML file.

    Raises:
        AzError: the file cannot be written.
    """
    import yaml

    text = yaml.safe_dump(to_json(job), sort_keys=False, allow_unicode=True)
    try:
        Path(name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise AzError(f"--save-as {name}: {error.strerror}") from None


def _validate(client: Any, arguments: Arguments) -> Any:
    return client.jobs.validate(_load_job(arguments))._to_dict()


def _show(client: Any, arguments: Arguments) -> Any:
    job = client.jobs.get(arguments.name)
    _open_page(job, arguments)
    return to_json(job)


def _list(client: Any, arguments: Arguments) -> Any:
    jobs = client.jobs.list(
        parent_job_name=arguments.parent_job_name, list_view_type=view_type(arguments)
    )
    return list_entities(jobs, None if arguments.all_results else arguments.max_results)


def _update(client: Any, arguments: Arguments) -> Any:
    job = client.jobs.get(arguments.name)
    changed_properties(job, arguments, _JOB_CHANGES)
    job = client.jobs.create_or_update(job)
    _open_page(job, arguments)
    return to_json(job)


def _download(client: Any, arguments: Arguments) -> None:
    client.jobs.download(
        name=arguments.name,
        download_path=arguments.download_path or ".",
        output_name=arguments.output_name,
        all=arguments.all,
    )


def _cancel(client: Any, arguments: Arguments) -> None:
    client.jobs.begin_cancel(arguments.name).result()


def _show_services(client: Any, arguments: Arguments) -> Any:
    services = client.jobs.show_services(arguments.name, arguments.node_index)
    return {name: vars(service) for name, service in (services or {}).items()}


def _stream(client: Any, arguments: Arguments) -> None:
    client.jobs.stream(arguments.name)


def _archive(operation: str) -> Command:
    def run(client: Any, arguments: Arguments) -> None:
        getattr(client.jobs, operation)(arguments.name)

    return run


def _create_schedule(client: Any, arguments: Arguments) -> Any:
    from azure.ai.ml.entities._load_functions import load_schedule  # not exported by the SDK

    schedule = load_schedule(source=arguments.file, params_override=overrides(arguments, ("name",)))
    return to_json(finish(client.schedules.begin_create_or_update(schedule), arguments))


def _list_schedules(client: Any, arguments: Arguments) -> Any:
    if arguments.disabled_only and arguments.include_disabled:
        raise AzError("Cannot provide both disabled-only and include-disabled.")
    view = "DisabledOnly" if arguments.disabled_only else "EnabledOnly"
    view = "All" if arguments.include_disabled else view
    return list_entities(client.schedules.list(list_view_type=view), arguments.max_results)


def _update_schedule(client: Any, arguments: Arguments) -> Any:
    schedule = client.schedules.get(arguments.name)
    if "is_enabled" in changed_properties(schedule, arguments, _SCHEDULE_CHANGES):
        schedule._is_enabled = schedule.is_enabled
    return to_json(finish(client.schedules.begin_create_or_update(schedule), arguments))


def _schedule_operation(operation: str) -> Command:
    def run(client: Any, arguments: Arguments) -> Any:
        result = getattr(client.schedules, operation)(arguments.name)
        return to_json(finish(result, arguments))

    return run


COMMANDS: dict[str, Command] = {
    "job create": _create,
    "job validate": _validate,
    "job show": _show,
    "job list": _list,
    "job update": _update,
    "job download": _download,
    "job cancel": _cancel,
    "job show-services": _show_services,
    "job stream": _stream,
    "job archive": _archive("archive"),
    "job restore": _archive("restore"),
    "schedule create": _create_schedule,
    "schedule list": _list_schedules,
    "schedule update": _update_schedule,
    "schedule show": _schedule_operation("get"),
    "schedule delete": _schedule_operation("begin_delete"),
    "schedule enable": _schedule_operation("begin_enable"),
    "schedule disable": _schedule_operation("begin_disable"),
    "schedule trigger": _schedule_operation("trigger"),
}
