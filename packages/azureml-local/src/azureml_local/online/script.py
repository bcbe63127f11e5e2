"""A scoring script written for Azure ML's inference server: ``init()`` once, ``run()`` a request.

What ``run`` gets follows that server: the body's text; the request itself with ``@rawhttp``; one
argument a parameter of the JSON body with inference-schema's decorators. What it gives back is a
response as it is, or a value that is written as JSON.
"""

from __future__ import annotations

import importlib
import inspect
import json
import sys
import time
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl

from azureml_local.online import names
from azureml_local.online.swagger import Shapes, document
from azureml_local.scoring.frames import Answer, Asked
from azureml_local.scoring.scripts import WrongScript, load

RAW = ("azureml_local.online.raw", *names.RAW_REQUEST)
SCHEMA = "inference_schema.schema_util"
ANYTHING = {"type": "object", "example": {}}


class Refused(Exception):
    """A request that is not even shown to the script."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Script:
    """A scoring script, initialised."""

    def __init__(self, folder: Path, script: str, name: str) -> None:
        """Load the script and call its ``init``.

        Args:
            folder: the deployment's code.
            script: the script's path in it.
            name: of the endpoint, for the swagger document.

        Raises:
            WrongScript: it has no ``init`` or no ``run`` that takes something.
        """
        names.provide()
        self._name = name
        self._folder = folder
        module = load(folder, script)
        self._run = module.run
        parameters = list(inspect.signature(self._run).parameters.values())
        if any(
            each.kind not in (each.KEYWORD_ONLY, each.POSITIONAL_OR_KEYWORD) for each in parameters
        ):
            raise WrongScript("run() takes named parameters alone, neither * nor **")
        self._with_headers = any(each.name == "request_headers" for each in parameters)
        self._parameters = [each for each in parameters if each.name != "request_headers"]
        if not self._parameters:
            raise WrongScript("run() takes no parameter for what it is asked")
        self._raw = any(getattr(sys.modules.get(n), "_rawHttpRequested", False) for n in RAW)
        self._schema = self._decorations()
        if self._raw and self._schema:
            raise WrongScript("run() has both @rawhttp and a schema; it can have one of them")
        module.init()
        print(f"{script}: init() is done", flush=True)

    def _decorations(self) -> ModuleType | None:
        """The module that knows the schemas of ``run``; None where it has none."""
        util = sys.modules.get(SCHEMA)
        if util is None and "inference_schema" in sys.modules:
            util = importlib.import_module(SCHEMA)
        return util if util is not None and util.is_schema_decorated(self._run) else None

    def answer(self, asked: Asked) -> Answer:
        """What the script says to a request, or that it raised an exception."""
        if asked.path == "/swagger.json":
            return self._swagger(asked.query)
        begun = time.perf_counter()
        answer = self._answer(asked)
        spent = 1000 * (time.perf_counter() - begun)
        print(f"{asked.method} {asked.path} {answer.status} {spent:.1f}ms", flush=True)
        return answer

    def _answer(self, asked: Asked) -> Answer:
        try:
            arguments = self._arguments(asked)
        except Refused as refused:
            return Answer.json({"message": str(refused)}, refused.status)
        if self._with_headers:
            arguments["request_headers"] = {key.title(): value for key, value in asked.headers}
        monitoring = sys.modules.get(names.MONITORING)
        try:
            answer = _answer(self._run(**arguments))
        except Exception:  # noqa: BLE001 - whatever a script raises is its answer
            traceback.print_exc()
            sys.stderr.flush()
            message = "the scoring script raised an exception; the deployment's log has it"
            answer = Answer.json({"message": message}, 500)
        if monitoring is not None and hasattr(monitoring, "taken"):
            answer.collected = monitoring.taken()
        return answer

    def _arguments(self, asked: Asked) -> dict[str, Any]:
        first = self._parameters[0].name
        if self._raw:
            from azureml_local.online.raw import request

            return {first: request(asked)}
        if asked.method not in ("GET", "POST"):
            raise Refused(405, "Method not allowed")
        if self._schema is not None:
            return self._by_name(asked)
        if asked.method == "GET":
            return {first: json.dumps(_query(asked.query))}
        try:
            return {first: asked.body.decode()}
        except UnicodeDecodeError as error:
            raise Refused(400, f"the body is no UTF-8: {error}") from None

    def _by_name(self, asked: Asked) -> dict[str, Any]:
        if asked.method == "GET":
            given: Any = _query(asked.query)
        else:
            kind = asked.header("content-type").partition(";")[0].strip().lower()
            if kind != "application/json" and not kind.endswith("+json"):
                raise Refused(415, "the Content-Type must be application/json")
            try:
                given = json.loads(asked.body)
            except ValueError as error:
                raise Refused(400, f"the body is no JSON: {error}") from None
        if not isinstance(given, dict):
            raise Refused(400, "the body must be a JSON object")
        found = {}
        for parameter in self._parameters:
            found[parameter.name] = given.get(parameter.name, parameter.default)
            if found[parameter.name] is parameter.empty:
                raise Refused(400, f"the body has no {parameter.name!r}")
        return found

    def _swagger(self, query: str) -> Answer:
        for version, file in (
            ("2", "swagger.json"),
            ("2", "swagger2.json"),
            ("3", "swagger3.json"),
        ):
            own = self._folder / file  # a script may bring its own
            if own.is_file() and dict(parse_qsl(query)).get("version", "2")[:1] == version:
                return Answer.json(json.loads(own.read_text(encoding="utf-8")))
        if self._schema is None:
            return document(self._name, Shapes(ANYTHING, ANYTHING), query)
        there = self._schema.get_supported_versions(self._run)
        versions = tuple(each.removesuffix(".0") for each in there)
        asked = self._schema.get_input_schema(self._run)
        answered = self._schema.get_output_schema(self._run)
        return document(self._name, Shapes(asked, answered, versions), query)


def _query(query: str) -> dict[str, Any]:
    """The parameters of an address as JSON values where they are such, lists where they repeat."""
    found: dict[str, list[Any]] = {}
    for key, text in parse_qsl(query, keep_blank_values=True):
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        found.setdefault(key, []).append(value)
    return {key: values[0] if len(values) == 1 else values for key, values in found.items()}


def _answer(given: Any) -> Answer:
    """What ``run`` gave back as an answer: a response of flask or werkzeug, or a value."""
    if hasattr(given, "get_data") and hasattr(given, "status_code"):
        headers = [[key.lower(), value] for key, value in given.headers.items()]
        return Answer(given.get_data(), given.status_code, headers)
    return Answer.json(given if given is not None else {})
