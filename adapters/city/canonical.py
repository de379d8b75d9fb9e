"""From a city's records to the hub's canonical records. Pure: the same record gives the same answer, always.

A record of several ranges becomes one canonical record a range, numbered NATIVE#1, NATIVE#2 ... in the record's
order: each range lies in one issuance and one holding, so each goes its own way on the chain. Which later versions
ask for nothing is the registry's manual (`adapters/sandbox/README.md`); versions that ask for the same thing again are
settled by the engine, so that a record whose first version was lost with a damaged file still reaches the chain by a
later one.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN

from adapters.city import records as city
from adapters.city.records import Status, UnitRange
from hub.errors import RecordRefused
from mutual_recognition import records as canonical
from mutual_recognition.definitions import Definition, DefinitionRefused
from mutual_recognition.documents import Json, plain
from mutual_recognition.identifiers import beneficiary_commitment
from mutual_recognition.mechanisms import NAMES, Mechanism, parse_mechanism
from mutual_recognition.periods import Period, PeriodRefused
from mutual_recognition.purposes import Purpose
from mutual_recognition.quantities import QuantityDisagrees, check_agrees
from mutual_recognition.refusal import Refusal
from mutual_recognition.serials import SerialRange, SerialRefused


@dataclass(frozen=True, slots=True)
class City:
    """Who the registry is, and what its codes mean.

    `peers`: registry code of each other member whose serials may be held here. `secret`: at least 16 bytes, never
    shared; beneficiaries' salts are derived from it. `latest_only`: it shows a record as it is now, not as it came to
    be so.
    """

    member: int
    registry: str
    peers: Mapping[int, str]
    purposes: Mapping[str, Purpose]
    secret: bytes
    latest_only: bool = False

    def series(self, units: UnitRange, where: str) -> canonical.SeriesName:
        """The series of a range, by its home's registry. Raises RecordRefused for a home that is not configured."""
        if units.home == self.member:
            return canonical.SeriesName(code=units.series)
        registry = self.peers.get(units.home)
        if registry is None:
            raise RecordRefused(
                f"serials of member {units.home}, whose registry is not configured here",
                code="registry_of_member_unknown",
                field="ranges",
                value=units.home,
                where=where,
                remedy=f"name the registry of {units.home} under `peers` in the adapter's configuration",
            )
        return canonical.SeriesName(code=units.series, member=units.home, registry=registry)

    def salt(self, native_id: str) -> bytes:
        """The salt of one retirement's beneficiary (32 bytes): it goes onto the certificate, nowhere else."""
        return hmac.digest(self.secret, f"beneficiary\x1f{native_id}".encode(), hashlib.sha256)


def translate(record: city.CityRecord, of: City, where: str) -> Sequence[canonical.Record]:
    """The canonical records that a city's record asks for, in order. Raises RecordRefused."""
    try:
        match record:
            case city.Methodology():
                return [_methodology(record, where)]
            case city.Project():
                return [_project(record, where)]
            case city.Verification():
                return [_verification(record, where)]
            case city.Issuance():
                return _issuance(record, where)
            case city.TransferOut():
                return list(_transfer_out(record, of, where))
            case city.TransferIn():
                return list(_transfer_in(record))
            case city.Retirement():
                return list(_retirement(record, of, where))
            case city.Correction():
                return list(_correction(record, of, where))
    except Refusal as refusal:
        raise RecordRefused(
            refusal.reason,
            code=refusal.code,
            field=_at_fault(record, refusal),
            value=refusal.value,
            where=where,
            remedy="correct the record at the registry; the corrected version is read by itself",
        ) from refusal
    raise TypeError(f"no kind of city record: {type(record).__name__}")


def _at_fault(record: city.CityRecord, refusal: Refusal) -> str | None:
    """The attribute that a rule of the domain refused."""
    match refusal:
        case QuantityDisagrees():
            return "quantity_kg"
        case SerialRefused():
            return "serial_last" if isinstance(record, city.Issuance) else "ranges"
        case DefinitionRefused():
            return "formula"
        case PeriodRefused():
            return "crediting_end" if isinstance(record, city.Project) else "period_end"
        case _:
            return None


def _methodology_key(native: str, where: str) -> canonical.MethodologyKey:
    code, slash, version = native.rpartition("/")
    if not slash or not code or not version:
        raise RecordRefused(
            f"{native!r} does not name a filing by CODE/VERSION",
            code="methodology_number_unreadable",
            field="methodology",
            value=native,
            where=where,
            remedy="correct the filing number at the registry",
        )
    return canonical.MethodologyKey(code, version)


def _methodology(record: city.Methodology, where: str) -> canonical.MethodologyFiling:
    if record.status is not Status.FILED:
        raise _for_a_person(record, record.status, where, "suspend or withdraw the filing on the chain by command")
    stated = hashlib.sha256(record.document.encode()).hexdigest()
    if record.document_sha256.lower() != stated:
        raise RecordRefused(
            f"the text of {record.native_id} has SHA-256 {stated}, not the one stated",
            code="document_digest_differs",
            field="document_sha256",
            value=record.document_sha256,
            where=where,
            remedy="deliver the text that was filed, or correct its digest",
        )
    parameters: list[Json] = [plain(parameter.model_dump()) for parameter in record.parameters]
    return canonical.MethodologyFiling(
        native_id=record.native_id,
        key=canonical.MethodologyKey(record.code, record.version),
        valid_from=record.valid_from,
        valid_until=record.valid_to,
        supersedes=_methodology_key(record.supersedes, where) if record.supersedes else None,
        lineage=record.lineage[:200],
        definition=_definition(record, where),
        content=plain(record.model_dump(exclude={"status", "parameters"})) | {"parameters": parameters},
    )


def _definition(record: city.Methodology, where: str) -> dict[str, Json]:
    """The filing's computation as `mutual_recognition.definitions` reads it. Raises `DefinitionRefused`.

    Names are in lower case there; several lines of one symbol are its values over time.
    """
    names = {parameter.symbol: parameter.symbol.lower() for parameter in record.parameters}
    parameters: dict[str, Json] = {}
    for parameter in record.parameters:
        value = {"from": parameter.valid_from.isoformat(), "value": format(parameter.value, "f")}
        if parameter.valid_to is not None:
            value["until"] = parameter.valid_to.isoformat()
        illustrative = "示例" in parameter.source or "illustrative" in parameter.source
        described = {"unit": parameter.unit, "source": parameter.source, "illustrative": illustrative, "values": []}
        parameters.setdefault(names[parameter.symbol], described)["values"].append(value)
    content: dict[str, Json] = {
        "inputs": {"activity_kwh": {"unit": "kWh"}},
        "parameters": parameters,
        "formula": re.sub(r"[A-Za-z_]\w*", lambda found: names.get(found[0], found[0]), record.formula),
    }
    Definition.parse(content, where)
    return content


def _project(record: city.Project, where: str) -> canonical.ProjectRegistration:
    mechanism = parse_mechanism(record.other_mechanism)
    if mechanism is not Mechanism.NONE:
        raise RecordRefused(
            f"the project is declared to be under another mechanism ({NAMES[mechanism][1]}): one at a time",
            code="other_mechanism",
            field="other_mechanism",
            value=record.other_mechanism,
            where=where,
            remedy="register it after it has left the other mechanism, with the proof of that",
        )
    return canonical.ProjectRegistration(
        native_id=record.native_id,
        methodology=_methodology_key(record.methodology, where),
        crediting=Period(record.crediting_start, record.crediting_end),
        assets=tuple(canonical.Asset(kind="meter", identifier=asset) for asset in record.assets),
        declaration={"other_mechanism": "none", "ets_site": record.ets_site, "declared_on": str(record.registered_on)},
        inside_ets=record.ets_site,
        content=plain(record.model_dump(exclude={"assets"})) | {"status": record.status.value},
    )


def _verification(record: city.Verification, where: str) -> canonical.Verification:
    if record.status is not Status.VALID:
        raise _for_a_person(record, record.status, where, "void the verification on the chain by command")
    computed = int((record.activity_kwh * record.emission_factor).to_integral_value(ROUND_DOWN))
    if record.verified_kg > computed + 1:  # 1: a city may round its activity data
        raise RecordRefused(
            f"{record.verified_kg} kg verified, but activity x factor is {computed} kg",
            code="verified_beyond_activity",
            field="verified_kg",
            value=record.verified_kg,
            where=where,
            remedy="correct the quantity, or the unit of the activity data, at the registry",
        )
    return canonical.Verification(
        native_id=record.native_id,
        project=record.project,
        period=Period(record.period_start, record.period_end),
        verified_kg=record.verified_kg,
        content=plain(record.model_dump(exclude={"status"})),
    )


def _issuance(record: city.Issuance, where: str) -> list[canonical.Record]:
    serials = SerialRange(record.serial_first, record.serial_last)
    check_agrees(record.quantity_kg, serials.count, record.kg_per_serial, where)
    if record.reissue_of and not record.reissue_first:
        raise RecordRefused(
            f"it replaces {record.reissue_of}, which the registry does not have",
            code="reissue_of_unknown",
            field="reissue_of",
            value=record.reissue_of,
            where=where,
            remedy="correct the number of the issuance that it replaces",
        )
    return [
        canonical.SeriesRegistration(code=record.series, kg_per_serial=record.kg_per_serial),
        canonical.Issuance(
            native_id=record.native_id,
            series=record.series,
            serials=serials,
            quantity_kg=record.quantity_kg,
            verification=record.verification,
            vintage=record.vintage,
            reissue_of=record.reissue_first,
            # accounts are the registry's own affair
            content=plain(record.model_dump(exclude={"status", "account", "reissue_first"})),
        ),
    ]


def part_id(native_id: str, number: int) -> str:
    """What the hub calls one range of a native record, counted from 1."""
    return f"{native_id}#{number}"


def native_of(part: str) -> str:
    """The native record of a part."""
    native, mark, number = part.rpartition("#")
    return native if mark and number.isdigit() else part


def _parts(native_id: str, ranges: Sequence[UnitRange], stated_kg: int, where: str) -> Iterator[tuple[str, UnitRange]]:
    total = sum(units.kg for units in ranges)
    if not ranges or total != stated_kg:
        raise RecordRefused(
            f"{stated_kg} kg stated, its {len(ranges)} ranges stand for {total} kg",
            code="quantity_disagrees_with_serials",
            field="quantity_kg",
            value=stated_kg,
            where=where,
            remedy="correct the quantity or the ranges at the registry",
        )
    for number, units in enumerate(ranges, start=1):
        yield part_id(native_id, number), units


def _transfer_out(record: city.TransferOut, of: City, where: str) -> Iterator[canonical.Record]:
    if record.status not in (Status.LOCKED, Status.SUBMITTED, Status.WITHDRAWAL_REQUESTED):
        if record.status is Status.CORRECTED:
            raise _for_a_person(
                record, record.status, where, "withdraw the transfer, or correct the serials on the chain"
            )
        return  # the hub's own word coming back
    parts = list(_parts(record.native_id, record.ranges, record.quantity_kg, where))
    # withdrawn before anybody saw it asked for: the serials are locked, and only a transfer that ended unlocks them
    unseen = of.latest_only and record.status is Status.WITHDRAWAL_REQUESTED
    for part, units in parts:
        if record.status is Status.LOCKED or unseen:
            series = of.series(units, where)
            yield canonical.TransferOut(
                native_id=part, series=series, serials=units.serials, to=record.to_member, quantity_kg=units.kg
            )
    for part, _ in parts:
        if record.status is Status.WITHDRAWAL_REQUESTED:
            yield canonical.TransferWithdrawal(native_id=part, transfer_out=part)
        elif record.reviewer:
            yield canonical.TransferCosign(native_id=part, transfer_out=part)


def _transfer_in(record: city.TransferIn) -> Iterator[canonical.Record]:
    if record.status is Status.PENDING and record.decision in (Status.ACCEPT, Status.REJECT):
        yield canonical.TransferDecision(
            native_id=record.native_id, transfer=record.native_id, accept=record.decision is Status.ACCEPT
        )


def _retirement(record: city.Retirement, of: City, where: str) -> Iterator[canonical.Record]:
    purpose = of.purposes.get(record.purpose)
    if purpose is None:
        raise RecordRefused(
            f"purpose {record.purpose!r} is none of {', '.join(of.purposes)}",
            code="purpose_unknown",
            field="purpose",
            value=record.purpose,
            where=where,
            remedy="correct the code at the registry, or add it to the mapping",
        )
    named = record.beneficiary or record.beneficiary_uscc
    salt = of.salt(record.native_id)
    commitment = beneficiary_commitment(salt, record.beneficiary, record.beneficiary_uscc) if named else b""
    for part, units in _parts(record.native_id, record.ranges, record.quantity_kg, where):
        yield canonical.Retirement(
            native_id=part,
            series=of.series(units, where),
            serials=units.serials,
            quantity_kg=units.kg,
            purpose=purpose,
            beneficiary=commitment,
            compliance_year=record.compliance_year,
        )


def _correction(record: city.Correction, of: City, where: str) -> Iterator[canonical.Record]:
    content = plain(
        {
            "issuance": record.issuance,
            "reason": record.reason,
            "corrected_on": record.corrected_on,
            "label": record.label,
        }
    )
    for part, units in _parts(record.native_id, record.ranges, record.quantity_kg, where):
        if units.home != of.member:
            raise RecordRefused(
                f"serials of member {units.home}: only the home registry corrects an issuance",
                code="not_at_home",
                field="ranges",
                value=units.home,
                where=where,
                remedy="report a case to the home registry",
            )
        yield canonical.Correction(
            native_id=part, series=units.series, serials=units.serials, quantity_kg=units.kg, content=content
        )


def _for_a_person(record: city.CityRecord, status: Status, where: str, remedy: str) -> RecordRefused:
    return RecordRefused(
        f"{record.native_id} is {status.value} at the registry, which a person takes to the chain",
        code="status_needs_a_person",
        field="status",
        value=status.value,
        where=where,
        remedy=remedy,
    )
