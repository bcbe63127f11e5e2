"""``pipelines-local``: validate, expand, run and eval; errors become exit codes here."""

from __future__ import annotations

import json
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from pipelines_local import approvals, settings
from pipelines_local.errors import ExpressionError, PipelinesError, Refused, UsageError

FILE = click.Path(path_type=Path)
_FORMAT = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", help="What is printed."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pipelines-local")
def group() -> None:
    """Azure Pipelines YAML on this machine."""


def _options(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def add(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return add


_TEMPLATE_OPTIONS = _options(
    click.option("--root", type=FILE, help="The repository; that of FILE by default."),
    click.option("--parameter", "-p", "parameters", multiple=True, metavar="NAME=VALUE"),
    click.option("--parameters-file", type=FILE, help="YAML or JSON: names and values."),
    click.option("--variable", "-v", "variables", multiple=True, metavar="NAME=VALUE"),
    click.option("--variables-file", type=FILE, help="YAML, JSON or .env."),
    click.option(
        "--group", "groups", multiple=True, metavar="NAME=FILE", help="A variable group's values."
    ),
)
_RUN_OPTIONS = _options(
    click.option("--work-dir", type=FILE, help="Where runs are kept; ROOT/.pipelines-local."),
    click.option("--secret", "secrets", multiple=True, metavar="NAME[=VALUE]"),
    click.option("--secrets-file", type=FILE, help="YAML, JSON or .env."),
    click.option("--service-connection", "connections", multiple=True, metavar="NAME[=FILE]"),
    click.option("--pipeline", "pipelines", multiple=True, metavar="ALIAS=FOLDER"),
    click.option("--approve", multiple=True, metavar="ENV[=NAME:COMMENT]"),
    click.option("--reject", multiple=True, metavar="ENV[=NAME:COMMENT]"),
    click.option("--open", "open_", multiple=True, metavar="ENV", help="ENV does not ask."),
    click.option("--approvals-file", type=FILE, help="YAML or JSON: decisions by environment."),
    click.option("--jobs", type=click.IntRange(1), help="Jobs side by side; as many as cores."),
    click.option("--keep", type=click.IntRange(1), default=5, help="Runs whose folders stay."),
    click.option("--resume", metavar="RUN", help="Go on with a run that waits."),
)


def _root(file: Path, root: Path | None) -> Path:
    """The repository that a file belongs to."""
    if root is not None:
        return root.resolve()
    folder = file.resolve().parent
    for place in (folder, *folder.parents):
        if (place / ".git").exists():
            return place
    return folder


def _load(file: Path, options: dict[str, Any]) -> Any:
    from pipelines_local.load import load_pipeline
    from pipelines_local.run import predefined, sources

    root = _root(file, options["root"])
    variables = _variables(options)
    static = predefined.static(sources.describe(root), file.stem, root, variables)
    groups = settings.named_files(options["groups"], "group")
    return load_pipeline(file, root, _parameters(options), static, groups)


def _parameters(options: dict[str, Any]) -> dict[str, Any]:
    file = options["parameters_file"]
    known = settings.nodes(file) if file else {}
    return {**known, **settings.pairs(options["parameters"], "parameter")}


def _variables(options: dict[str, Any]) -> dict[str, str]:
    file = options["variables_file"]
    known = settings.texts(file) if file else {}
    return {**known, **settings.pairs(options["variables"], "variable")}


@group.command()
@click.argument("file", type=FILE)
@_TEMPLATE_OPTIONS
@_FORMAT
def validate(file: Path, form: str, **options: Any) -> int:
    """Expand FILE and check everything that can be checked without running it."""
    loaded = _load(file, options)
    stages = loaded.pipeline.stages
    jobs = [job for stage in stages for job in stage.jobs]
    steps = sum(len(job.steps) for job in jobs)
    if form == "json":
        _json({"valid": True, "stages": len(stages), "jobs": len(jobs), "steps": steps})
    else:
        click.echo(f"{file}: {len(stages)} stages, {len(jobs)} jobs, {steps} steps")
    return 0


@group.command()
@click.argument("file", type=FILE)
@_TEMPLATE_OPTIONS
@_FORMAT
def expand(file: Path, form: str, **options: Any) -> int:
    """Print FILE fully expanded: no templates, no ${{ }}."""
    from pipelines_local.yamltree import to_data, to_yaml

    loaded = _load(file, options)
    if form == "json":
        _json(to_data(loaded.document))
    else:
        click.echo(to_yaml(loaded.document), nl=False)
    return 0


@group.command()
@click.argument("file", type=FILE, required=False)
@_TEMPLATE_OPTIONS
@_RUN_OPTIONS
@_FORMAT
def run(file: Path | None, form: str, **options: Any) -> int:
    """Run FILE, or go on with a run that waits (--resume)."""
    from pipelines_local.console import console_listener
    from pipelines_local.engine import resume_pipeline, run_pipeline
    from pipelines_local.prompt import Prompt

    shown = form == "text"
    secrets = settings.texts(options["secrets_file"]) if options["secrets_file"] else {}
    asks = shown and sys.stdin.isatty() and sys.stdout.isatty()
    common: dict[str, Any] = {
        "secrets": {**secrets, **settings.secrets(options["secrets"])},
        "service_connections": settings.named_files(options["connections"], "service-connection"),
        "approvals": approvals.Given(_decisions(options), Prompt() if asks else None),
        "listener": console_listener() if shown else None,
        "jobs": options["jobs"],
    }
    if options["resume"]:
        work = options["work_dir"] or _root(file or Path("x"), options["root"]) / ".pipelines-local"
        result = resume_pipeline(options["resume"], work_dir=work, **common)
    elif file is None:
        raise UsageError("name the file to run, or --resume RUN")
    else:
        root = _root(file, options["root"])
        result = run_pipeline(
            file,
            root=root,
            work_dir=options["work_dir"] or root / ".pipelines-local",
            parameters=_parameters(options),
            variables=_variables(options),
            pipelines={
                k: Path(v) for k, v in settings.pairs(options["pipelines"], "pipeline").items()
            },
            groups=settings.named_files(options["groups"], "group"),
            keep=options["keep"],
            **common,
        )
    if not shown:
        _json(result.to_dict())
    elif result.result == "Waiting":
        click.echo(f"to go on: --resume {result.run} --approve ENV or --reject ENV")
    return result.exit_code


def _decisions(options: dict[str, Any]) -> dict[str, approvals.Decision]:
    file = options["approvals_file"]
    known = approvals.from_data(settings.mapping(file)) if file else {}
    found: dict[str, approvals.Decision] = {}
    words = [("open", word) for word in options["open_"]]
    words += [("approve", word) for word in options["approve"]]
    words += [("reject", word) for word in options["reject"]]
    for verdict, word in words:
        environment, decision = approvals.parse_flag(word, verdict)  # type: ignore[arg-type]
        if environment in found and found[environment].verdict != verdict:
            raise UsageError(f"{environment}: both {found[environment].verdict} and {verdict}")
        found[environment] = decision
    return {**known, **found}


@group.command(name="eval")
@click.argument("expression", required=False)
@click.option("--slot", default="compile", help="Where it stands: compile, step-condition, ...")
@click.option("--context", default="{}", help="JSON: variables, parameters, dependencies, ...")
@click.option("--jsonl", is_flag=True, help="Answer a JSON question a line of standard input.")
@_FORMAT
def eval_(expression: str | None, slot: str, context: str, jsonl: bool, form: str) -> int:
    """Evaluate EXPRESSION, such as "eq(variables['a'], 'b')"."""
    from pipelines_local.evaluation import Evaluator

    evaluator = Evaluator()
    if jsonl:
        for number, line in enumerate(sys.stdin, 1):
            if line.strip():
                click.echo(json.dumps(_answer(evaluator, line, number), ensure_ascii=False))
        return 0
    if expression is None:
        raise UsageError("name the expression, or use --jsonl")
    try:
        question = {"expression": expression, "slot": slot, "context": json.loads(context)}
    except ValueError as error:
        raise UsageError(f"--context is no JSON: {error}") from None
    answer = evaluator.answer(question)
    if form == "json":
        _json(answer)
    elif "error" in answer:
        raise ExpressionError(answer["error"]["message"], answer["error"]["at"])
    else:
        text = answer["text"]
        click.echo(text if text is not None else json.dumps(answer["value"], indent=2))
    return 2 if "error" in answer else 0


def _answer(evaluator: Any, line: str, number: int) -> dict[str, Any]:
    try:
        question = json.loads(line)
        if not isinstance(question, dict):
            raise UsageError("a question has to be an object")
        answer: dict[str, Any] = evaluator.answer(question)
    except (ValueError, RecursionError):
        return {"error": {"phase": "input", "message": f"line {number} is no JSON", "at": 0}}
    except UsageError as error:
        return {"error": {"phase": "input", "message": f"line {number}: {error}", "at": 0}}
    return answer


def _json(data: Any) -> None:
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def main(argv: list[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: the arguments after the program's name; those of the process by default.

    Returns:
        0 done; 1 the run failed; 2 wrong usage, or refused; 3 our defect; 4 waiting; 5 rejected;
        130 interrupted.
    """
    words = sys.argv[1:] if argv is None else argv
    try:
        result = group.main(args=words, prog_name="pipelines-local", standalone_mode=False)
    except PipelinesError as error:
        _say(error, words)
        return error.exit_code
    except click.ClickException as error:
        _message(error.format_message())
        return 2
    except (KeyboardInterrupt, click.Abort):
        _message("interrupted")
        return 130
    except BrokenPipeError:  # the reader of our output went away: head, less
        sys.stderr.close()
        return 0
    except Exception:  # noqa: BLE001 - the last line of defence: a defect of ours
        log = Path(tempfile.mkdtemp(prefix="pipelines-local-")) / "defect.log"
        log.write_text(f"{words}\n{sys.version}\n{traceback.format_exc()}", encoding="utf-8")
        _message(f"a defect of pipelines-local; please report it with this log: {log}")
        return 3
    return result if isinstance(result, int) else 0


def _say(error: PipelinesError, words: list[str]) -> None:
    """One line for people; a document for programs."""
    wants_json = any(
        word == "--format=json" or (word == "--format" and words[i + 1 : i + 2] == ["json"])
        for i, word in enumerate(words)
    )
    if wants_json and isinstance(error, Refused):
        _json({"refused": error.message, "at": str(error.at)})
    elif wants_json:
        _json({"refused": str(error), "at": None})
    else:
        _message(str(error))


def _message(text: str) -> None:
    click.echo(f"pipelines-local: {' '.join(text.split())}", err=True)


if __name__ == "__main__":
    sys.exit(main())
