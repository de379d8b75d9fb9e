"""Publishing by hand: from a file to a sealed document, in its shape, as the next version of its record."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hub.chain.keys import Signer
from hub.errors import RecordRefused
from hub.sharing.exchange import Exchange, Question
from mutual_recognition.documents import Document, DocumentKind
from mutual_recognition.refusal import Refusal
from mutual_recognition.sharing import SharedParameter, shared_content

PUBLISHED_BY_HAND = (
    DocumentKind.METHODOLOGY,
    DocumentKind.PROJECT,
    DocumentKind.PARAMETERS,
    DocumentKind.PROJECT_INFORMATION,
)

_ABOUT = ("record",)
"""What a file says beside the content of its shape."""
_UNCERTAINTY = ("lower", "upper", "confidence_percent")


@dataclass(frozen=True, slots=True)
class Item:
    """One record to share: its name at its registry, its content, and where it was read."""

    record: str
    content: dict[str, Any]
    where: str


@dataclass(frozen=True, slots=True)
class Published:
    """What became of an item. `new` is false where the newest version says the same already."""

    record: str
    version: int
    digest: str
    new: bool


def items_in_json(text: str, where: str) -> list[Item]:
    """Records of a JSON file: one object, or a list of them, each with `record` and the fields of its shape.

    Raises RecordRefused.
    """
    try:
        told = json.loads(text, parse_float=_no_float)
    except ValueError as unreadable:
        raise RecordRefused(
            f"the file is no JSON: {unreadable}", code="record_unreadable", where=where, remedy="correct the file"
        ) from unreadable
    found = told if isinstance(told, list) else [told]
    items = []
    for place, one in enumerate(found):
        here = f"{where}[{place}]" if isinstance(told, list) else where
        if not isinstance(one, dict) or not isinstance(one.get("record"), str) or not one["record"].strip():
            raise RecordRefused(
                'each record is an object that names itself: {"record": "...", ...}',
                code="record_invalid",
                field="record",
                where=here,
                remedy="see the fields of each kind: yrdhub share shapes",
            )
        content = {name: value for name, value in one.items() if name not in _ABOUT}
        items.append(Item(one["record"].strip(), content, here))
    return items


def parameters_in_csv(text: str, where: str, record: str, titles: dict[str, str]) -> list[Item]:
    """One parameter set of a CSV file, a value a row; columns are the fields of a parameter, and uncertainty_lower,
    uncertainty_upper, uncertainty_confidence_percent. Empty cells are left out.

    Raises RecordRefused that names the row.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    known = {*SharedParameter.model_fields, *(f"uncertainty_{part}" for part in _UNCERTAINTY)} - {"uncertainty"}
    unknown = [name for name in reader.fieldnames or () if name not in known]
    if unknown or not reader.fieldnames:
        raise RecordRefused(
            f"there is no column {unknown[0]!r}" if unknown else "the file has no header",
            code="record_invalid",
            field="header",
            where=where,
            remedy=f"use {', '.join(sorted(known))}",
        )
    return [Item(record, {**titles, "parameters": list(_parameters(reader, where))}, where)]


def publish(
    exchange: Exchange,
    signer: Signer,
    member: int,
    registry: str,
    kind: DocumentKind,
    audience: str,
    items: Sequence[Item],
) -> list[Published]:
    """Shares `items`, each as the next version of its record; nothing is sent unless all are in their shape.

    An item whose newest version has the same content and audience is left alone, so that a file given twice is shared
    once. Raises RecordRefused (with PersonalData's code where something of a person is recognised).
    """
    made: list[tuple[Document, bool]] = []
    taken: dict[str, str] = {}
    for item in items:
        if item.record in taken:
            raise RecordRefused(
                f"{item.record} stands in {taken[item.record]} already",
                code="record_repeated",
                field="record",
                value=item.record,
                where=item.where,
            )
        taken[item.record] = item.where
        made.append(_document(exchange, member, registry, kind, audience, item))
    if fresh := [document for document, new in made if new]:
        exchange.deliver(signer, member, fresh)
    return [Published(document.record, document.version, "0x" + document.digest().hex(), new) for document, new in made]


def withdraw(
    exchange: Exchange, signer: Signer, member: int, digest: str, reason: str, replaced_by: str | None = None
) -> Published:
    """The signed notice that a document of `member` no longer stands; its readers are those of the document.

    Given twice, it is one notice. Raises RecordRefused (`document_of_another`, or what the hub refuses with).
    """
    fetched = exchange.fetch(digest)
    withdrawn = Document.parse(fetched.canonical, digest)
    if withdrawn.member != member:
        raise RecordRefused(
            f"the document is member {withdrawn.member}'s", code="document_of_another", value=digest, where=digest
        )
    content = {"withdraws": digest, "reason": reason} | ({"replaced_by": replaced_by} if replaced_by else {})
    item = Item(withdrawn.record, content, digest)
    notice, new = _document(exchange, member, withdrawn.registry, DocumentKind.WITHDRAWAL, withdrawn.audience, item)
    if new:
        exchange.deliver(signer, member, [notice])
    return Published(notice.record, notice.version, "0x" + notice.digest().hex(), new)


def _document(
    exchange: Exchange, member: int, registry: str, kind: DocumentKind, audience: str, item: Item
) -> tuple[Document, bool]:
    try:
        content = shared_content(kind, item.content, item.where)
    except Refusal as refused:
        raise RecordRefused(
            f"{item.record} cannot be shared: {refused.reason}",
            code=refused.code,
            value=refused.value,
            where=item.where,
            remedy="correct the file; the fields of each kind: yrdhub share shapes",
        ) from refused
    newest = _newest(exchange, member, registry, kind, item.record)

    def version(number: int) -> Document:
        try:
            return Document(
                kind=kind,
                member=member,
                registry=registry,
                record=item.record,
                version=number,
                audience=audience,
                content=content,
            )
        except ValueError as wrong:
            raise RecordRefused(
                f"{item.record} cannot be shared: {wrong}", code="document_refused", where=item.where
            ) from wrong

    if newest is not None:
        same = version(int(newest["version"]))
        if "0x" + same.digest().hex() == newest["digest"]:
            return same, False
    return version(1 if newest is None else int(newest["version"]) + 1), True


def _newest(exchange: Exchange, member: int, registry: str, kind: DocumentKind, record: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = None
    since = 0
    while True:
        question = Question((kind.value,), member, registry, record, since=since, limit=200)
        answered = exchange.find(question)
        for entry in answered.entries:
            if found is None or entry["version"] >= found["version"]:
                found = entry
        if not answered.more:
            return found
        since = int(answered.entries[-1]["arrived"])


def _parameters(reader: csv.DictReader[str], where: str) -> Iterator[dict[str, Any]]:
    for number, row in enumerate(reader, 2):
        if None in row or None in row.values():
            raise RecordRefused(
                "the row has more or fewer cells than the header",
                code="record_invalid",
                where=f"{where} row {number}",
                remedy="correct the row",
            )
        cells = {name: cell.strip() for name, cell in row.items() if cell.strip()}
        told: dict[str, Any] = {name: cell for name, cell in cells.items() if not name.startswith("uncertainty_")}
        if any(f"uncertainty_{part}" in cells for part in _UNCERTAINTY):
            told["uncertainty"] = {
                part: cells[f"uncertainty_{part}"] for part in _UNCERTAINTY if f"uncertainty_{part}" in cells
            }
        yield told


def _no_float(text: str) -> Any:
    raise ValueError(f'{text} stands as a number; quantities are text: "{text}"')
