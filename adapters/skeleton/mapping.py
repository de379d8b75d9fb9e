"""Your registry's fields, words and codes. Everything that is yours to fill in stands in this file.

One line a field: its name at your registry, the attribute that it fills (`adapters/city/records.py` says what each
means), and how its value is read (`adapters/city/columns.py` and `readings.py`). The names, units and serials here are
those of the sample in `fixtures/`, of our own making (示例): quantities in t, electricity in MWh, serials N00000001.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from adapters.city import records as city
from adapters.city.columns import (
    Column,
    Shape,
    day,
    day_or_none,
    decimal,
    degrees,
    kilograms,
    kilograms_or_zero,
    member,
    needed,
    one_of,
    text,
    texts,
    verbatim,
    whole,
    whole_or_zero,
)
from adapters.city.feed import REISSUE_FIRST
from adapters.city.mapping import CityMapping, EffectForm, HoldingLine
from adapters.city.readings import flag, listed, number_in, parameters_from_objects, units_from_fields
from adapters.city.records import Status
from mutual_recognition.documents import Json
from mutual_recognition.purposes import Purpose
from mutual_recognition.quantities import MassUnit

TITLE: Final = "示例市碳普惠登记簿 / illustrative registry"  # TODO: your registry's name

# TODO: your codes of what credits are retired for. A purpose without a code of yours is simply left out.
PURPOSES: Final[Mapping[str, Purpose]] = {
    "P1": Purpose.ETS_COMPLIANCE,
    "P2": Purpose.ORGANISATION_NEUTRALITY,
    "P3": Purpose.EVENT_NEUTRALITY,
    "P4": Purpose.PRODUCT_NEUTRALITY,
    "P5": Purpose.BUILDING_NEUTRALITY,
    "P6": Purpose.VOLUNTARY,
    "P7": Purpose.ECOLOGICAL_COMPENSATION,
    "P8": Purpose.POINTS_AND_REWARDS,
}

# TODO: your words for a status. Every word that occurs must be here; one that is not is refused, never guessed.
STATUSES: Final[Mapping[str, Status]] = {
    "filed": Status.FILED,
    "registered": Status.REGISTERED,
    "suspended": Status.SUSPENDED,
    "withdrawn": Status.WITHDRAWN,
    "closed": Status.CLOSED,
    "valid": Status.VALID,
    "voided": Status.VOIDED,
    "issued": Status.ISSUED,
    "part corrected": Status.PART_CORRECTED,
    "corrected": Status.CORRECTED,
    "locked": Status.LOCKED,
    "submitted": Status.SUBMITTED,
    "withdrawal requested": Status.WITHDRAWAL_REQUESTED,
    "transferred": Status.TRANSFERRED,
    "rejected": Status.REJECTED,
    "expired": Status.EXPIRED,
    "pending": Status.PENDING,
    "final": Status.FINAL,
    "returned": Status.RETURNED,
    "undecided": Status.UNDECIDED,
    "accept": Status.ACCEPT,
    "reject": Status.REJECT,
    "available": Status.AVAILABLE,
    "retired": Status.RETIRED,
    "cut": Status.CUT,
    "retired elsewhere": Status.RETIRED_ELSEWHERE,
    "cancelled elsewhere": Status.CANCELLED_ELSEWHERE,
    "cancelled": Status.CANCELLED,
}

# TODO: your unit of quantity (TONNE, KILOGRAM or GRAM), and how you write a serial number.
_kg = kilograms(MassUnit.TONNE)
_kg_or_zero = kilograms_or_zero(MassUnit.TONNE)
_serial = number_in(r"N([0-9]{8})")
_yes_no = flag("yes", "no")
_status = one_of(STATUSES)
_units = units_from_fields(
    series="series", first="first", last="last", home="home", kg_per_serial="kg_per_serial", serial=_serial
)
_ranges = listed(_units)
_parameters = parameters_from_objects(
    {
        "name": "name",
        "symbol": "symbol",
        "value": "value",
        "unit": "unit",
        "valid_from": "from",
        "valid_to": "until",
        "source": "source",
    }
)


def _megawatt_hours(value: Json) -> Decimal:
    return decimal(value) * 1000  # the hub counts kWh


def _columns(*columns: tuple[str, str, Any]) -> tuple[Column, ...]:
    return tuple(Column(*column) for column in columns)


METHODOLOGY: Final = Shape(  # 方法学备案
    "methodology",
    city.Methodology,
    _columns(
        ("filing_no", "native_id", needed),  # CODE/VERSION
        ("code", "code", needed),
        ("version_no", "version", needed),
        ("title", "title_zh", needed),
        ("formula", "formula", needed),  # activity_kwh, and parameters by their symbol
        ("parameters", "parameters", _parameters),
        ("crediting_years", "crediting_years", whole),
        ("supersedes", "supersedes", text),
        ("filed_on", "filed_on", day),
        ("valid_from", "valid_from", day),
        ("valid_to", "valid_to", day_or_none),
        ("text", "document", verbatim),
        ("text_sha256", "document_sha256", needed),
        ("status", "status", _status),
        ("note", "label", text),
    ),
    # what your registry does not state, but always holds
    constants={
        "title_en": "",
        "issuer": TITLE,
        "applicability": "",
        "boundary": "",
        "gases": ("CO2",),
        "baseline": "",
        "monitoring": "",
        "lineage": "",
    },
    optional=frozenset({"supersedes", "valid_to", "note"}),
)

PROJECT: Final = Shape(  # 减排项目
    "project",
    city.Project,
    _columns(
        ("project_no", "native_id", needed),
        ("name", "name_zh", needed),
        ("owner", "proponent", needed),
        ("owner_code", "uscc", needed),
        ("site", "site", text),
        ("longitude", "longitude", degrees),
        ("latitude", "latitude", degrees),
        ("capacity_kw", "capacity_kw", decimal),
        ("filing_no", "methodology", needed),
        ("grid_date", "grid_date", day),
        ("life_years", "life_years", whole),
        ("crediting_from", "crediting_start", day),
        ("crediting_until", "crediting_end", day),
        ("meters", "assets", texts),
        ("other_mechanism", "other_mechanism", text),
        ("ets_site", "ets_site", _yes_no),
        ("registered_on", "registered_on", day),
        ("status", "status", _status),
        ("note", "label", text),
    ),
    constants={"name_en": "", "rural": False, "co_benefits": ""},
    optional=frozenset({"note"}),
)

VERIFICATION: Final = Shape(  # 核证
    "verification",
    city.Verification,
    _columns(
        ("verification_no", "native_id", needed),
        ("project_no", "project", needed),
        ("from", "period_start", day),
        ("until", "period_end", day),
        ("generation_mwh", "activity_kwh", _megawatt_hours),
        ("factor", "emission_factor", decimal),
        ("verified_t", "verified_kg", _kg),
        ("verifier", "verifier", text),
        ("report_sha256", "report_sha256", needed),
        ("verified_on", "verified_on", day),
        ("status", "status", _status),
        ("note", "label", text),
    ),
    optional=frozenset({"note"}),
)

ISSUANCE: Final = Shape(  # 签发
    "issuance",
    city.Issuance,
    _columns(
        ("issuance_no", "native_id", needed),
        ("project_no", "project", needed),
        ("verification_no", "verification", needed),
        ("vintage", "vintage", whole),
        ("quantity_t", "quantity_kg", _kg),
        ("series", "series", needed),
        ("kg_per_serial", "kg_per_serial", whole),
        ("first_serial", "serial_first", _serial),
        ("last_serial", "serial_last", _serial),
        ("account", "account", text),
        ("issued_on", "issued_on", day),
        ("replaces", "reissue_of", text),
        ("status", "status", _status),
        ("note", "label", text),
    ),
    beside=(Column(REISSUE_FIRST, "reissue_first", lambda value: _serial(value) if value else 0),),
    optional=frozenset({"replaces", "note"}),
)

TRANSFER_OUT: Final = Shape(  # 转出
    "transfer out",
    city.TransferOut,
    _columns(
        ("transfer_no", "native_id", needed),
        ("to", "to_member", member),
        ("account", "account", text),
        ("ranges", "ranges", _ranges),
        ("quantity_t", "quantity_kg", _kg),
        ("requested_on", "requested_on", day),
        ("reviewed_by", "reviewer", text),  # who co-signs on chain, with a key; no clerk's name: else constants, ""
        ("status", "status", _status),
        ("note", "label", text),
    ),
    constants={
        "to_account": "",
        "references": (),
        "accepted_kg": 0,
        "cut_kg": 0,
        "returned_kg": 0,
        "taken_kg": 0,
        "reason": "",
    },
    optional=frozenset({"reviewed_by", "note"}),
)

TRANSFER_IN: Final = Shape(  # 转入; its number is the hub's own, as your registry was told it
    "transfer in",
    city.TransferIn,
    _columns(
        ("transfer_no", "native_id", needed),
        ("from_member", "from_member", member),
        ("ranges", "ranges", _ranges),
        ("quantity_t", "quantity_kg", _kg),
        ("decision", "decision", _status),
        ("decision_reason", "decision_reason", text),
        ("status", "status", _status),
        ("note", "label", text),
    ),
    constants={"account": "", "factor_ppm": 0, "deadline": "", "kept": (), "received_kg": 0},
    optional=frozenset({"decision_reason", "note"}),
)

RETIREMENT: Final = Shape(  # 注销
    "retirement",
    city.Retirement,
    _columns(
        ("retirement_no", "native_id", needed),
        ("account", "account", text),
        ("ranges", "ranges", _ranges),
        ("quantity_t", "quantity_kg", _kg),
        ("purpose", "purpose", needed),
        ("beneficiary", "beneficiary", text),
        ("beneficiary_code", "beneficiary_uscc", text),
        ("compliance_year", "compliance_year", whole_or_zero),
        ("reason", "reason", text),
        ("retired_on", "retired_on", day),
        ("note", "label", text),
    ),
    # either field may be absent, not both: the chain takes no retirement without a beneficiary
    optional=frozenset({"beneficiary", "beneficiary_code", "compliance_year", "reason", "note"}),
)

CORRECTION: Final = Shape(  # 更正
    "correction",
    city.Correction,
    _columns(
        ("correction_no", "native_id", needed),
        ("issuance_no", "issuance", needed),
        ("ranges", "ranges", _ranges),
        ("quantity_t", "quantity_kg", _kg_or_zero),
        ("reason", "reason", text),
        ("reissued_as", "reissue", text),
        ("corrected_on", "corrected_on", day),
        ("note", "label", text),
    ),
    optional=frozenset({"reissued_as", "note"}),
)

HOLDING: Final = Shape(  # a line of the books: where serials are now
    "holding",
    HoldingLine,
    _columns(
        ("status", "status", _status),
        ("held_at", "elsewhere", lambda value: member(value) if value else 0),
    ),
    derived={"units": _units},
    optional=frozenset({"held_at"}),
    ignored=frozenset({"series", "first", "last", "home", "kg_per_serial", "account", "note"}),
)


def _native_units(units: city.UnitRange) -> Json:
    return {
        "home": f"{units.home:06d}",
        "series": units.series,
        "kg_per_serial": units.kg_per_serial,
        "first": f"N{units.serials.first:08d}",
        "last": f"N{units.serials.last:08d}",
    }


# TODO: how your registry takes what the hub tells it: its word for each thing, its name for each field. What is left
# out keeps the hub's English name. `yrdhub adapter effects` shows an example of each, and what to book for it.
EFFECTS: Final = EffectForm(
    key="key",
    what="event",
    words={
        "transfer_proposed": "transfer_proposed",
        "transfer_accepted": "transfer completed",
        "transfer_rejected": "transfer_rejected",
        "transfer_expired": "transfer_expired",
        "transfer_withdrawn": "transfer_withdrawn",
        "incoming_pending": "transfer announced",
        "incoming_final": "incoming_final",
        "incoming_returned": "incoming_returned",
        "retired_elsewhere": "retired_elsewhere",
        "cancelled_elsewhere": "cancelled_elsewhere",
        "moved_elsewhere": "moved_elsewhere",
        "cancelled": "cancelled",
        "held": "held",
        "lifted": "lifted",
        "recognition_changed": "recognition_changed",
        "record_status": "record_status",
    },
    fields={
        "transfer": "transfer",
        "reference": "reference",
        "member": "other_member",
        "ranges": "ranges",
        "kept": "kept",
        "cut": "cut",
        "factor_ppm": "factor_ppm",
        "deadline": "deadline",
        "reason": "reason",
        "purpose": "purpose",
        "compliance_year": "compliance_year",
        "subject_kind": "subject_kind",
        "subject": "subject",
        "status": "status",
        "uses": "uses",
        "valid_from": "valid_from",
        "valid_to": "valid_to",
        "record_kind": "record_kind",
        "record_id": "record_id",
    },
    write_units=_native_units,
    read_units=_units,
)

MAPPING: Final = CityMapping(
    title=TITLE,
    # in the order in which kinds build on each other
    shapes={
        shape.kind: shape
        for shape in (
            METHODOLOGY,
            PROJECT,
            VERIFICATION,
            ISSUANCE,
            TRANSFER_OUT,
            TRANSFER_IN,
            RETIREMENT,
            CORRECTION,
        )
    },
    purposes=PURPOSES,
    holding=HOLDING,
    effects=EFFECTS,
    passed_over={"announcement": "notices for people; nothing of them concerns the hub"},
)
