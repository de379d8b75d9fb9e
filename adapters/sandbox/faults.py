"""Faults that operators and tests switch on, each for a number of times or until cleared."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from adapters.sandbox.errors import RegistryRefusal
from adapters.sandbox.storage import utc_now

# What each fault does; parameters and their defaults in brackets. A sandbox takes those its transport can have.
REST_FAULTS: dict[str, str] = {
    "timeout_before_write": "a write hangs [seconds=30] and is then dropped; nothing was booked",
    "timeout_after_write": "a write is booked, then the answer hangs [seconds=30] and is lost",
    "timeout_on_read": "a read hangs [seconds=30], then 504",
    "rate_limited": "429 with Retry-After [retry_after=1]",
    "server_error": "500 for requests [on=any, or read, or write]",
    "truncated_page": "half of the page's bytes, as if it were whole [share=0.5]",
    "repeated_page": "the page served before is served again, whatever was asked for",
    "renamed_field": "a field of every answer is renamed [from, to]",
    "slow": "every answer comes late [seconds=0.5]",
    "clock_skew": "the registry's clock is off [seconds=86400]",
}
FILE_FAULTS: dict[str, str] = {
    "timeout_before_write": "the inbox is not looked at for so many polls",
    "timeout_after_write": "an effect file is booked, its receipt comes late [seconds=5]",
    "truncated_csv": "a file ends in the middle of a row [share=0.6]",
    "wrong_encoding": "a file in another encoding [encoding=utf-16]",
    "extra_column": "a column nobody announced [column=备用字段]",
    "missing_column": "a column is gone [column: the last but one]",
    "renamed_field": "a column has another header [from, to]",
    "file_delivered_twice": "a file comes again as a copy, NAME(1).csv",
    "late_file": "a file comes so much later [seconds=3]; its manifest comes at once",
    "out_of_order": "a batch comes only after the next one",
    "half_written_file": "half of a file stands under its final name first [seconds=2]",
    "slow": "every pass over the folder takes longer [seconds=0.5]",
    "clock_skew": "the registry's clock is off [seconds=86400]",
}
WORKBOOK_FAULTS: dict[str, str] = {
    "timeout_before_write": "what clerks typed into 互认登记 is not taken up for so many passes",
    "saved_in_place": "the workbook is saved in place: half of it stands there first [seconds=2]",
    "saved_often": "the workbook is replaced again and again [saves=20, seconds=0.02 between them]",
    "extra_column": "somebody adds a column at a save [column=备注]",
    "missing_column": "a heading and its cells are gone at a save [column=现状]",
    "renamed_field": "a heading reads otherwise at a save [from, to]",
    "slow": "every pass over the workbook takes longer [seconds=0.5]",
    "clock_skew": "the registry's clock is off [seconds=86400]",
}


@dataclass(slots=True)
class Fault:
    """A fault that is on. `times` None: until cleared."""

    name: str
    times: int | None
    parameters: dict[str, Any]
    fired: int = 0

    def number(self, name: str, default: float) -> float:
        """A numeric parameter."""
        return float(self.parameters.get(name, default))

    def text(self, name: str, default: str) -> str:
        """A text parameter."""
        return str(self.parameters.get(name, default))


@dataclass(slots=True)
class Faults:
    """The faults of one sandbox process."""

    known: dict[str, str]
    on: dict[str, Fault] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def switch_on(self, name: str, times: int | None, parameters: dict[str, Any]) -> Fault:
        """Switch a fault on (again). Raises RegistryRefusal UNKNOWN_FAULT."""
        if name not in self.known:
            raise RegistryRefusal("UNKNOWN_FAULT", f"faults here: {', '.join(self.known)}", field="fault", value=name)
        if times is not None and times < 1:
            raise RegistryRefusal("BAD_TIMES", "times is at least 1, or null until cleared", field="times", value=times)
        if name == "renamed_field" and not {"from", "to"} <= set(parameters):
            raise RegistryRefusal(
                "BAD_PARAMETERS", "renamed_field needs from and to", field="parameters", value=parameters
            )
        with self._lock:
            self.on[name] = Fault(name, times, parameters)
            return self.on[name]

    def clear(self, name: str | None = None) -> None:
        """Switch one fault off, or all."""
        with self._lock:
            if name is None:
                self.on.clear()
            else:
                self.on.pop(name, None)

    def take(self, name: str) -> Fault | None:
        """The fault, if it is on; counts as fired once."""
        with self._lock:
            fault = self.on.get(name)
            if fault is None:
                return None
            fault.fired += 1
            if fault.times is not None:
                fault.times -= 1
                if fault.times == 0:
                    del self.on[name]
            return fault

    def now(self) -> datetime:
        """The registry's clock: the machine's, unless clock_skew is on."""
        skew = self.on.get("clock_skew")
        return utc_now() + timedelta(seconds=skew.number("seconds", 86_400) if skew else 0)

    def as_list(self) -> list[dict[str, Any]]:
        """The faults that are on."""
        with self._lock:
            return [
                {"fault": f.name, "times": f.times, "fired": f.fired, "parameters": f.parameters}
                for f in self.on.values()
            ]
