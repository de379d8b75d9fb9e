"""What every parser and check of the domain raises: the value refused, why, and where it came from."""

from __future__ import annotations


class Refusal(ValueError):
    """A value from outside, or asked for by a caller, that the rules do not let through.

    `value` is the text as it arrived (cut to 200 characters), `reason` one clause that says what is wrong and
    what would be right, `where` the place (file, row, field, request) when the caller knows it. Subclasses
    name the kind of refusal, `code` is its name in journals: snake_case, stable once published.
    """

    code: str = "value_refused"

    def __init__(self, value: object, reason: str, where: str = "") -> None:
        self.value = str(value)[:200]
        self.reason = reason
        self.where = where
        super().__init__(value, reason, where)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.value!r}: {self.reason}"

    def at(self, where: str) -> Refusal:
        """The same refusal with its place filled in."""
        return type(self)(self.value, self.reason, where)
