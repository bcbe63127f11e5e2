"""A scoring script for Azure ML's inference server: ``init()`` once, ``run()`` for each request.

``run`` gets the body's text; with ``@rawhttp`` the request itself; with inference-schema's
decorators one argument for each parameter of the JSON body. It returns a flask or werkzeug
response, or a value that is serialized as JSON.
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

from azureml_local.online import import_shims
from azureml_local.online.swagger import Schemas, render_document
from azureml_local.scoring.frames import ScoringRequest, ScoringResponse
from azureml_local.scoring.script_loader import InvalidScript, load_script

RAW_HTTP_MODULES = ("azureml_local.online.raw_http", *import_shims.RAW_REQUEST)
SCHEMA_MODULE = "inference_schema.schema_util"
ANY_OBJECT = {"type": "object", "example": {}}


class RequestRefused(Exception):
    """A request that the server answers without calling the script."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Script:
    """A loaded and initialized scoring script."""

    def __init__(self, folder: Path, script: str, name: str) -> None:
        """Load the script and call its ``init``.

        Args:
            folder: the deployment's code.
            script: the script's path in it.
            name: of the endpoint, for the swagger document.

        Raises:
            InvalidScript: it has no ``init``, or no ``run`` with a named parameter.
        """
        import_shims.install()
        self._name = name
        self._folder = folder
        module = load_script(folder, script)
        self._run = module.run
        parameters = list(inspect.signature(self._run).parameters.values())
        if any(
            each.kind not in (each.KEYWORD_ONLY, each.POSITIONAL_OR_KEYWORD) for each in parameters
        ):
            raise InvalidScript("run() must have named parameters only, neither * nor **")
        self._with_headers = any(each.name == "request_headers" for each in parameters)
        self._parameters = [each for each in parameters if each.name != "request_headers"]
        if not self._parameters:
            raise InvalidScript("run() has no parameter for the request")
        modules = [sys.modules.get(name) for name in RAW_HTTP_MODULES]
        self._raw = any(getattr(module, "_rawHttpRequested", False) for module in modules)
        self._schema = self._schema_module()
        if self._raw and self._schema:
            raise InvalidScript("run() has both @rawhttp and a schema; use one of them")
        module.init()
        print(f"{script}: init() is done", flush=True)

    def _schema_module(self) -> ModuleType | None:
        """The module that has the schemas of ``run``; None if it has no schema decorators."""
        util = sys.modules.get(SCHEMA_MODULE)
        if util is None and "inference_schema" in sys.modules:
            util = importlib.import_module(SCHEMA_MODULE)
        return util if util is not None and util.is_schema_decorated(self._run) else None

    def answer(self, request: ScoringRequest) -> ScoringResponse:
        """The script's response to a request, or 500 if it raises an exception."""
        if request.path == "/swagger.json":
            return self._swagger(request.query)
        begun = time.perf_counter()
        response = self._answer(request)
        spent = 1000 * (time.perf_counter() - begun)
        print(f"{request.method} {request.path} {response.status} {spent:.1f}ms", flush=True)
        return response

    def _answer(self, request: ScoringRequest) -> ScoringResponse:
        try:
            arguments = self._arguments(request)
        except RequestRefused as refused:
            return ScoringResponse.json({"message": str(refused)}, refused.status)
        if self._with_headers:
            arguments["request_headers"] = {key.title(): value for key, value in request.headers}
        monitoring = sys.modules.get(import_shims.MONITORING)
        try:
            response = _to_response(self._run(**arguments))
        except Exception:  # noqa: BLE001 - any exception of the script is a 500
            traceback.print_exc()
            sys.stderr.flush()
            message = "the scoring script raised an exception; see the deployment's log"
            response = ScoringResponse.json({"message": message}, 500)
        if monitoring is not None and hasattr(monitoring, "take_collected"):
            response.collected = monitoring.take_collected()
        return response

    def _arguments(self, request: ScoringRequest) -> dict[str, Any]:
        first = self._parameters[0].name
        if self._raw:
            from azureml_local.online.raw_http import to_flask_request

            return {first: to_flask_request(request)}
        if request.method not in ("GET", "POST"):
            raise RequestRefused(405, "Method not allowed")
        if self._schema is not None:
            return self._schema_arguments(request)
        if request.method == "GET":
            return {first: json.dumps(parse_query(request.query))}
        try:
            return {first: request.body.decode()}
        except UnicodeDecodeError as error:
            raise RequestRefused(400, f"the body is not valid UTF-8: {error}") from None

    def _schema_arguments(self, request: ScoringRequest) -> dict[str, Any]:
        if request.method == "GET":
            body: Any = parse_query(request.query)
        else:
            kind = request.header("content-type").partition(";")[0].strip().lower()
            if kind != "application/json" and not kind.endswith("+json"):
                raise RequestRefused(415, "the Content-Type must be application/json")
            try:
                body = json.loads(request.body)
            except ValueError as error:
                raise RequestRefused(400, f"the body is not valid JSON: {error}") from None
        if not isinstance(body, dict):
            raise RequestRefused(400, "the body must be a JSON object")
        arguments = {}
        for parameter in self._parameters:
            arguments[parameter.name] = body.get(parameter.name, parameter.default)
            if arguments[parameter.name] is parameter.empty:
                raise RequestRefused(400, f"the body has no {parameter.name!r}")
        return arguments

    def _swagger(self, query: str) -> ScoringResponse:
        for version, file in (
            ("2", "swagger.json"),
            ("2", "swagger2.json"),
            ("3", "swagger3.json"),
        ):
            own = self._folder / file  # the script's own document
            if own.is_file() and dict(parse_qsl(query)).get("version", "2")[:1] == version:
                return ScoringResponse.json(json.loads(own.read_text(encoding="utf-8")))
        if self._schema is None:
            return render_document(self._name, Schemas(ANY_OBJECT, ANY_OBJECT), query)
        versions = self._schema.get_supported_versions(self._run)
        schemas = Schemas(
            self._schema.get_input_schema(self._run),
            self._schema.get_output_schema(self._run),
            tuple(each.removesuffix(".0") for each in versions),
        )
        return render_document(self._name, schemas, query)


def parse_query(query: str) -> dict[str, Any]:
    """The parameters of a query; values that are JSON are parsed, repeated ones are lists."""
    parameters: dict[str, list[Any]] = {}
    for key, text in parse_qsl(query, keep_blank_values=True):
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        parameters.setdefault(key, []).append(value)
    return {key: values[0] if len(values) == 1 else values for key, values in parameters.items()}


def _to_response(value: Any) -> ScoringResponse:
    """The return value of ``run`` as a response."""
    if hasattr(value, "get_data") and hasattr(value, "status_code"):
        headers = [[key.lower(), text] for key, text in value.headers.items()]
        return ScoringResponse(value.get_data(), value.status_code, headers)
    return ScoringResponse.json(value if value is not None else {})
