"""Decide: what a canonical record asks of the chain.

A record becomes writes (calls of one register each, with a request id), or nothing (it is in effect already), or is
held back
with a reason. Only what is needed to form the call is looked up here; whether it is lawful, the chain itself says
when the
call is simulated, and its refusal is the reason that the city reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from adapters.protocol import RegistryProfile
from adapters.sync.planned import PlannedBooks
from hub.chain.codec import encode_call
from mutual_recognition import identifiers as ids
from mutual_recognition.books import IssuedRange, ProjectState
from mutual_recognition.documents import Document, DocumentKind, Json, plain
from mutual_recognition.periods import day_number
from mutual_recognition.quantities import check_agrees
from mutual_recognition.records import (
    Correction,
    Issuance,
    MethodologyFiling,
    MethodologyKey,
    ProjectRegistration,
    Record,
    Retirement,
    SeriesName,
    SeriesRegistration,
    TransferCosign,
    TransferDecision,
    TransferOut,
    TransferWithdrawal,
    Verification,
)
from mutual_recognition.refusal import Refusal
from mutual_recognition.serials import SerialRange
from mutual_recognition.unit_blocks import BlockStatus, UnitBlock

NO_END = 2**40 - 1
_CHINA = ZoneInfo("Asia/Shanghai")
_ZERO32 = bytes(32)
_MOST_PIECES = 200


class HeldBack(Exception):
    """The record can't be written now. `code` is stable; `waits_for` names what would let it go on, if anything
    known."""

    def __init__(
        self, code: str, message: str, *, waits_for: str = "", detail: Mapping[str, Json] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.waits_for = waits_for
        self.detail = dict(detail or {})

    def reason(self) -> dict[str, Json]:
        """As the journal keeps it and the operator reads it."""
        return {"error": self.code, "message": self.message} | self.detail


@dataclass(frozen=True, slots=True)
class Write:
    """One call of one register."""

    contract: str
    function: str
    call: bytes
    request: bytes
    native_id: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What one record asks for: writes in order, and the documents whose digests they carry."""

    writes: Sequence[Write]
    documents: Sequence[Document] = ()


class Planner:
    """Plans for one registry. `asset_key` is the consortium's key for asset ids of this epoch, None where a city
    has none yet."""

    def __init__(
        self,
        profile: RegistryProfile,
        books: PlannedBooks,
        *,
        asset_key: bytes | None,
        transfer_lifetime: int,
        now: Callable[[], int],
        transfers_of: Callable[[str], Sequence[bytes]],
    ) -> None:
        self._profile = profile
        self._books = books
        self._asset_key = asset_key
        self._transfer_lifetime = transfer_lifetime
        self._now = now
        self._transfers_of = transfers_of
        self._plans: dict[type, Callable[[Any], Plan]] = {
            MethodologyFiling: self._methodology,
            SeriesRegistration: self._series,
            ProjectRegistration: self._project,
            Verification: self._verification,
            Issuance: self._issuance,
            TransferOut: self._transfer_out,
            TransferWithdrawal: self._transfer_withdrawal,
            TransferCosign: self._transfer_cosign,
            TransferDecision: self._transfer_decision,
            Retirement: self._retirement,
            Correction: self._correction,
        }

    def plan(self, record: Record) -> Plan:
        """The plan for `record`, counted into the planned books. Raises HeldBack; then nothing was counted in."""
        try:
            return self._plans[type(record)](record)
        except Refusal as refused:
            raise HeldBack(refused.code, str(refused)) from refused

    # ---------------------------------------------------------------- filings and projects

    def _methodology(self, record: MethodologyFiling) -> Plan:
        identifier, _ = self._methodology_id(record.key)
        definition = self._document(DocumentKind.DEFINITION, record.native_id, record.definition, record.audience)
        content = plain(record.content) | {"code": record.key.code, "version": record.key.version}
        document = self._document(DocumentKind.METHODOLOGY, record.native_id, content, record.audience)
        filed = self._books.methodology_document(identifier)
        if filed is not None:
            if filed == document.digest():
                return Plan(())
            raise HeldBack(
                "methodology_changed",
                f"{record.key.code} version {record.key.version} is filed with other contents; file a new version",
            )
        supersedes = bytes(12)
        if record.supersedes is not None:
            supersedes, _ = self._methodology_id(record.supersedes)
            if self._books.methodology_document(supersedes) is None:
                raise self._waiting("methodology", supersedes, f"the version it replaces, {record.supersedes.version},")
        request = self._request(record, "file")
        filing = {
            "request": request,
            "native": ids.native_key(self._profile.registry, record.key.code, record.key.version),
            "document": document.digest(),
            "definition": definition.digest(),
            "validFrom": _start_of(record.valid_from),
            "validUntil": NO_END if record.valid_until is None else _end_of(record.valid_until),
            "supersedes": supersedes,
            "lineage": ids.native_key(record.lineage) if record.lineage else _ZERO32,
        }
        write = self._write(record, "Methodologies", "file", [self._profile.member, filing], request)
        self._books.plan_methodology(identifier, document.digest())
        return Plan((write,), (definition, document))

    def _project(self, record: ProjectRegistration) -> Plan:
        if record.inside_ets:
            raise HeldBack(
                "inside_ets", "the site is under an emission trading system; its reductions count there already"
            )
        if record.mechanism:
            raise HeldBack(
                "other_mechanism",
                f"the project is declared to be under another mechanism (code {record.mechanism}): one at a time",
            )
        identifier = ids.project_id(self._profile.member, self._profile.registry, record.native_id)
        document = self._document(DocumentKind.PROJECT, record.native_id, record.content, record.audience)
        start, end = day_number(record.crediting.first), day_number(record.crediting.last)
        state = self._books.project(identifier)
        if state is not None:
            if state.document == document.digest():
                return Plan(())
            revision = state.revision + 1
            request = self._request(record, "amend", revision)
            arguments = [identifier, revision, document.digest(), start, end, request]
            write = self._write(record, "Projects", "amend", arguments, request)
            self._books.plan_project(identifier, ProjectState(revision, document.digest()))
            return Plan((write,), (document,))
        methodology, name = self._methodology_id(record.methodology)
        if self._books.methodology_document(methodology) is None:
            raise self._waiting("methodology", methodology, name)
        if record.assets and self._asset_key is None:
            raise HeldBack(
                "asset_key_missing", "the consortium's asset key is not set up here, so its assets can't be claimed"
            )
        declaration = self._document(DocumentKind.DECLARATION, record.native_id, record.declaration, "members")
        request = self._request(record, "register")
        registration = {
            "request": request,
            "native": ids.native_key(self._profile.registry, record.native_id),
            "methodology": methodology,
            "document": document.digest(),
            "creditingStart": start,
            "creditingEnd": end,
            "declaration": declaration.digest(),
        }
        assets = [ids.asset_key(self._asset_key or b"", asset.kind, asset.identifier) for asset in record.assets]
        arguments = [self._profile.member, registration, assets]
        write = self._write(record, "Projects", "register", arguments, request)
        self._books.plan_project(identifier, ProjectState(1, document.digest()))
        return Plan((write,), (document, declaration))

    # ---------------------------------------------------------------- credits at home

    def _series(self, record: SeriesRegistration) -> Plan:
        identifier = ids.series_id(self._profile.member, self._profile.registry, record.code)
        known = self._books.kg_per_serial(identifier)
        if known is not None:
            if known == record.kg_per_serial:
                return Plan(())
            raise HeldBack(
                "series_changed", f"series {record.code} is registered with {known} kg a serial; that never changes"
            )
        request = ids.request_id(self._profile.member, self._profile.registry, f"series:{record.code}", "series", 1)
        native = ids.native_key(self._profile.registry, record.code)
        arguments = [self._profile.member, native, record.kg_per_serial, request]
        call = encode_call("CreditLedger", "registerSeries", arguments)
        self._books.plan_series(identifier, record.kg_per_serial)
        content = {"code": record.code, "kg_per_serial": record.kg_per_serial}
        document = self._document(DocumentKind.SERIES, record.code, content, "public")
        return Plan((Write("CreditLedger", "registerSeries", call, request, record.code),), (document,))

    def _verification(self, record: Verification) -> Plan:
        member, registry = self._profile.member, self._profile.registry
        identifier = ids.verification_id(member, registry, record.native_id)
        verified = self._books.verified_kg(identifier)
        if verified is not None:
            if verified == record.verified_kg:
                return Plan(())
            raise HeldBack(
                "verification_changed",
                f"verification {record.native_id} is on the chain with {verified} kg, not {record.verified_kg}; "
                "void it there, and verify under a new id",
            )
        project = ids.project_id(member, registry, record.project)
        if self._books.project(project) is None:
            raise self._waiting("project", project, f"project {record.project}")
        start = end = 0
        if record.period is not None:
            start, end = day_number(record.period.first), day_number(record.period.last)
        document = self._document(DocumentKind.VERIFICATION, record.native_id, record.content, record.audience)
        request = self._request(record, "verify")
        asked = {
            "request": request,
            "native": ids.native_key(registry, record.native_id),
            "project": project,
            "periodStart": start,
            "periodEnd": end,
            "verifiedKg": record.verified_kg,
            "document": document.digest(),
            "predecessor": self._books.period_before(project, start) if start else 0,
            "externalLock": ids.native_key(record.external_lock) if record.external_lock else _ZERO32,
        }
        write = self._write(record, "CreditLedger", "verify", [asked], request)
        self._books.plan_verification(identifier, record.verified_kg, project, start)
        return Plan((write,), (document,))

    def _issuance(self, record: Issuance) -> Plan:
        member, registry = self._profile.member, self._profile.registry
        series = ids.series_id(member, registry, record.series)
        kg_per_serial = self._books.kg_per_serial(series)
        if kg_per_serial is None:
            raise self._waiting("series", series, f"series {record.series}")
        first, last = record.serials.first, record.serials.last
        check_agrees(record.quantity_kg, record.serials.count, kg_per_serial, f"issuance {record.native_id}")
        origin = ids.native_key(registry, record.native_id)
        issued = self._books.issuance(series, first)
        if issued is not None and (issued.last, issued.origin) == (last, origin):
            return Plan(())
        planned = self._books.planned_under(origin)
        if planned is not None:
            # to be looked at again: what is planned may yet be refused
            waits = f"planned:{record.native_id}"
            raise issuance_changed(record.native_id, f"{planned.first} - {planned.last}", waits_for=waits)
        verification = ids.verification_id(member, registry, record.verification)
        if not self._books.has_verification(verification):
            raise self._waiting("verification", verification, f"verification {record.verification}")
        document = self._document(DocumentKind.ISSUANCE, record.native_id, record.content, record.audience)
        request = self._request(record, "issue")
        asked = {
            "request": request,
            "series": series,
            "first": first,
            "last": last,
            "predecessor": self._books.issuance_before(series, first),
            "verification": verification,
            "vintage": record.vintage,
            "origin": origin,
            "document": document.digest(),
            "reissueOf": record.reissue_of,
        }
        write = self._write(record, "CreditLedger", "issue", [asked], request)
        if issued is None:
            self._books.plan_issuance(series, IssuedRange(first, last, origin), member)
        return Plan((write,), (document,))

    def _correction(self, record: Correction) -> Plan:
        series = ids.series_id(self._profile.member, self._profile.registry, record.series)
        document = self._document(DocumentKind.CORRECTION, record.native_id, record.content, record.audience)

        def correct(piece: SerialRange, block: UnitBlock, request: bytes) -> list[Any]:
            asked = {"request": request, "series": series, "document": document.digest()}
            return [asked | _place(block, piece)]

        writes = self._in_pieces(record, series, "correct", BlockStatus.CANCELLED, correct)
        return Plan(writes, (document,))

    # ---------------------------------------------------------------- credits held

    def _retirement(self, record: Retirement) -> Plan:
        series = self._series_id(record.series)

        def retire(piece: SerialRange, block: UnitBlock, request: bytes) -> list[Any]:
            asked = {
                "request": request,
                "series": series,
                "purpose": int(record.purpose),
                "beneficiary": record.beneficiary or _ZERO32,
                "complianceYear": record.compliance_year,
            }
            return [asked | _place(block, piece)]

        return Plan(self._in_pieces(record, series, "retire", BlockStatus.RETIRED, retire))

    def _transfer_out(self, record: TransferOut) -> Plan:
        if self._transfers_of(record.native_id):
            return Plan(())  # asked for by an earlier version; its serials may have gone further since
        series = self._series_id(record.series)
        deadline = self._now() + self._transfer_lifetime

        def propose(piece: SerialRange, block: UnitBlock, request: bytes) -> list[Any]:
            asked = {"request": request, "series": series, "to": record.to, "deadline": deadline}
            return [asked | _place(block, piece)]

        writes = self._in_pieces(record, series, "propose", BlockStatus.IN_TRANSIT, propose)
        for write in writes:
            self._books.plan_transfer(ids.transfer_id(self._profile.member, write.request))
        return Plan(writes)

    def _transfer_withdrawal(self, record: TransferWithdrawal) -> Plan:
        return self._for_own_transfers(record, record.transfer_out, "withdraw")

    def _transfer_cosign(self, record: TransferCosign) -> Plan:
        return self._for_own_transfers(record, record.transfer_out, "cosign")

    def _transfer_decision(self, record: TransferDecision) -> Plan:
        transfer = bytes.fromhex(record.transfer.removeprefix("0x"))
        if not self._books.has_transfer(transfer):
            raise self._waiting("transfer", transfer, f"transfer {record.transfer}")
        if record.accept:
            request = self._request(record, "accept")
            return Plan((self._write(record, "CreditLedger", "accept", [transfer, request], request),))
        request = self._request(record, "reject")
        return Plan((self._write(record, "CreditLedger", "reject", [transfer, record.reason, request], request),))

    def _for_own_transfers(self, record: TransferWithdrawal | TransferCosign, native_id: str, function: str) -> Plan:
        transfers = self._transfers_of(native_id)
        if not transfers:
            raise HeldBack(
                "transfer_not_asked",
                f"no transfer under {native_id!r} was sent from here",
                waits_for=f"transfer_out:{native_id}",
            )
        writes = []
        for transfer in transfers:
            request = self._request(record, f"{function}:{transfer.hex()}")
            writes.append(self._write(record, "CreditLedger", function, [transfer, request], request))
        return Plan(writes)

    # ---------------------------------------------------------------- what they share

    def _in_pieces(
        self,
        record: Retirement | TransferOut | Correction,
        series: bytes,
        function: str,
        status: BlockStatus,
        arguments: Callable[[SerialRange, UnitBlock, bytes], list[Any]],
    ) -> list[Write]:
        """One write for each unit block that the record's serials lie in; a registry need not know how blocks were
        split."""
        kg_per_serial = self._books.kg_per_serial(series)
        if kg_per_serial is None:
            raise self._waiting("series", series, "its series")
        check_agrees(record.quantity_kg, record.serials.count, kg_per_serial, f"{function} {record.native_id}")
        pieces: list[tuple[SerialRange, UnitBlock]] = []
        at = record.serials.first
        while at <= record.serials.last:
            block = self._books.block_at(series, at)
            if block is None or block.last < at:
                raise HeldBack(
                    "serials_unknown",
                    f"serial {at} of {record.serials} is not issued, as far as the chain is final",
                    waits_for=f"serials:{series.hex()}",
                )
            piece = SerialRange(at, min(block.last, record.serials.last))
            pieces.append((piece, block))
            if len(pieces) > _MOST_PIECES:
                raise HeldBack(
                    "too_many_blocks",
                    f"{record.serials} lies in more than {_MOST_PIECES} unit blocks; split the record",
                )
            at = piece.last + 1
        writes = []
        for piece, block in pieces:
            request = self._request(record, f"{function}:{piece.first}-{piece.last}")
            writes.append(self._write(record, "CreditLedger", function, arguments(piece, block, request), request))
            if block.status is BlockStatus.AVAILABLE:
                self._books.plan_part(series, block, piece.first, piece.last, status)
        return writes

    def _write(self, record: Record, contract: str, function: str, arguments: list[Any], request: bytes) -> Write:
        native_id = record.code if isinstance(record, SeriesRegistration) else record.native_id
        return Write(contract, function, encode_call(contract, function, arguments), request, native_id)

    def _request(self, record: Any, action: str, version: int = 1) -> bytes:
        # what a record asks for is asked for once, however often the registry edits the record: the version is the
        # action's own
        name = f"{type(record).__name__}:{record.native_id}"
        return ids.request_id(self._profile.member, self._profile.registry, name, action, version)

    def _document(self, kind: DocumentKind, record: str, content: Mapping[str, Json], audience: str) -> Document:
        return Document(
            kind=kind,
            member=self._profile.member,
            registry=self._profile.registry,
            record=record,
            audience=audience,
            content=plain(content),
        )

    def _methodology_id(self, key: MethodologyKey) -> tuple[bytes, str]:
        member, registry = key.member or self._profile.member, key.registry or self._profile.registry
        return ids.methodology_id(
            member, registry, key.code, key.version
        ), f"methodology {key.code} version {key.version}"

    def _series_id(self, name: SeriesName) -> bytes:
        return ids.series_id(name.member or self._profile.member, name.registry or self._profile.registry, name.code)

    @staticmethod
    def _waiting(kind: str, identifier: bytes, what: str) -> HeldBack:
        return HeldBack(f"{kind}_unknown", f"{what} is not on the chain yet", waits_for=f"{kind}:{identifier.hex()}")


def issuance_changed(native_id: str, issued: str, *, waits_for: str = "") -> HeldBack:
    """The registry edited a record after its serials were issued."""
    return HeldBack(
        "issuance_changed",
        f"{native_id} was issued already, with other serials ({issued}); correct that and issue anew under a new id",
        waits_for=waits_for,
    )


def _place(block: UnitBlock, piece: SerialRange) -> dict[str, int]:
    return {"blockFirst": block.first, "first": piece.first, "last": piece.last}


def _start_of(day: date) -> int:
    return max(0, int(datetime.combine(day, time.min, _CHINA).timestamp()))


def _end_of(day: date) -> int:
    """The first second after `day` in China: validity windows are half-open."""
    return _start_of(day) + 86_400
