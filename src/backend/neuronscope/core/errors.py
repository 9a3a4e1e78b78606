"""Everything that can go wrong on purpose: a code, a sentence that says what, and a hint that says what to do."""

from __future__ import annotations


class NeuronScopeError(Exception):
    """Base of every error that a person may see.

    ``code`` is stable and machine readable, ``status`` the HTTP status that fits, ``hint`` the next step.
    """

    code = "error"
    status = 400

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()

    def to_dict(self) -> dict[str, str]:
        """The body of ``{"error": …}`` as CONTRACTS has it."""
        return {"code": self.code, "message": self.message, "hint": self.hint}


class BadRequest(NeuronScopeError):
    """A value is malformed or out of range."""

    code = "bad_request"
    status = 400


class BadAddress(BadRequest):
    """A text is no address, or names a point, layer or unit that does not exist."""

    code = "bad_address"


class InvalidRequest(BadRequest):
    """A body, query or path does not fit its schema."""

    code = "invalid_request"
    status = 422


class UnsupportedMediaType(BadRequest):
    """A body is not JSON. A form on a foreign page can send other kinds without asking first; JSON it can't."""

    code = "unsupported_media_type"
    status = 415


class PointUnavailable(NeuronScopeError):
    """The model has no such tensor; the message says why."""

    code = "point_unavailable"
    status = 422


class NotFound(NeuronScopeError):
    """No model, trace, index or job has this id."""

    code = "not_found"
    status = 404


class MethodNotAllowed(NeuronScopeError):
    """The address exists, but takes other methods."""

    code = "method_not_allowed"
    status = 405


class TimedOut(NeuronScopeError):
    """A body did not arrive in time."""

    code = "timeout"
    status = 408


class NotCaptured(NeuronScopeError):
    """The trace exists, but did not keep what is asked for."""

    code = "not_captured"
    status = 409


class Conflict(NeuronScopeError):
    """The request is sound, but does not fit the present state."""

    code = "conflict"
    status = 409


class ProtectedUnit(Conflict):
    """A unit is protected: ablating it alone raises the loss beyond a set bound."""

    code = "protected_unit"


class Unauthorized(NeuronScopeError):
    """No token, or the wrong one."""

    code = "unauthorized"
    status = 401


class Forbidden(NeuronScopeError):
    """Host or Origin are not ours."""

    code = "forbidden"
    status = 403


class LengthRequired(NeuronScopeError):
    """A body came without its length."""

    code = "length_required"
    status = 411


class TooLarge(NeuronScopeError):
    """A body or a prompt exceeds its limit."""

    code = "too_large"
    status = 413


class UnsupportedModel(NeuronScopeError):
    """The model can't be used here; the message says why."""

    code = "unsupported_model"
    status = 422


class UnsafeModel(UnsupportedModel):
    """Loading it would run code: pickle weights or remote code."""

    code = "unsafe_model"


class GatedModel(UnsupportedModel):
    """The model's owner has not granted access, or the hub does not know who asks."""

    code = "gated_model"
    status = 403


class CorruptModel(UnsupportedModel):
    """Files of the model are missing or damaged."""

    code = "corrupt_model"


class IncompleteModel(CorruptModel):
    """Files of the model are missing that fetching it again would bring."""


class Offline(NeuronScopeError):
    """The model hub can't be reached and the model isn't on this machine."""

    code = "offline"
    status = 503


class InsufficientMemory(NeuronScopeError):
    """What is asked for would not fit; the message holds the numbers."""

    code = "insufficient_memory"
    status = 409


class StorageFull(NeuronScopeError):
    """The disk is full; what was being written has been removed."""

    code = "storage_full"
    status = 507


class Damaged(NeuronScopeError):
    """A file of ours is not what it says, or was written by a newer version."""

    code = "damaged_file"
    status = 422


class ChatServerFailed(NeuronScopeError):
    """A chat server can't be reached, refused, broke off, or sent what can't be read."""

    code = "chat_server_failed"
    status = 502


class Cancelled(NeuronScopeError):
    """The job was cancelled by its owner."""

    code = "cancelled"
    status = 409


class WorkFailed(NeuronScopeError):
    """The computation itself failed, or its process died."""

    code = "failed"
    status = 500


class InternalError(NeuronScopeError):
    """Something went wrong inside the server; its log has the details."""

    code = "internal_error"
    status = 500
