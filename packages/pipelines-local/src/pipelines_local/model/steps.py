"""Read steps; a shortcut such as ``bash:`` becomes the task that it stands for."""

from __future__ import annotations

from pipelines_local.errors import Diagnostic, InvalidPipeline, Position, Problems
from pipelines_local.expressions.slots import STEP_CONDITION
from pipelines_local.model.fields import IDENTIFIER, Fields, check_first_key
from pipelines_local.model.types import Step
from pipelines_local.tasks.specs import BY_LOWER, TASKS
from pipelines_local.yamltree import Mapping, Node, Scalar

_COMMON: tuple[str, ...] = (
    "name", "displayName", "condition", "continueOnError", "enabled", "timeoutInMinutes",
    "retryCountOnTaskFailure", "env",
)  # fmt: skip
_KINDS: dict[str, tuple[str, ...]] = {
    "script": ("workingDirectory", "failOnStderr"),
    "bash": ("workingDirectory", "failOnStderr"),
    "task": ("inputs",),
    "publish": ("artifact",),
    "download": ("artifact", "patterns", "path"),
    "checkout": (
        "clean", "fetchDepth", "fetchFilter", "fetchTags", "lfs", "submodules", "path",
        "persistCredentials",
    ),
}  # fmt: skip
_UNSUPPORTED_KINDS = (
    "powershell", "pwsh", "downloadBuild", "getPackage", "reviewApp", "restoreCache", "upload",
    "saveCache",
)  # fmt: skip
_UNSUPPORTED = {"target": "steps run on this machine"}


def read_steps(nodes: tuple[Node, ...]) -> tuple[Step, ...]:
    """Read steps in their order; their names must be unique.

    Raises:
        InvalidPipeline: a step is wrong or not supported.
    """
    problems = Problems()
    steps: list[Step] = []
    names: set[str] = set()
    for node in nodes:
        with problems.catch():
            step = _read_step(node)
            if step.name.lower() in names:
                raise InvalidPipeline(
                    "duplicate-step", f"duplicate step name {step.name!r}", step.at
                )
            if step.name:
                names.add(step.name.lower())
            steps.append(step)
    problems.raise_all()
    return tuple(steps)


def _read_step(node: Node) -> Step:
    _check_supported(node)
    kind = check_first_key(node, tuple(_KINDS), "a step")
    fields = Fields(node, f"a {kind} step", (kind, *_KINDS[kind], *_COMMON), _UNSUPPORTED)
    warnings: list[Diagnostic] = []
    task, inputs = _read_task(kind, fields, warnings)
    name = fields.scalar("name")
    if name is not None and not IDENTIFIER.match(name.text):
        raise InvalidPipeline(
            "invalid-name",
            f"invalid name {name.text!r}: use letters, digits and _, at most 100",
            name.at,
        )
    minutes = fields.number("timeoutInMinutes")
    return Step(
        task=task,
        name=name.text if name else "",
        display=fields.text("displayName") or _default_display(kind, task, inputs),
        inputs=inputs,
        at=node.at,
        condition=fields.condition(STEP_CONDITION),
        continue_on_error=fields.flag("continueOnError", False),
        enabled=fields.flag("enabled", True),
        timeout=minutes * 60 if minutes else None,
        retries=int(fields.number("retryCountOnTaskFailure", 0, 10) or 0),
        env=fields.texts("env"),
        warnings=tuple(warnings),
    )


def _check_supported(node: Node) -> None:
    if isinstance(node, Mapping) and node.entries:
        first = node.entries[0][0]
        if first.text in _UNSUPPORTED_KINDS:
            message = f"the step {first.text!r} is not supported"
            raise InvalidPipeline("unsupported-step", message, first.at)


def _read_task(kind: str, fields: Fields, warnings: list[Diagnostic]) -> tuple[str, dict[str, str]]:
    """Return the name and the inputs of the task."""
    value = fields.scalar(kind) or Scalar("", fields.at)
    scalars = {key: fields.scalar(key) for key in _KINDS[kind] if key != "inputs"}
    inputs = {key.lower(): scalar.text for key, scalar in scalars.items() if scalar is not None}
    if kind == "task":
        return _read_named_task(value, fields, warnings)
    if kind in ("script", "bash"):
        inputs |= _read_flags(fields, "failOnStderr")
        return ("CmdLine@2" if kind == "script" else "Bash@3"), {"script": value.text, **inputs}
    if kind == "publish":
        if not value.text:
            raise InvalidPipeline("missing-input", "'publish' needs a path", value.at)
        return "PublishPipelineArtifact@1", {"targetpath": value.text, **inputs}
    if kind == "download":
        if not value.text:
            message = "'download' needs current, none or a pipeline resource"
            raise InvalidPipeline("missing-input", message, value.at)
        return "DownloadPipelineArtifact@2", {"source": value.text, **inputs, "shortcut": "true"}
    if not value.text or "://" in value.text:
        message = f"'checkout: {value.text}' is not supported: use self, none or a repository name"
        raise InvalidPipeline("unsupported-checkout", message, value.at)
    inputs |= _read_flags(fields, "fetchTags", "lfs", "persistCredentials")
    fields.number("fetchDepth")
    is_recursive = fields.text("submodules").lower() == "recursive"
    submodules = "recursive" if is_recursive else "true" * fields.flag("submodules", False)
    inputs["submodules"] = submodules
    return "checkout", {"repository": value.text, **inputs}


def _read_flags(fields: Fields, *keys: str) -> dict[str, str]:
    """Return booleans of the schema as inputs of a task."""
    return {key.lower(): str(fields.flag(key, False)).lower() for key in keys if key in fields}


def _read_named_task(
    value: Scalar, fields: Fields, warnings: list[Diagnostic]
) -> tuple[str, dict[str, str]]:
    task = BY_LOWER.get(value.text.lower())
    if task is None or "@" not in task:
        supported = ", ".join(name for name in TASKS if "@" in name)
        message = f"the task {value.text!r} is not supported (supported: {supported})"
        raise InvalidPipeline("unsupported-task", message, value.at)
    spec = TASKS[task]
    inputs: dict[str, str] = {}
    problems = Problems()
    for name, scalar in fields.scalars("inputs").items():
        key = spec.aliases.get(name.lower(), name.lower())
        if key in spec.unsupported:
            with problems.catch():
                message = f"the input {name!r} of {task} is not supported"
                raise InvalidPipeline("unsupported-input", message, scalar.at)
        if key not in spec.inputs:
            message = f"{task} has no input {name!r}; Azure Pipelines ignores it"
            warnings.append(Diagnostic("unknown-input", message, scalar.at, "warning"))
            continue
        problems.collect(_check_value, spec.choices.get(key), key in spec.flags, name, scalar)
        inputs[key] = scalar.text
    for key in spec.required:
        if not inputs.get(key):
            with problems.catch():
                raise InvalidPipeline("missing-input", f"{task} needs the input {key!r}", fields.at)
    problems.collect(_check_dependent_inputs, task, inputs, fields.at)
    problems.raise_all()
    return task, inputs


def _check_value(choices: tuple[str, ...] | None, is_flag: bool, name: str, scalar: Scalar) -> None:
    if "$(" in scalar.text:
        return
    if choices and scalar.text.lower() not in choices:
        message = f"{name}: {scalar.text} is not supported (supported: {', '.join(choices)})"
        raise InvalidPipeline("unsupported-value", message, scalar.at)
    # Tasks know only true and false: task-lib reads any other value, such as yes, as false.
    if is_flag and scalar.text.lower() not in ("true", "false", ""):
        message = f"{name!r} must be true or false (got {scalar.text!r})"
        raise InvalidPipeline("invalid-value", message, scalar.at)


def _check_dependent_inputs(task: str, inputs: dict[str, str], at: Position) -> None:
    """Check inputs that are required because of the value of another input."""
    required = ""
    if task == "Bash@3":
        is_file = inputs.get("targettype", "filepath").lower() == "filepath"
        required = "filePath" if is_file else "script"
        if not is_file:
            inputs.pop("filepath", None)
    elif task == "PythonScript@0":
        is_file = inputs.get("scriptsource", "filepath").lower() == "filepath"
        required = "scriptPath" if is_file else "script"
    elif task.startswith("AzureCLI@"):
        inline = inputs.get("scriptlocation", "scriptpath").lower() == "inlinescript"
        required = "inlineScript" if inline else "scriptPath"
    if required and not inputs.get(required.lower()):
        raise InvalidPipeline("missing-input", f"{task} needs the input {required!r}", at)


def _default_display(kind: str, task: str, inputs: dict[str, str]) -> str:
    if kind == "publish":
        return f"Publish {inputs.get('artifact', '')}".rstrip()
    if kind == "download":
        return f"Download {inputs['source']}"
    return {"script": "CmdLine", "bash": "Bash", "checkout": "Checkout"}.get(
        kind, task.partition("@")[0]
    )
