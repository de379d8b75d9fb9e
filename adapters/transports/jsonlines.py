"""JSON lines: one object a line, UTF-8 (or what `delimited.find_encoding` finds), as easy to take as CSV.

Objects inside an object are flattened to dotted names (`serials.first`); lists stay lists; numbers with a fraction
stay text, so that no binary float ever stands for a quantity. A line that cannot be read is a `Fault` and stops
nothing else; a last line without its newline is taken for cut short.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mutual_recognition.documents import Json

from .delimited import find_encoding
from .snapshots import DEFAULT_LIMITS, FileLimits, Snapshot, snapshot
from .tables import Fault, Source, file_refused

DEEPEST = 8
"""Objects inside objects; anything deeper is not a record."""


@dataclass(frozen=True, slots=True)
class JsonLine:
    """One line: where it stands, and its values by flattened name."""

    source: Source
    values: Mapping[str, Json]


def read_json_lines(
    file: Path, limits: FileLimits = DEFAULT_LIMITS, encoding: str | None = None
) -> Iterator[JsonLine | Fault]:
    """The lines of a file in order; blank lines are passed over. The file is copied first (see `snapshot`) and then
    streamed: memory does not grow with it.

    Raises RetryLater when it is being written, ConfigurationWrong when it is too large or in no known encoding.
    """
    with snapshot(file, limits) as copy:
        yield from read_snapshot(copy, limits, encoding)


def read_snapshot(
    copy: Snapshot, limits: FileLimits = DEFAULT_LIMITS, encoding: str | None = None
) -> Iterator[JsonLine | Fault]:
    """As `read_json_lines`, from a copy already taken."""
    with copy.path.open(encoding=find_encoding(copy, encoding), errors="strict", newline="\n") as stream:
        number = rows = 0
        while line := stream.readline(limits.row_characters + 1):
            number += 1
            if len(line) > limits.row_characters:
                raise file_refused(
                    f"line {number} is longer than {limits.row_characters:,} characters",
                    code="line_too_long",
                    file=str(copy.original),
                    remedy="check that the export ends its lines",
                )
            if not line.strip():
                continue
            rows += 1
            if rows > limits.rows:
                raise file_refused(
                    f"more than {limits.rows:,} lines",
                    code="too_many_rows",
                    file=str(copy.original),
                    remedy="split the export, or raise the limit in the adapter's configuration",
                )
            yield _line(line, Source(copy.name, number))


def flattened(values: Mapping[str, Json]) -> dict[str, Json]:
    """An object with the objects inside it flattened to dotted names, as far as `DEEPEST`; lists stay lists."""
    return dict(_flattened(values, ""))


def _line(line: str, source: Source) -> JsonLine | Fault:
    def fault(reason: str, code: str, field: str = "") -> Fault:
        return Fault(source, field, line.strip()[:200], reason, code)

    if not line.endswith("\n"):
        return fault("the last line does not end with a newline: it may be cut short", "record_cut_short")
    try:
        found = json.loads(line, parse_float=str, parse_constant=_no_constant, object_pairs_hook=_each_name_once)
    except (ValueError, RecursionError) as broken:
        return fault(f"not JSON: {broken}", "record_broken")
    if not isinstance(found, dict):
        return fault("not an object", "record_broken")
    values: dict[str, Json] = {}
    for name, value in _flattened(found, ""):
        if name in values:
            return fault(
                f"{name} is there twice: once inside an object, once with a dot in its name", "name_twice", name
            )
        if name.count(".") >= DEEPEST:
            return fault(f"objects more than {DEEPEST} deep", "record_broken", name)
        values[name] = value
    return JsonLine(source, values)


def _flattened(value: Mapping[str, Json], above: str) -> Iterator[tuple[str, Json]]:
    for name, inner in value.items():
        if isinstance(inner, dict) and inner and above.count(".") < DEEPEST:
            yield from _flattened(inner, f"{above}{name}.")
        else:
            yield f"{above}{name}", inner


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is no JSON value")


def _each_name_once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the name {next(name for name in names if names.count(name) > 1)!r} is there twice")
    return found
