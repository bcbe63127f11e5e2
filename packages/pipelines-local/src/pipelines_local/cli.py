"""The command line ``pipelines-local``; errors become exit codes here."""

from __future__ import annotations

import json
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from pipelines_local import approvals, option_values
from pipelines_local.errors import ExpressionError, InvalidPipeline, PipelinesError, UsageError

if TYPE_CHECKING:
    from pipelines_local.evaluation import Evaluator

FILE = click.Path(path_type=Path)
_FORMAT = click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    help="Output format.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pipelines-local")
def group() -> None:
    """Run Azure Pipelines YAML on this machine."""


def _add_options(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def add(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return add


_TEMPLATE_OPTIONS = _add_options(
    click.option("--root", type=FILE, help="Repository [default: that of FILE]."),
    click.option(
        "--parameter",
        "-p",
        "parameters",
        multiple=True,
        metavar="NAME=VALUE",
        help="Set a parameter; lists and objects as YAML.",
    ),
    click.option("--parameters-file", type=FILE, help="Read parameters from YAML or JSON."),
    click.option(
        "--variable",
        "-v",
        "variables",
        multiple=True,
        metavar="NAME=VALUE",
        help="Set a variable of the run.",
    ),
    click.option("--variables-file", type=FILE, help="Read variables from YAML, JSON or .env."),
    click.option(
        "--group",
        "groups",
        multiple=True,
        metavar="NAME=FILE",
        help="Read the values of a variable group from YAML, JSON or .env.",
    ),
    click.option(
        "--repository",
        "repositories",
        multiple=True,
        metavar="ALIAS=FOLDER[@REF]",
        help="Use FOLDER, at the ref of the pipeline or at REF, for a repository resource.",
    ),
)
_RUN_OPTIONS = _add_options(
    click.option("--work-dir", type=FILE, help="Folder of runs [default: ROOT/.pipelines-local]."),
    click.option(
        "--secret",
        "secrets",
        multiple=True,
        metavar="NAME[=VALUE]",
        help="Set a secret; without VALUE read it from the environment.",
    ),
    click.option("--secrets-file", type=FILE, help="Read secrets from YAML, JSON or .env."),
    click.option(
        "--service-connection",
        "connections",
        multiple=True,
        metavar="NAME[=FILE]",
        help="Define a service connection; its steps get the variables in FILE.",
    ),
    click.option(
        "--pipeline",
        "pipelines",
        multiple=True,
        metavar="ALIAS=FOLDER",
        help="Use FOLDER for the artifacts of a pipeline resource.",
    ),
    click.option(
        "--approve", multiple=True, metavar="ENV[=NAME:COMMENT]", help="Approve an environment."
    ),
    click.option(
        "--reject", multiple=True, metavar="ENV[=NAME:COMMENT]", help="Reject an environment."
    ),
    click.option("--open", "open_", multiple=True, metavar="ENV", help="ENV needs no approval."),
    click.option("--approvals-file", type=FILE, help="Read decisions from YAML or JSON."),
    click.option("--jobs", type=click.IntRange(1), help="Parallel jobs [default: cores]."),
    click.option(
        "--keep", type=click.IntRange(1), default=5, help="Run folders to keep [default: 5]."
    ),
    click.option("--resume", metavar="RUN", help="Resume a waiting run."),
    click.option(
        "--shared-az-config",
        is_flag=True,
        help="Share AZURE_CONFIG_DIR between AzureCLI steps, as old versions of the task.",
    ),
    click.option(
        "--host-python",
        is_flag=True,
        help="Use the Python of this machine, not a virtual environment of the run.",
    ),
    click.option(
        "--id-token-seconds",
        type=click.FloatRange(0),
        default=600,
        show_default=True,
        help="Lifetime of the ID token of AzureCLI steps in a local workspace; 0: no limit.",
    ),
)


def _find_root(file: Path, root: Path | None) -> Path:
    """Return the repository of a file."""
    if root is not None:
        return root.resolve()
    folder = file.resolve().parent
    for parent in (folder, *folder.parents):
        if (parent / ".git").exists():
            return parent
    return folder


_TemplateArguments: TypeAlias = tuple[
    Path, Path, dict[str, Any], dict[str, str], dict[str, dict[str, str]], dict[str, Path | str]
]


def _template_arguments(file: Path, options: Mapping[str, Any]) -> _TemplateArguments:
    """Return the arguments of ``load_pipeline`` and ``expand_pipeline``."""
    from pipelines_local.run import predefined, sources

    root = _find_root(file, options["root"])
    source = sources.describe_repository(root)
    static = predefined.compile_time_variables(source, file.stem, root, _variables(options))
    groups = option_values.read_named_files(options["groups"], "--group")
    return file, root, _parameters(options), static, groups, _repositories(options)


def _repositories(options: Mapping[str, Any]) -> dict[str, Path | str]:
    return {**option_values.parse_pairs(options["repositories"], "--repository")}


def _parameters(options: Mapping[str, Any]) -> dict[str, Any]:
    file = options["parameters_file"]
    values = option_values.read_nodes(file) if file else {}
    return {**values, **option_values.parse_pairs(options["parameters"], "--parameter")}


def _variables(options: Mapping[str, Any]) -> dict[str, str]:
    file = options["variables_file"]
    values = option_values.read_strings(file) if file else {}
    return {**values, **option_values.parse_pairs(options["variables"], "--variable")}


@group.command()
@click.argument("file", type=FILE)
@_TEMPLATE_OPTIONS
@_FORMAT
def validate(file: Path, output_format: str, **options: Any) -> int:
    """Expand FILE and report all problems without running it."""
    from pipelines_local.load import load_pipeline

    loaded = load_pipeline(*_template_arguments(file, options), run_variables=_variables(options))
    stages = loaded.pipeline.stages
    jobs = [job for stage in stages for job in stage.jobs]
    steps = sum(len(job.steps) for job in jobs)
    if output_format == "json":
        counts = {"valid": True, "stages": len(stages), "jobs": len(jobs), "steps": steps}
        _print_json({**counts, "warnings": [w.to_dict() for w in loaded.warnings]})
    else:
        for warning in loaded.warnings:
            click.echo(f"warning: {warning}")
        click.echo(f"{file}: {len(stages)} stages, {len(jobs)} jobs, {steps} steps")
    return 0


@group.command()
@click.argument("file", type=FILE)
@_TEMPLATE_OPTIONS
@_FORMAT
def expand(file: Path, output_format: str, **options: Any) -> int:
    """Print FILE without templates and ${{ }}."""
    from pipelines_local.load import expand_pipeline
    from pipelines_local.yamltree import to_data, to_yaml

    expanded = expand_pipeline(*_template_arguments(file, options))
    if expanded.problems:
        raise InvalidPipeline.of(expanded.problems)
    if output_format == "json":
        _print_json(to_data(expanded.document))
    else:
        click.echo(to_yaml(expanded.document), nl=False)
    return 0


@group.command()
@click.argument("file", type=FILE, required=False)
@_TEMPLATE_OPTIONS
@_RUN_OPTIONS
@_FORMAT
def run(file: Path | None, output_format: str, **options: Any) -> int:
    """Run FILE, or resume a waiting run (--resume)."""
    from pipelines_local.console import console_listener
    from pipelines_local.engine import resume_pipeline, run_pipeline
    from pipelines_local.prompt import Prompt

    is_text = output_format == "text"
    secrets_file = options["secrets_file"]
    secrets = option_values.read_strings(secrets_file) if secrets_file else {}
    can_prompt = is_text and sys.stdin.isatty() and sys.stdout.isatty()
    common: dict[str, Any] = {
        "secrets": {**secrets, **option_values.parse_secrets(options["secrets"])},
        "service_connections": option_values.read_named_files(
            options["connections"], "--service-connection"
        ),
        "approvals": approvals.PresetApprovals(
            _decisions(options), Prompt() if can_prompt else None
        ),
        "listener": console_listener() if is_text else None,
        "jobs": options["jobs"],
        "shared_az_config": options["shared_az_config"],
        "host_python": options["host_python"],
        "id_token_seconds": options["id_token_seconds"],
    }
    root = _find_root(file or Path("x"), options["root"])
    work = options["work_dir"] or root / ".pipelines-local"
    if options["resume"]:
        result = resume_pipeline(options["resume"], work_dir=work, **common)
    elif file is None:
        raise UsageError("missing-file", "FILE or --resume RUN is required")
    else:
        folders = option_values.parse_pairs(options["pipelines"], "--pipeline")
        result = run_pipeline(
            file,
            root=root,
            work_dir=work,
            parameters=_parameters(options),
            variables=_variables(options),
            pipelines={alias: Path(folder) for alias, folder in folders.items()},
            groups=option_values.read_named_files(options["groups"], "--group"),
            repositories=_repositories(options),
            keep=options["keep"],
            **common,
        )
    if not is_text:
        _print_json(result.to_dict())
    elif result.result == "Waiting":
        click.echo(f"to continue: --resume {result.run} --approve ENV (or --reject ENV)")
    return result.exit_code


def _decisions(options: Mapping[str, Any]) -> dict[str, approvals.Decision]:
    file = options["approvals_file"]
    decisions = approvals.read_decisions(option_values.read_mapping(file)) if file else {}
    flags: dict[str, approvals.Decision] = {}
    for verdict, option in (("open", "open_"), ("approve", "approve"), ("reject", "reject")):
        for text in options[option]:
            environment, decision = approvals.parse_flag(text, verdict)  # type: ignore[arg-type]
            if environment in flags and flags[environment].verdict != verdict:
                message = f"{environment}: both --{flags[environment].verdict} and --{verdict}"
                raise UsageError("approval-conflict", message)
            flags[environment] = decision
    return {**decisions, **flags}


@group.command(name="eval")
@click.argument("expression", required=False)
@click.option("--slot", default="compile", help="Place of the expression: step-condition, ...")
@click.option("--context", default="{}", help="JSON object: variables, parameters, ...")
@click.option("--jsonl", is_flag=True, help="Read one JSON request per line from stdin.")
@_FORMAT
def eval_(expression: str | None, slot: str, context: str, jsonl: bool, output_format: str) -> int:
    """Evaluate EXPRESSION, for example "eq(variables['a'], 'b')"."""
    from pipelines_local.evaluation import Evaluator

    evaluator = Evaluator()
    if jsonl:
        for number, line in enumerate(sys.stdin, 1):
            if line.strip():
                response = _evaluate_line(evaluator, line, number)
                click.echo(json.dumps(response, ensure_ascii=False))
        return 0
    if expression is None:
        raise UsageError("missing-expression", "EXPRESSION or --jsonl is required")
    try:
        request = {"expression": expression, "slot": slot, "context": json.loads(context)}
    except ValueError as error:
        raise UsageError("eval-request", f"--context is not JSON: {error}") from None
    response = evaluator.evaluate(request)
    if output_format == "json":
        _print_json(response)
    elif "error" in response:
        raise ExpressionError(response["error"]["message"], response["error"]["at"])
    else:
        text = response["text"]
        click.echo(text if text is not None else json.dumps(response["value"], indent=2))
    return 2 if "error" in response else 0


def _evaluate_line(evaluator: Evaluator, line: str, number: int) -> dict[str, Any]:
    try:
        request = json.loads(line)
        if not isinstance(request, dict):
            raise UsageError("eval-request", "a request must be a JSON object")
        return evaluator.evaluate(request)
    except (ValueError, RecursionError):
        message = f"line {number} is not JSON"
    except UsageError as error:
        message = f"line {number}: {error}"
    return {"error": {"phase": "input", "message": message, "at": 0}}


def main(argv: list[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: the arguments without the program name; by default those of the process.

    Returns:
        0 success; 1 the run failed; 2 wrong usage or invalid pipeline; 3 internal error;
        4 waiting for an approval; 5 rejected; 130 interrupted.
    """
    arguments = sys.argv[1:] if argv is None else argv
    try:
        result = group.main(args=arguments, prog_name="pipelines-local", standalone_mode=False)
    except PipelinesError as error:
        _report(error, arguments)
        return error.exit_code
    except click.ClickException as error:
        _print_error(error.format_message())
        return 2
    except (KeyboardInterrupt, click.Abort):
        _print_error("interrupted")
        return 130
    except BrokenPipeError:  # the reader of our output has ended, for example head
        sys.stderr.close()
        return 0
    except Exception:  # noqa: BLE001 - an internal error is written to a log
        log = Path(tempfile.mkdtemp(prefix="pipelines-local-")) / "defect.log"
        log.write_text(f"{arguments}\n{sys.version}\n{traceback.format_exc()}", encoding="utf-8")
        _print_error(f"internal error; please report it with this log: {log}")
        return 3
    return result if isinstance(result, int) else 0


def _report(error: PipelinesError, arguments: list[str]) -> None:
    """Print an error: one line for each diagnostic, or a JSON document."""
    is_json = any(
        argument == "--format=json"
        or (argument == "--format" and arguments[i + 1 : i + 2] == ["json"])
        for i, argument in enumerate(arguments)
    )
    if is_json:
        document: dict[str, Any] = {"refused": str(error), "at": None, "diagnostics": []}
        document["code"] = getattr(error, "code", "error")
        if isinstance(error, InvalidPipeline):
            document |= {"refused": error.message, "at": str(error.at)}
            document["diagnostics"] = [d.to_dict() for d in error.diagnostics]
        _print_json(document)
    elif isinstance(error, InvalidPipeline):
        for diagnostic in error.diagnostics:
            _print_error(str(diagnostic))
    else:
        _print_error(str(error))


def _print_json(data: Any) -> None:
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def _print_error(text: str) -> None:
    click.echo(f"pipelines-local: {' '.join(text.split())}", err=True)


if __name__ == "__main__":
    sys.exit(main())
