"""The HTTP rules of Azure's inference server: how it calls ``run``, errors, headers, swagger.

Follows ``azureml-inference-server-http`` 1.5. ``run`` gets the body's text; with ``@rawhttp`` the
request itself; with inference-schema's decorators one argument for each parameter of the JSON
body. It returns a flask response, or a value that is serialized as JSON.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
import time
import traceback
import uuid
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, TypedDict
from urllib.parse import parse_qs, parse_qsl

from azureml_local import import_shims
from azureml_local.json_fields import Json, JsonObject
from azureml_local.online.parameter_types import Schema
from azureml_local.online.swagger import SWAGGER_FILES, Schemas, render_document
from azureml_local.scoring.frames import ScoringRequest, ScoringResponse
from azureml_local.scoring.model import InvalidInput
from azureml_local.scoring.script_loader import InvalidScript

FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
MAX_ID_LENGTH = 100
ANY_OBJECT: Schema = {"type": "object", "example": {}}
RUN_FAILED = "x-ms-run-function-failed"
INTERNAL_ERROR = "internal error of the inference server; see the deployment's log"
SCRIPT_ERROR = "the scoring script raised an exception; see the deployment's log"


class RequestRefused(Exception):
    """A request that the server answers without calling ``run``."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class InferenceServer:
    """Answers requests with a ``run`` function."""

    def __init__(
        self,
        run: Callable[..., Any],
        name: str,
        *,
        schema: ModuleType | None = None,
        raw: bool = False,
        folder: Path | None = None,
    ) -> None:
        """Check the parameters of ``run``.

        Args:
            run: the function.
            name: of the endpoint, for the swagger document.
            schema: the module that has the schemas of ``run``; None if it is not decorated.
            raw: whether ``run`` has the decorator ``@rawhttp``.
            folder: of the scripts' own swagger documents.

        Raises:
            InvalidScript: the server cannot call such a function.
        """
        self._run, self._name, self._schema, self._raw = run, name, schema, raw
        self._folder = folder
        parameters = list(inspect.signature(run).parameters.values())
        if any(
            each.kind not in (each.KEYWORD_ONLY, each.POSITIONAL_OR_KEYWORD) for each in parameters
        ):
            raise InvalidScript("run() must have named parameters only, neither * nor **")
        self._with_headers = any(each.name == "request_headers" for each in parameters)
        self._parameters = [each for each in parameters if each.name != "request_headers"]
        if not self._parameters:
            raise InvalidScript("run() has no parameter for the request")
        if raw and schema is not None:
            raise InvalidScript("run() has both @rawhttp and a schema; use one of them")

    def answer(self, request: ScoringRequest) -> ScoringResponse:
        """The response to a request; an exception of ``run`` is a 500."""
        begun = time.perf_counter()
        headers, refused = _id_headers(request)
        if refused is not None:
            response = error_response(refused.status, str(refused))
        elif request.path == "/swagger.json":
            response = self._swagger(request.query)
            response.headers.append([RUN_FAILED, "False"])
        else:
            try:
                response = self._score(request)
            except Exception:  # noqa: BLE001 - an error outside run(), such as in its result
                _log_exception()
                response = error_response(500, INTERNAL_ERROR)
        response.headers = [
            *(pair for pair in response.headers if pair[0] not in dict(headers)),
            *headers,
        ]
        path = f"{request.path}?{request.query}" if request.query else request.path
        spent = 1000 * (time.perf_counter() - begun)
        line = f"{request.method} {path} {response.status} {spent:.3f}ms {len(response.body)}"
        print(line, flush=True)  # noqa: T201 - the deployment's log
        return response

    def _score(self, request: ScoringRequest) -> ScoringResponse:
        try:
            arguments = self._arguments(request)
        except RequestRefused as refused:
            if refused.status == 405 and request.method == "OPTIONS":
                headers = [["content-type", "text/html; charset=utf-8"], [RUN_FAILED, "False"]]
                return ScoringResponse(b"", 200, headers)
            return error_response(refused.status, str(refused))
        if self._with_headers:
            arguments["request_headers"] = {key.title(): value for key, value in request.headers}
        begun = time.perf_counter()
        try:
            value = self._run(**arguments)
        except Exception as error:  # noqa: BLE001 - any exception of the script is a 500
            _log_exception()
            response = error_response(500, SCRIPT_ERROR, run_failed=True, reason=error)
        else:
            response = _to_response(value)
            spent = 1000 * (time.perf_counter() - begun)
            response.headers.append(["x-ms-run-fn-exec-ms", f"{spent:.3f}"])
        response.collected = import_shims.take_collected()
        return response

    def _arguments(self, request: ScoringRequest) -> dict[str, object]:
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
        if _media_type(request) in FORM_TYPES:  # flask parses it as a form and leaves no text
            return {first: ""}
        try:
            return {first: request.body.decode()}
        except UnicodeDecodeError as error:
            raise RequestRefused(400, f"the body is not valid UTF-8: {error}") from None

    def _schema_arguments(self, request: ScoringRequest) -> dict[str, object]:
        if request.method == "GET":
            body: Json = parse_query(request.query)
        else:
            kind = _media_type(request)
            json_kind = kind.startswith("application/") and kind.endswith("+json")
            if kind != "application/json" and not json_kind:
                raise RequestRefused(415, "the Content-Type must be application/json")
            try:
                body = json.loads(request.body)
            except json.JSONDecodeError as error:
                raise RequestRefused(400, f"the body is not valid JSON: {error}") from None
        if not isinstance(body, dict):
            raise RequestRefused(400, "the body must be a JSON object")
        arguments: dict[str, object] = {}
        for parameter in self._parameters:
            arguments[parameter.name] = body.get(parameter.name, parameter.default)
            if arguments[parameter.name] is parameter.empty:
                raise RequestRefused(400, f"the body has no {parameter.name!r}")
        return arguments

    def _swagger(self, query: str) -> ScoringResponse:
        version = parse_qs(query, keep_blank_values=True).get("version", ["2"])[0]
        for file in SWAGGER_FILES.get(version, ()) if self._folder else ():
            own = self._folder / file  # type: ignore[operator]  # the script's own document
            if own.is_file():
                return ScoringResponse.json(json.loads(own.read_text(encoding="utf-8")))
        schemas = Schemas(ANY_OBJECT, ANY_OBJECT)
        if self._schema is not None:
            versions = self._schema.get_supported_versions(self._run)
            schemas = Schemas(
                self._schema.get_input_schema(self._run),
                self._schema.get_output_schema(self._run),
                tuple(re.sub(r"\.0$", "", each) for each in versions),
            )
        return render_document(self._name, schemas, version)


class ErrorBody(TypedDict, total=False):
    """The body of an error of the server."""

    message: str
    error: dict[str, str]


def error_response(
    status: int, message: str, *, run_failed: bool = False, reason: Exception | None = None
) -> ScoringResponse:
    """The server's error: ``{"message": …}``; for invalid input also why, which Azure only logs."""
    body: ErrorBody = {"message": message}
    if isinstance(reason, InvalidInput):
        body["error"] = {"code": "BadRequest", "message": " ".join(str(reason).split())}
    response = ScoringResponse.json(body, status)
    response.headers.append([RUN_FAILED, str(run_failed)])
    return response


def parse_query(query: str) -> JsonObject:
    """The parameters of a query; values that are JSON are parsed, repeated ones are lists."""
    parameters: dict[str, list[Json]] = {}
    for key, text in parse_qsl(query, keep_blank_values=True):
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        parameters.setdefault(key, []).append(value)
    return {key: values[0] if len(values) == 1 else values for key, values in parameters.items()}


def _media_type(request: ScoringRequest) -> str:
    return request.header("content-type").partition(";")[0].strip().lower()


def _id_headers(request: ScoringRequest) -> tuple[list[list[str]], RequestRefused | None]:
    """The response headers with the request's ids, or why the ids are refused."""
    request_id = request.header("x-request-id") or str(uuid.uuid4())
    client_id = request.header("x-ms-client-request-id")
    legacy_id = request.header("x-ms-request-id")
    client_id, legacy_id = client_id or legacy_id, legacy_id or client_id or request_id
    headers = []
    if len(request_id) <= MAX_ID_LENGTH:
        headers.append(["x-request-id", request_id])
        if max(len(client_id), len(legacy_id)) <= MAX_ID_LENGTH:
            headers.append(["x-ms-request-id", legacy_id])
            if client_id:
                headers.append(["x-ms-client-request-id", client_id])
    names = ("x-request-id", "x-ms-request-id", "x-ms-client-request-id")
    if request.header("traceid"):
        headers.append(["traceid", request.header("traceid")])
    if any(len(request.header(name)) > MAX_ID_LENGTH for name in names):
        message = f"the request ids may have at most {MAX_ID_LENGTH} characters"
        return headers, RequestRefused(431, message)
    return headers, None


def _to_response(value: Any) -> ScoringResponse:
    """The return value of ``run`` as a response.

    Raises:
        TypeError: it cannot be serialized as JSON.
    """
    flask = sys.modules.get("flask")
    if flask is not None and isinstance(value, flask.Response):
        headers = [[key.lower(), text] for key, text in value.headers.items()]
        if value.status_code >= 500:
            headers = [pair for pair in headers if pair[0] != RUN_FAILED] + [[RUN_FAILED, "True"]]
        return ScoringResponse(value.get_data(), value.status_code, headers)
    response = ScoringResponse.json(value if value is not None else {})
    response.headers.append([RUN_FAILED, "False"])
    return response


def _log_exception() -> None:
    traceback.print_exc()
    sys.stderr.flush()
