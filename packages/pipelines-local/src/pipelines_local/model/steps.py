"""Reads steps; each shortcut becomes the task that Azure makes of it."""

from __future__ import annotations

from pipelines_local.errors import Position, Refused
from pipelines_local.expressions.slots import STEP_CONDITION
from pipelines_local.model.fields import IDENTIFIER, Fields
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
        "clean",
        "fetchDepth",
        "fetchTags",
        "lfs",
        "submodules",
        "path",
        "persistCredentials",
    ),
}
_UNSUPPORTED_KINDS = (
    "powershell", "pwsh", "downloadBuild", "getPackage", "reviewApp", "restoreCache", "upload",
    "saveCache",
)  # fmt: skip
_UNSUPPORTED = {"target": "steps run on this machine"}


def steps(nodes: tuple[Node, ...]) -> tuple[Step, ...]:
    """Steps in their order, with unique names.

    Raises:
        Refused: one is wrong or outside of the subset.
    """
    found = tuple(_step(node) for node in nodes)
    names: set[str] = set()
    for step in found:
        if step.name.lower() in names:
            raise Refused(f"a second step with the name {step.name!r}", step.at)
        if step.name:
            names.add(step.name.lower())
    return found


def _step(node: Node) -> Step:
    if not isinstance(node, Mapping) or not node.entries:
        raise Refused("a step has to be a mapping such as 'bash: SCRIPT'", node.at)
    first = node.entries[0][0]
    if first.text in _UNSUPPORTED_KINDS:
        raise Refused(f"the step {first.text!r} is not supported", first.at)
    if first.text not in _KINDS:
        for key, _ in node.entries:
            if key.text in _KINDS:
                raise Refused(f"{key.text!r} has to be the first key of its step", key.at)
        kinds = ", ".join((*_KINDS, "template"))
        raise Refused(f"unexpected key {first.text!r}: a step begins with one of {kinds}", first.at)
    fields = Fields(node, f"a {first.text} step", (first.text, *_KINDS[first.text], *_COMMON),
                    _UNSUPPORTED)  # fmt: skip
    task, inputs = _task(first.text, fields)
    name = fields.scalar("name")
    if name is not None and not IDENTIFIER.match(name.text):
        raise Refused(f"{name.text!r} is no name: letters, digits and _ only, at most 100", name.at)
    minutes = fields.number("timeoutInMinutes")
    return Step(
        task=task,
        name=name.text if name else "",
        display=fields.text("displayName") or _display(first.text, task, inputs),
        inputs=inputs,
        at=node.at,
        condition=fields.condition(STEP_CONDITION),
        continue_on_error=fields.flag("continueOnError", False),
        enabled=fields.flag("enabled", True),
        timeout=minutes * 60 if minutes else None,
        retries=int(fields.number("retryCountOnTaskFailure", 0, 10) or 0),
        env=fields.texts("env"),
    )


def _task(kind: str, fields: Fields) -> tuple[str, dict[str, str]]:
    value = fields.scalar(kind) or Scalar("", fields.at)
    given = {key: fields.scalar(key) for key in _KINDS[kind] if key != "inputs"}
    inputs = {key.lower(): scalar.text for key, scalar in given.items() if scalar is not None}
    if kind == "task":
        return _named_task(value, fields)
    if kind in ("script", "bash"):
        fields.flag("failOnStderr", False)
        return ("CmdLine@2" if kind == "script" else "Bash@3"), {"script": value.text, **inputs}
    if kind == "publish":
        if not value.text:
            raise Refused("'publish' needs the path of what to publish", value.at)
        return "PublishPipelineArtifact@1", {"targetpath": value.text, **inputs}
    if kind == "download":
        if not value.text:
            raise Refused("'download' needs current, none or a pipeline resource", value.at)
        return "DownloadPipelineArtifact@2", {"source": value.text, **inputs, "shortcut": "true"}
    if value.text not in ("self", "none"):
        raise Refused(f"'checkout: {value.text}' is not supported: only self and none", value.at)
    for flag in ("fetchTags", "persistCredentials"):
        fields.flag(flag, False)
    fields.number("fetchDepth")
    if fields.text("submodules", "false").lower() != "false" or fields.flag("lfs", False):
        raise Refused("'checkout' with submodules or lfs is not supported", value.at)
    return "checkout", {"repository": value.text, **inputs}


def _named_task(value: Scalar, fields: Fields) -> tuple[str, dict[str, str]]:
    task = BY_LOWER.get(value.text.lower())
    if task is None or "@" not in task:
        known = ", ".join(name for name in TASKS if "@" in name)
        raise Refused(f"the task {value.text!r} is not supported; supported: {known}", value.at)
    spec = TASKS[task]
    inputs: dict[str, str] = {}
    for name, scalar in fields.scalars("inputs").items():
        key = spec.aliases.get(name.lower(), name.lower())
        if key not in spec.inputs:
            raise Refused(f"the input {name!r} of {task} is not supported", scalar.at)
        _check_value(spec.choices.get(key), key in spec.flags, name, scalar)
        inputs[key] = scalar.text
    for key in spec.required:
        if not inputs.get(key):
            raise Refused(f"{task} needs the input {key!r}", fields.at)
    _check_task(task, inputs, fields.at)
    return task, inputs


def _check_value(choices: tuple[str, ...] | None, is_flag: bool, name: str, scalar: Scalar) -> None:
    if "$(" in scalar.text:
        return
    if choices and scalar.text.lower() not in choices:
        raise Refused(
            f"{name}: {scalar.text} is not supported; supported: {', '.join(choices)}", scalar.at
        )
    if is_flag and scalar.text.lower() not in ("true", "false", ""):
        raise Refused(f"{name!r} has to be true or false, not {scalar.text!r}", scalar.at)


def _check_task(task: str, inputs: dict[str, str], at: Position) -> None:
    """Inputs that are needed because of others."""
    if task == "Bash@3":
        is_file = inputs.get("targettype", "filepath").lower() == "filepath"
        if is_file and not inputs.get("filepath"):
            raise Refused("Bash@3 needs 'filePath' (or targetType: inline with 'script')", at)
        if not is_file and not inputs.get("script"):
            raise Refused("Bash@3 needs the input 'script'", at)
        if not is_file:
            inputs.pop("filepath", None)
    if task == "AzureCLI@2":
        inline = inputs.get("scriptlocation", "scriptpath").lower() == "inlinescript"
        if not inputs.get("inlinescript" if inline else "scriptpath"):
            raise Refused(f"AzureCLI@2 needs {'inlineScript' if inline else 'scriptPath'!r}", at)


def _display(kind: str, task: str, inputs: dict[str, str]) -> str:
    if kind == "script":
        return "CmdLine"
    if kind == "bash":
        return "Bash"
    if kind == "publish":
        return f"Publish {inputs.get('artifact', '')}".rstrip()
    if kind == "download":
        return f"Download {inputs['source']}"
    if kind == "checkout":
        return "Checkout"
    return task.partition("@")[0]
