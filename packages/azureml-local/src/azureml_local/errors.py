"""What can go wrong: answers in Azure's words, and messages of the command line.

    AzureError                  answered as {"error": {code, message}} with its status
    ├── NotFound          404   ResourceNotFoundError in the SDK
    ├── Conflict          409   ResourceExistsError
    ├── BadRequest        400   HttpResponseError
    ├── TimedOut          408   of a scoring request
    ├── TooLarge          413   of a scoring request
    ├── TooMany           429   of scoring requests
    ├── BadGateway        502   a deployment ended while it answered
    ├── Unavailable       503   a deployment does not run
    ├── Unauthorized      401   ClientAuthenticationError
    ├── Forbidden         403   HttpResponseError
    ├── Defect            500   what went wrong in this server; its log says where
    └── NotSupported      501   what this workspace does not do
    LocalError                  one line for a person; exit code 2

Beside scoring, where Azure does, never 5xx and never 429: the SDK repeats those for seconds.
"""

from __future__ import annotations

from collections.abc import Sequence


class AzureError(Exception):
    """An answer that is an error, in Azure's form."""

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
            message: one sentence for a person.
            code: Azure's word for it; the class's by default.
            target: what of the request is wrong: a field, an asset.
            details: further sentences, one a thing that is wrong.
        """
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.target = target
        self.details = tuple(details)

    def body(self) -> dict[str, object]:
        """What Azure's clients parse; the inner error is of the class whatever the code says."""
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
    """The request says something impossible."""


class TimedOut(AzureError):
    """A deployment took longer than its request timeout."""

    status = 408
    code = "RequestTimeout"


class TooLarge(AzureError):
    """A scoring request has more bytes than an endpoint takes."""

    status = 413
    code = "RequestEntityTooLarge"


class TooMany(AzureError):
    """A deployment has more requests than it takes on."""

    status = 429
    code = "TooManyRequests"


class BadGateway(AzureError):
    """A deployment's process ended while it answered."""

    status = 502
    code = "BadGateway"


class Unavailable(AzureError):
    """A deployment has no process that answers."""

    status = 503
    code = "ServiceUnavailable"


class NotFound(AzureError):
    """What the request names is not there."""

    status = 404
    code = "ResourceNotFound"


class Conflict(AzureError):
    """What the request wants is in the way of what is there."""

    status = 409
    code = "Conflict"


class Unauthorized(AzureError):
    """No credentials, or ones that this server did not give out."""

    status = 401
    code = "AuthenticationFailed"


class Forbidden(AzureError):
    """Credentials for something else."""

    status = 403
    code = "AuthorizationFailed"


class Defect(AzureError):
    """A mistake of this server's own."""

    status = 500
    code = "InternalServerError"


class NotSupported(AzureError):
    """An operation that the local workspace does not have."""

    status = 501
    code = "NotSupportedLocally"


class LocalError(Exception):
    """What a person did wrong, in one line."""

    exit_code = 2
