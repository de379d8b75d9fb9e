"""What every city adapter does with a record once its fields are known: read it by its shape, then translate it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.city.canonical import City, translate
from adapters.city.columns import Shape
from adapters.city.telling import NotTellable
from adapters.protocol import Effect, NativeRecord, Receipt
from hub.errors import RecordRefused
from mutual_recognition.records import Record


def translate_native(record: NativeRecord, shapes: Mapping[str, Shape[Any]], of: City, kind_field: str) -> list[Record]:
    """The canonical records that `record` asks for. Raises RecordRefused in the registry's own words.

    `kind_field` is what the registry calls the kind of a record.
    """
    shape = shapes.get(record.kind)
    if shape is None:
        raise RecordRefused(
            "a kind of record that the mapping does not know",
            code="kind_unknown",
            field=kind_field,
            value=record.kind,
            where=record.source,
            remedy="extend the adapter's mapping; the record is kept until then",
        )
    where = f"{record.source}, {record.kind} {record.native_id} version {record.version}"
    read = shape.read(record.payload, where)
    try:
        return list(translate(read, of, where))
    except RecordRefused as refused:
        raise shape.in_native_words(refused) from refused


def cannot_tell(effect: Effect, unfit: NotTellable) -> Receipt:
    """The receipt of an effect that the registry cannot even be told."""
    return Receipt(effect.key, False, reason=f"{unfit.code}: {unfit.reason} ({unfit.value})")
