"""Why a sandbox registry says no."""

from __future__ import annotations


class RegistryRefusal(Exception):
    """The registry refuses an operation. `code` is stable, `field` and `value` say what was wrong.

    `status` is the HTTP status a REST face answers with: 404 unknown, 409 conflicts with what is booked,
    422 the request itself is wrong.
    """

    def __init__(self, code: str, message: str, *, field: str = "", value: object = "", status: int = 422) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
        self.value = str(value)
        self.status = status

    def as_dict(self) -> dict[str, str]:
        """The refusal as a flat mapping, for an answer body or a receipt."""
        return {"code": self.code, "message": self.message, "field": self.field, "value": self.value}


def unknown(kind: str, native_id: str) -> RegistryRefusal:
    """A record that is not in this registry."""
    return RegistryRefusal(
        "UNKNOWN_RECORD", f"no {kind} {native_id!r} in this registry", field=kind, value=native_id, status=404
    )


def conflict(code: str, message: str, *, field: str = "", value: object = "") -> RegistryRefusal:
    """The request is well formed, but what is already booked does not allow it."""
    return RegistryRefusal(code, message, field=field, value=value, status=409)
