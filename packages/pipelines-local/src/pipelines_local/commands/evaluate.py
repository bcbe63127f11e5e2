"""``pipelines-local eval``."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from pipelines_local.commands import options
from pipelines_local.commands.output import print_json
from pipelines_local.errors import ExpressionError, UsageError

if TYPE_CHECKING:
    from pipelines_local.evaluation import Evaluator


@click.command(name="eval")
@click.argument("expression", required=False)
@click.option("--slot", default="compile", help="Place of the expression: step-condition, ...")
@click.option("--context", default="{}", help="JSON object: variables, parameters, ...")
@click.option("--jsonl", is_flag=True, help="Read one JSON request per line from stdin.")
@options.FORMAT
def evaluate(
    expression: str | None, slot: str, context: str, jsonl: bool, output_format: str
) -> int:
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
        print_json(response)
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
