"""Recognitions, the terms voted, how credits entered under them, and what of the caps is used."""

from __future__ import annotations

from hub.db import tables
from hub.index.projectors.registry import ZERO32, Event, Projectors, note_request
from hub.index.rows import Rows
from mutual_recognition.identifiers import member_of, parse_subject

projectors = Projectors("Recognition")

_NO_CAP = 2**64 - 1


@projectors.on("Recognised")
def recognised(event: Event, rows: Rows) -> None:
    a = event.args
    kind, identifier, _ = parse_subject(bytes.fromhex(a["subject"][2:]))
    standing = {
        "subject": a["subject"],
        "member": a["member"],
        "kind": int(kind),
        "home": member_of(identifier),
        "terms": a["terms"],
        "suspended": False,
        "revoked": 0,
        "ballot": a["ballot"],
    }
    before = rows.find(tables.recognitions, a["subject"], a["member"])
    if before is not None:
        standing["suspended"] = before["suspended"]
    rows.put(tables.recognitions, standing | event.seen())
    cap = a["annualCapKg"]
    row = {
        "terms": a["terms"],
        "subject": a["subject"],
        "member": a["member"],
        "factor_ppm": a["factorPpm"],
        "uses": a["uses"],
        "valid_from": a["validFrom"],
        "valid_until": a["validUntil"],
        "annual_cap_kg": None if cap == _NO_CAP else str(cap),
        "covers_every_project": a["coversEveryProject"],
        "ballot": a["ballot"],
    }
    rows.put(tables.terms, row | event.seen())
    anew = before is not None and not before["revoked"]
    _note(event, rows, "retermed" if anew else "recognised", a["terms"], a["ballot"])
    if rows.find(tables.declined, a["subject"], a["member"]) is not None:
        rows.remove(tables.declined, a["subject"], a["member"])


@projectors.on("RecognitionNotConsented")
def recognition_not_consented(event: Event, rows: Rows) -> None:
    row = {name: event.args[name] for name in ("subject", "member", "ballot")}
    rows.put(tables.declined, row | event.seen())


@projectors.on("RecognitionSuspensionChanged")
def recognition_suspension_changed(event: Event, rows: Rows) -> None:
    a = event.args
    rows.change(tables.recognitions, a["subject"], a["member"], suspended=a["suspended"])
    _note(event, rows, "suspended" if a["suspended"] else "resumed", _terms(event, rows), a["ballot"])


@projectors.on("RecognitionEnded")
def recognition_ended(event: Event, rows: Rows) -> None:
    a = event.args
    rows.change(tables.recognitions, a["subject"], a["member"], revoked=a["effect"])
    note_request(event, rows, a["member"])
    by_ballot = a["ballot"] != ZERO32
    _note(event, rows, "ended", _terms(event, rows), a["ballot"] if by_ballot else a["request"])


@projectors.on("EntryFormed")
def entry_formed(event: Event, rows: Rows) -> None:
    a = event.args
    rows.put(
        tables.entries,
        {
            "entry": a["entry"],
            "member": a["member"],
            "methodology": a["methodology"],
            "project": a["project"],
            "series": a["series"],
            "issuance": a["issuance"],
            "methodology_terms": a["methodologyTerms"],
            "project_terms": a["projectTerms"],
            "issuance_terms": a["issuanceTerms"],
            "uses": a["uses"],
        },
    )


@projectors.on("CapDrawn")
def cap_drawn(event: Event, rows: Rows) -> None:
    a = event.args
    rows.put(tables.cap_use, {"terms": a["terms"], "year": a["year"], "arrived_kg": a["arrivedKg"]})


def _terms(event: Event, rows: Rows) -> int:
    standing = rows.find(tables.recognitions, event.args["subject"], event.args["member"])
    return int(standing["terms"]) if standing is not None else 0


def _note(event: Event, rows: Rows, what: str, terms: int, cause: str) -> None:
    a = event.args
    _, identifier, _ = parse_subject(bytes.fromhex(a["subject"][2:]))
    told = {"event": what, "subject": a["subject"], "member": a["member"], "home": member_of(identifier)}
    rows.put(tables.recognition_events, told | {"terms": terms, "cause": cause} | event.seen())
