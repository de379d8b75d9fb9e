"""The forms that values have in every answer: ids, quantities, times, codes with their words, and examples of them."""

from __future__ import annotations

import types
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from enum import IntEnum, IntFlag
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from fastapi import Path, Query
from pydantic import BaseModel, Field, PlainSerializer
from pydantic.fields import FieldInfo

from hub.api.problems import RequestRefused
from hub.api.words import WORDS
from hub.index.queries import Row
from mutual_recognition.periods import day_from_number

ZERO12, ZERO32, NO_ADDRESS = ("0x" + "00" * size for size in (12, 32, 20))
_SHANGHAI = timezone(timedelta(hours=8))
_EXACT = 2**53 - 1
_NO_END = 2**40 - 1

Id12 = Annotated[str, Field(description="0x-hex, 12 bytes", examples=["0x04baf0a1b2c3d4e5f6071829"])]
Id32 = Annotated[str, Field(description="0x-hex, 32 bytes", examples=["0x" + "5a" * 32])]
Address = Annotated[str, Field(description="0x-hex, 20 bytes, lower case", examples=["0x" + "1b" * 20])]
MemberCode = Annotated[int, Field(description="GB/T 2260 code, or a programme's number", examples=[310000])]
Whole = Annotated[
    int,
    PlainSerializer(lambda value: value if abs(value) <= _EXACT else str(value), int | str, when_used="json"),
    Field(description="whole number; text beyond 2^53 - 1", examples=[1001]),
]
Kg = Annotated[
    int,
    PlainSerializer(lambda value: value if abs(value) <= _EXACT else str(value), int | str, when_used="json"),
    Field(description="kg of CO2 equivalent; text beyond 2^53 - 1", examples=[462000]),
]
Ppm = Annotated[int, Field(description="parts per million", examples=[800000])]
Moment = Annotated[datetime, Field(description="block time, in UTC+8", examples=["2026-03-01T10:00:00+08:00"])]
Day = Annotated[date, Field(description="calendar day in UTC+8", examples=["2025-12-31"])]

Id12Path = Annotated[str, Path(pattern="^0x[0-9a-f]{24}$", description="0x-hex in lower case, 12 bytes")]
Id32Path = Annotated[str, Path(pattern="^0x[0-9a-f]{64}$", description="0x-hex in lower case, 32 bytes")]
Id12Query = Annotated[str | None, Query(pattern="^0x[0-9a-f]{24}$", description="0x-hex in lower case, 12 bytes")]
Id32Query = Annotated[str | None, Query(pattern="^0x[0-9a-f]{64}$", description="0x-hex in lower case, 32 bytes")]
MemberQuery = Annotated[int | None, Query(ge=1, lt=2**24, description="GB/T 2260 code, or a programme's number")]
SerialQuery = Annotated[int | None, Query(ge=0, lt=2**63)]


class Word(BaseModel):
    """A code, and what it says to people."""

    code: Annotated[str, Field(examples=["available"])]
    zh: Annotated[str, Field(examples=["可用"])]
    en: Annotated[str, Field(examples=["available"])]


class Block(BaseModel):
    """A block of the chain."""

    number: Annotated[int, Field(examples=[1024])]
    time: Moment | None


class Seen(Block):
    """Where on the chain something was recorded."""

    log_index: Annotated[int, Field(examples=[3])]

    @staticmethod
    def of(row: Row) -> Seen:
        """From the columns that every projection has."""
        return Seen(number=row["block_number"], time=moment(row["block_time"]), log_index=row["log_index"])


class AsOf(BaseModel):
    """The last projected block: everything in the answer is as of it."""

    block: Block
    hash: Id32
    chain_id: Annotated[int, Field(examples=[31323334])]


class Named(BaseModel):
    """A record by its id, and by its registry's own words where the document that has them is public."""

    id: Id12
    registry: Annotated[str | None, Field(examples=["illustrative-registry"])] = None
    record: Annotated[str | None, Field(examples=["PV-2025-001"])] = None
    code: Annotated[str | None, Field(examples=["SHCER02010022024II"])] = None
    title_zh: Annotated[str | None, Field(examples=["居民低碳用电（示例）"])] = None
    title_en: Annotated[str | None, Field(examples=["Residential low-carbon electricity (illustrative)"])] = None

    @staticmethod
    def of(identifier: str, names: Mapping[str, Row]) -> Named:
        """From what `names_of` found."""
        found = names.get(identifier, {})
        return Named(id=identifier, **{name: value for name, value in found.items() if name != "id"})


class Serials(BaseModel):
    """A range of serial numbers, both ends included."""

    first: Whole
    last: Annotated[Whole, Field(examples=[1100])]
    count: Annotated[Whole, Field(examples=[100])]

    @staticmethod
    def of(row: Row) -> Serials:
        """From a row's `first` and `last`."""
        return Serials(first=row["first"], last=row["last"], count=row["last"] - row["first"] + 1)


def moment(seconds: int) -> datetime | None:
    """Block time as a time in UTC+8; None for 0, and for one without end."""
    if not 0 < seconds < _NO_END:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC).astimezone(_SHANGHAI)
    except (OverflowError, ValueError, OSError):
        return None


def day(number: int) -> date | None:
    """A day number as a date; None for 0."""
    return day_from_number(number) if number else None


def given(identifier: str) -> str | None:
    """An id, or None for the zeros that stand for none on the chain."""
    return None if identifier in {ZERO12, ZERO32, NO_ADDRESS} else identifier


def word(kind: type[IntEnum] | type[IntFlag], value: int) -> Word:
    """`value` of `kind` as a code with its words; a number that this version does not know stands for itself."""
    if value not in WORDS[kind]:
        return Word(code=str(value), zh=str(value), en=str(value))
    zh, en = WORDS[kind][value]
    return Word(code=(kind(value).name or "").lower(), zh=zh, en=en)


def one_of(kind: type[IntEnum]) -> Any:
    """A query parameter that takes the codes of `kind`; `number_of` reads it."""
    codes = [member.name.lower() for member in kind]
    return Query(max_length=40, description="a code", json_schema_extra={"examples": codes})


def shown(value: IntEnum | IntFlag, *, several: bool = False) -> Any:
    """The example of a field that carries codes of one kind."""
    example = word(type(value), value).model_dump()
    return Field(examples=[[example] if several else example])


def number_of(kind: type[IntEnum], code: str | None, parameter: str) -> int | None:
    """The number of a code in a filter. Raises RequestRefused naming the codes there are."""
    if code is None:
        return None
    for member in kind:
        if member.name.lower() == code:
            return int(member)
    raise RequestRefused(
        f"{code!r} is no code of {parameter}",
        what=code,
        where=f"query parameter {parameter}",
        remedy=f"use one of {', '.join(member.name.lower() for member in kind)}",
        code="code_unknown",
    )


def example_of(kind: Any) -> Any:
    """An example of what `kind` looks like in JSON, from the examples of its parts."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {
            field.serialization_alias or name: field.examples[0] if field.examples else example_of(_annotation(field))
            for name, field in kind.model_fields.items()
        }
    origin = get_origin(kind)
    if origin is Annotated:
        base, *notes = get_args(kind)
        examples = next((note.examples for note in notes if isinstance(note, FieldInfo) and note.examples), None)
        return examples[0] if examples else example_of(base)
    if origin in {Union, types.UnionType}:
        return example_of(next(part for part in get_args(kind) if part is not type(None)))
    if origin is list:
        return [example_of(get_args(kind)[0])]
    if origin is Literal:
        return get_args(kind)[0]
    if origin is dict:
        return {"total": example_of(get_args(kind)[1])}
    return {str: "text", int: 1, bool: True, float: 1.5, type(None): None}.get(kind, {})


def _annotation(field: FieldInfo) -> Any:
    return field.annotation


def answers(model: Any, description: str = "As of the index's block") -> dict[int | str, dict[str, Any]]:
    """The 200 of an endpoint's OpenAPI, with its example."""
    return {200: {"description": description, "content": {"application/json": {"example": example_of(model)}}}}
