"""Which registry is told what of a happening on the chain, and with which of its own words it is completed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from adapters.city.canonical import City
from adapters.city.telling import NotTellable, native_key, told
from adapters.protocol import Effect, EffectKind, NativeRecord, Page, RegistryProfile
from adapters.sync.effects import effects_of
from adapters.sync.journal import Decision, Journal
from adapters.sync.plan import Write
from adapters.sync.telling import Telling
from mutual_recognition.books import Happening, Position, RecognitionChange
from mutual_recognition.identifiers import Kind, project_id, series_id, subject, transfer_id
from mutual_recognition.purposes import Purpose
from mutual_recognition.records import SeriesName
from mutual_recognition.serials import SerialRange

SHANGHAI, SUZHOU, HEFEI = 310000, 320500, 340100
SERIES = series_id(SHANGHAI, "shanghai-sandbox", "DEMO-SH-CER")


class Names:
    """A directory that learnt a series' name, or has not yet."""

    def __init__(self, known: bool = True) -> None:
        self.known = known

    def series_name(self, series: bytes) -> tuple[str, str] | None:
        return ("shanghai-sandbox", "DEMO-SH-CER") if self.known and series == SERIES else None

    def subject_name(self, identifier: bytes) -> str | None:
        return "XM-1" if identifier == project_id(SHANGHAI, "shanghai-sandbox", "XM-1") else None


def profile(member: int) -> RegistryProfile:
    return RegistryProfile("test", member, "registry", "test", idempotent_push=True, lookup=True)


def happening(event: str, member: int, other: int = 0, **detail: int) -> Happening:
    return Happening(
        position=Position(12, 3, 0),
        event=event,
        series=SERIES,
        home=SHANGHAI,
        kg_per_serial=1,
        issuance=1,
        first=1,
        last=70,
        member=member,
        other=other,
        reference=b"\x11" * 32,
        block_time=1_767_225_600,
        detail=detail,
    )


def kinds(what: Happening, member: int) -> list[str]:
    return [effect.kind.value for effect in effects_of(what, profile(member), Names())]


def city(member: int) -> City:
    return City(member, "registry", {}, {"06": Purpose.VOLUNTARY}, bytes(32))


@pytest.mark.parametrize(
    ("what", "told_to"),
    [
        (
            happening("transfer_proposed", SHANGHAI, SUZHOU),
            {SHANGHAI: "transfer_proposed", SUZHOU: "transfer_incoming"},
        ),
        (
            happening("transfer_accepted", HEFEI, SUZHOU),
            {SHANGHAI: "moved_elsewhere", SUZHOU: "transfer_completed", HEFEI: "transfer_completed"},
        ),
        (happening("cut", SUZHOU), {SHANGHAI: "cancelled"}),
        (happening("cut", SHANGHAI), {}),  # the sender is at home: the completed transfer says what was cut
        (happening("retired", SUZHOU), {SHANGHAI: "retired_elsewhere"}),
        (happening("retired", SHANGHAI), {}),
        (happening("cancelled", SUZHOU), {SHANGHAI: "cancelled", SUZHOU: "cancelled"}),
    ],
)
def test_happening__is_told_to_whom_it_concerns(what: Happening, told_to: dict[int, str]) -> None:
    for member in (SHANGHAI, SUZHOU, HEFEI):
        assert kinds(what, member) == ([told_to[member]] if member in told_to else [])


def test_cancelled__is_here_for_the_holder_and_elsewhere_for_the_home() -> None:
    what = happening("cancelled", SUZHOU)
    (at_home,) = effects_of(what, profile(SHANGHAI), Names())
    (at_holder,) = effects_of(what, profile(SUZHOU), Names())
    assert told(at_home, city(SHANGHAI)).what == "cancelled_elsewhere"
    assert told(at_home, city(SHANGHAI)).fields["member"] == "320500"
    assert told(at_holder, city(SUZHOU)).what == "cancelled"


def test_series_without_a_name__is_not_tellable_until_its_document_comes(tmp_path: Path) -> None:
    (effect,) = effects_of(happening("retired", SUZHOU, purpose=6), profile(SHANGHAI), Names(known=False))
    with pytest.raises(NotTellable):
        told(effect, city(SHANGHAI))
    completed = telling(tmp_path, Names()).completed(effect)
    assert completed.series == SeriesName(code="DEMO-SH-CER", member=SHANGHAI, registry="shanghai-sandbox")
    assert told(completed, city(SHANGHAI)).fields["purpose"] == "06"


class Adapter:
    """Only who it is."""

    profile = profile(SHANGHAI)


REQUEST = b"\x07" * 32


class Sizes:
    """Books that know the size of a serial, and which request a transfer was asked for with."""

    def kg_per_serial(self, series: bytes) -> int | None:
        return 1 if series == SERIES else None

    def transfer_request(self, transfer: bytes) -> bytes | None:
        return REQUEST if transfer == transfer_id(SHANGHAI, REQUEST) else None


def telling(tmp_path: Path, names: Names) -> Telling:
    journal = Journal(sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'journal.sqlite'}"), lambda: 0)
    journal.prepare()
    parts: Any = (Adapter(), journal, Sizes(), names, lambda: 0)
    return Telling(*parts)


def test_own_transfer__is_told_under_the_record_that_asked_for_it(tmp_path: Path) -> None:
    it = telling(tmp_path, Names())
    journal = it._journal
    journal.ingest(Page([NativeRecord("转出", "SH-DEMO-ZC-00001", 1, {}, "test")], "1"))
    write = Write("CreditLedger", "propose", b"", REQUEST, "SH-DEMO-ZC-00001#2")
    journal.decide([Decision(journal.undecided(1)[0].id, [write])], {})
    what = replace(happening("transfer_proposed", SHANGHAI, SUZHOU), reference=transfer_id(SHANGHAI, REQUEST))
    (effect,) = effects_of(what, profile(SHANGHAI), Names())
    with pytest.raises(NotTellable):
        told(effect, city(SHANGHAI))
    completed = it.completed(effect)
    assert completed.detail["native_id"] == "SH-DEMO-ZC-00001#2"
    assert told(completed, city(SHANGHAI)).fields["transfer"] == "SH-DEMO-ZC-00001"


def test_refused_transfer__is_told_with_its_serials(tmp_path: Path) -> None:
    detail = {"native_id": "Z#1", "record": "Z", "action": "propose", "error": "BlockHeld", "reason": "held"}
    series = SeriesName(code="0x" + SERIES.hex(), member=SHANGHAI)
    effect = Effect("refused:1", EffectKind.REFUSED, series, SerialRange(1, 9), detail, 0, "2026-11-22T10:00:00+00:00")
    said = told(telling(tmp_path, Names()).completed(effect), city(SHANGHAI))
    assert (said.what, said.fields["transfer"], said.fields["reason"]) == ("transfer_rejected", "Z", "BlockHeld: held")


def test_native_key__is_one_to_one_and_of_the_characters_that_registries_take() -> None:
    (effect,) = effects_of(happening("retired", SUZHOU), profile(SHANGHAI), Names())
    assert native_key(effect.key) == effect.key.replace(":", "-")
    assert native_key("短") != native_key("长")
    assert len(native_key("x" * 500)) == 64


def recognition(event: str, kind: Kind, identifier: bytes, first: int = 0, **other: int) -> RecognitionChange:
    fields: dict[str, Any] = {"terms": 3, "factor_ppm": 545_454, "uses": 1 << 6, "valid_from": 1_704_038_400}
    fields |= {"valid_until": 1_735_660_800, "cause": b"\x09" * 32, "block_time": 1_763_800_000} | other
    place: dict[str, Any] = {"position": Position(5, 1, 0), "home": SHANGHAI, "member": SUZHOU}
    return RecognitionChange(event=event, subject=subject(kind, identifier, first), **place, **fields)


def test_recognition_changed__says_who_recognises_what_and_under_which_terms(tmp_path: Path) -> None:
    project = project_id(SHANGHAI, "shanghai-sandbox", "XM-1")
    (effect,) = effects_of(recognition("retermed", Kind.PROJECT, project), profile(SHANGHAI), Names())
    assert told(effect, city(SHANGHAI)).fields["subject"] == f"0x{project.hex()}"
    said = told(telling(tmp_path, Names()).completed(effect), city(SHANGHAI))
    assert said.what == "recognition_changed"
    assert dict(said.fields) == {
        "subject_kind": "project",
        "subject": "XM-1",
        "member": "320500",
        "status": "retermed",
        "factor_ppm": 545_454,
        "uses": ("06",),
        "valid_from": date(2024, 1, 1),
        "valid_to": date(2024, 12, 31),
    }


def test_recognition_of_an_issuance__is_named_by_series_and_first_serial(tmp_path: Path) -> None:
    (effect,) = effects_of(recognition("suspended", Kind.ISSUANCE, SERIES, 41), profile(SUZHOU), Names())
    assert telling(tmp_path, Names()).completed(effect).detail["subject"] == "DEMO-SH-CER:41"


def test_recognition__suspended_twice__two_effects__the_same_log_twice__one() -> None:
    once = recognition("suspended", Kind.PROJECT, bytes(12))
    again = replace(once, cause=b"\x02" * 32)
    keys = [next(iter(effects_of(change, profile(SHANGHAI), Names()))).key for change in (once, again, once)]
    assert keys[0] == keys[2] != keys[1]
