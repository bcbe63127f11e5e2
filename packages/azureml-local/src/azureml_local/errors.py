"""Errors of the API in Azure's form, and errors of the command line.

    AzureError                  sent as {"error": {code, message}} with its status
    ├── NotFound          404   ResourceNotFoundError in the SDK
    ├── Conflict          409   ResourceExistsError
    ├── BadRequest        400   HttpResponseError
    ├── TimedOut          408   a scoring request took too long
    ├── TooLarge          413   a scoring request has too many bytes
    ├── DiskFull          413   the disk is full; see disk_space
    ├── TooMany           429   a deployment has too many scoring requests
    ├── BadGateway        502   a deployment's process ended during a request
    ├── Unavailable       503   a deployment has no running process
    ├── Unauthorized      401   ClientAuthenticationError
    ├── Forbidden         403   HttpResponseError
    ├── Defect            500   a defect of this server; the traceback is in its log
    └── NotSupported      501   an operation that azureml-local does not support
    LocalError                  a one-line message of the command line; exit code 2

Only scoring uses 429 and the other 5xx, as on Azure: the SDK retries those for seconds.
"""

from __future__ import annotations

from collections.abc import Sequence


class AzureError(Exception):
    """An error response in Azure's form."""

    status = 400
    code = "BadRequest"

    def __init__(
        self,
        message: str,
        code: str | None = None,
        *,
        target: str | None = None,
        details: Sequence[str] = (),
    ) -> None:
        """Make an error.

        Args:
            message: what is wrong, where, and what to do.
            code: Azure's error code; the class's by default.
            target: the field or asset that is wrong.
            details: further messages, one for each error.
        """
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.target = target
        self.details = tuple(details)

    def body(self) -> dict[str, object]:
        """The JSON of the response; the inner error always has the class's code."""
        error: dict[str, object] = {
            "code": self.code,
            "message": self.message,
            "details": [{"code": self.code, "message": each} for each in self.details],
        }
        if self.target is not None:
            error["target"] = self.target
        if self.code != type(self).code:
            inner = {"code": type(self).code, "innerError": None}
            error["innererror"] = {"code": type(self).code}
            error["additionalInfo"] = [{"type": "InnerError", "info": {"value": inner}}]
        return {"error": error}


class BadRequest(AzureError):
    """The request is not valid."""


class TimedOut(AzureError):
    """A deployment took longer than its request timeout."""

    status = 408
    code = "RequestTimeout"


class TooLarge(AzureError):
    """A scoring request has more bytes than an endpoint accepts."""

    status = 413
    code = "RequestEntityTooLarge"


class TooMany(AzureError):
    """A deployment has more concurrent requests than it accepts."""

    status = 429
    code = "TooManyRequests"


class BadGateway(AzureError):
    """A deployment's process ended during a request."""

    status = 502
    code = "BadGateway"


class Unavailable(AzureError):
    """A deployment has no running process."""

    status = 503
    code = "ServiceUnavailable"


class NotFound(AzureError):
    """The resource does not exist."""

    status = 404
    code = "ResourceNotFound"


class Conflict(AzureError):
    """The resource exists with other content."""

    status = 409
    code = "Conflict"


class Unauthorized(AzureError):
    """No credentials, or credentials that this server did not issue."""

    status = 401
    code = "AuthenticationFailed"


class Forbidden(AzureError):
    """Credentials for another resource."""

    status = 403
    code = "AuthorizationFailed"


class Defect(AzureError):
    """A defect of this server."""

    status = 500
    code = "InternalServerError"


class NotSupported(AzureError):
    """An operation that azureml-local does not support."""

    status = 501
    code = "NotSupportedLocally"


class LocalError(Exception):
    """A user error, reported in one line."""

    exit_code = 2
