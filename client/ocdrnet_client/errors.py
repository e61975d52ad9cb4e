"""What can go wrong for a caller, and what to do about it.

OcdrnetError
├── ConfigurationError        a url or setting that cannot be used, or another event loop (also a ValueError)
├── InvalidRequestError       an unreadable image or a wrong option; sending it again fails again
├── ModelNotFoundError        the server runs, but has no such model
├── ServerUnavailableError    no server there, or its queue is full; the only error that is retried
├── RequestTimeoutError       no answer within the timeout
├── ServerError               the server failed, or refused for a reason not listed here
├── UnexpectedResponseError   an answer that is not the `ocdrnet` model's
└── ClientClosedError         the client was closed before or during the request
"""


class OcdrnetError(Exception):
    """Root of everything this package raises on purpose."""


class ConfigurationError(OcdrnetError, ValueError):
    """A url, timeout or retry setting, or an AsyncClient in this event loop, cannot be used; the text says why."""


class InvalidRequestError(OcdrnetError):
    """The image or an option is at fault; the text says which and what is allowed."""


class ModelNotFoundError(OcdrnetError):
    """The server answers, but serves no model of this name."""


class ServerUnavailableError(OcdrnetError):
    """The server cannot be reached or cannot take the request now; a later attempt may succeed."""


class RequestTimeoutError(OcdrnetError):
    """The answer did not come within the timeout, retries included."""


class ServerError(OcdrnetError):
    """The server failed while it worked on the request, or refused it, for instance for lack of rights."""


class UnexpectedResponseError(OcdrnetError):
    """The answer does not have the tensors of the `ocdrnet` model; versions may differ."""


class ClientClosedError(OcdrnetError):
    """The client was closed; make a new one."""
