"""Importing: a document of another city taken into one's own work, with where it is from written beside it.

An import is recorded at the hub before anything is written here, and kept there for three years.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from hub.errors import RecordRefused
from hub.sharing.checking import Checked
from hub.sharing.exchange import Exchange, Fetched, Question
from hub.sharing.own_store import OwnStore
from mutual_recognition.documents import Document, DocumentKind
from mutual_recognition.periods import UTC_PLUS_8


class Form(StrEnum):
    """What is written: the document as it is, or a draft that the city completes and files or shares as its own."""

    DOCUMENT = "document"
    METHODOLOGY_DRAFT = "methodology-draft"
    PARAMETERS_DRAFT = "parameters-draft"


_FROM = {
    Form.METHODOLOGY_DRAFT: DocumentKind.METHODOLOGY,
    Form.PARAMETERS_DRAFT: DocumentKind.PARAMETERS,
}


def import_document(
    store: OwnStore,
    exchange: Exchange,
    check: Callable[[Fetched], Checked],
    digest: str,
    form: Form,
    out: Path,
    *,
    version: str = "V1",
    valid_from: str | None = None,
) -> dict[str, Any]:
    """Writes `digest` to `out` in `form`, and returns what was written.

    A document that was not pulled is got now, checked and kept. Raises RecordRefused: unknown, not believed, of another
    kind than the form needs, or withdrawn; RetryLater while the hub is away.
    """
    checked = _checked(store, exchange, check, digest)
    document = checked.document
    if form in _FROM and document.kind is not _FROM[form]:
        raise RecordRefused(
            f"a {form.value} is made from a {_FROM[form].value} document, this one is a {document.kind.value}",
            code="form_differs",
            value=digest,
            remedy="use --as document",
        )
    if (notice := store.withdrawn(digest)) is not None:
        raise RecordRefused(
            "the document was withdrawn",
            code="document_withdrawn",
            value=digest,
            where=f"notice {notice}",
            remedy="read the notice: yrdhub share show; import what replaces it",
        )
    told: dict[str, Any]
    match form:
        case Form.DOCUMENT:
            told = {"provenance": _provenance(checked, exchange.where), "content": document.content}
        case Form.METHODOLOGY_DRAFT:
            definition = document.content.get("definition") or _filed_definition(store, exchange, check, document)
            told = _methodology_draft(checked, exchange.where, definition, version, valid_from)
        case Form.PARAMETERS_DRAFT:
            lineage = [*document.content.get("lineage", []), _lineage(checked)]
            told = {"record": document.record, **document.content, "lineage": lineage}
    exchange.note_import(digest)
    out.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    store.note_import(digest, form.value, str(out))
    return told


def _checked(store: OwnStore, exchange: Exchange, check: Callable[[Fetched], Checked], digest: str) -> Checked:
    kept = store.stored(digest)
    if kept is not None:
        return check(kept)
    checked = check(exchange.fetch(digest))
    store.keep(0, [checked], [], 0)
    return checked


def _methodology_draft(
    checked: Checked, where: str, definition: dict[str, Any], version: str, valid_from: str | None
) -> dict[str, Any]:
    """In the form of `yrdhub registry file-methodology`: the city's own filing, whose lineage names the original."""
    content = checked.document.content
    own = {"code", "version", "definition", "valid_from", "valid_until", "supersedes", "lineage", "issuer"}
    today = datetime.now(UTC).astimezone(UTC_PLUS_8).date().isoformat()
    return {
        "record": checked.document.record,
        "code": content["code"],
        "version": version,
        "valid_from": valid_from or today,
        "valid_until": None,
        "supersedes": None,
        "lineage": f"{checked.document.member}/{content['code']}/{content['version']} {checked.fetched.digest}",
        "definition": definition,
        **{name: value for name, value in content.items() if name not in own},
        "adopted_from": _provenance(checked, where),
    }


def _filed_definition(
    store: OwnStore, exchange: Exchange, check: Callable[[Fetched], Checked], document: Document
) -> dict[str, Any]:
    """The definition that the filing's own registry shared beside it. Raises RecordRefused where there is none."""
    question = Question(
        (DocumentKind.DEFINITION.value,),
        document.member,
        document.registry,
        document.record,
        newest_first=True,
        limit=1,
    )
    for entry in exchange.find(question).entries:
        return _checked(store, exchange, check, str(entry["digest"])).document.content
    raise RecordRefused(
        "the methodology was shared without a definition that computes",
        code="definition_missing",
        value=document.record,
        remedy="use --as document, write the definition, and file it",
    )


def _lineage(checked: Checked) -> dict[str, Any]:
    document = checked.document
    return {
        "digest": checked.fetched.digest,
        "member": document.member,
        "registry": document.registry,
        "record": document.record,
        "version": document.version,
    }


def _provenance(checked: Checked, where: str) -> dict[str, Any]:
    seal = checked.fetched.seal
    return {
        **_lineage(checked),
        "kind": checked.document.kind.value,
        "audience": checked.document.audience,
        "sealed_by": checked.signer,
        "sealed_at": datetime.fromtimestamp(seal.sealed_at, UTC).astimezone(UTC_PLUS_8).isoformat(),
        "manifest": seal.manifest,
        "signature": "0x" + checked.fetched.signature.hex(),
        "from": where,
    }
