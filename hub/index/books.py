"""The index as an adapter's books: answers of the final chain, by primary key or one step of an ordered index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from heapq import merge
from typing import Any, Protocol

from sqlalchemy import BindParameter, Connection, Engine, Select, and_, bindparam, or_, select, tuple_

from hub.chain.enums import TransferStatus
from hub.db import tables as t
from hub.db.engine import Prepared
from hub.index import recognition_changes
from hub.index.indexer import Progress
from mutual_recognition.books import CarriedOut, Happening, IssuedRange, Position, ProjectState, RecognitionChange
from mutual_recognition.unit_blocks import BlockStatus, UnitBlock

_ONCE = 500

_ID: BindParameter[str] = bindparam("id")
_AT: BindParameter[int] = bindparam("at")
_NEXT_BLOCK = select(t.cursor.c.next_block)
_BLOCK_HASH = select(t.blocks.c.hash).where(t.blocks.c.number == _AT)
_METHODOLOGY = select(t.methodologies.c.document).where(t.methodologies.c.methodology == _ID)
_PROJECT = select(t.projects.c.revision, t.projects.c.document).where(t.projects.c.project == _ID)
_SERIES = select(t.series.c.kg_per_serial).where(t.series.c.series == _ID)
_VERIFICATION = select(t.verifications.c.verified_kg).where(t.verifications.c.verification == _ID)
_TRANSFER = select(t.transfers.c.status).where(t.transfers.c.transfer == _ID)
_TRANSFER_REQUEST = select(t.transfers.c.request).where(t.transfers.c.transfer == _ID)
_ISSUANCE = select(t.issuances.c.last, t.issuances.c.origin).where(
    t.issuances.c.series == _ID, t.issuances.c.first == _AT
)
_ISSUANCE_BEFORE = (
    select(t.issuances.c.first)
    .where(t.issuances.c.series == _ID, t.issuances.c.first < _AT)
    .order_by(t.issuances.c.first.desc())
    .limit(1)
)
_PERIOD_BEFORE = (
    select(t.verifications.c.period_start)
    .where(
        t.verifications.c.project == _ID,
        t.verifications.c.period_stated,
        t.verifications.c.voided.is_(False),
        t.verifications.c.period_start < _AT,
    )
    .order_by(t.verifications.c.period_start.desc())
    .limit(1)
)
_BLOCK = (
    "first",
    "last",
    "issuance",
    "holder",
    "status",
    "holds",
    "factor_ppm",
    "entry",
    "purpose",
    "compliance_year",
)
_BLOCK_AT = (
    select(*(t.unit_blocks.c[name] for name in _BLOCK))
    .where(t.unit_blocks.c.series == _ID, t.unit_blocks.c.first <= _AT)
    .order_by(t.unit_blocks.c.first.desc())
    .limit(1)
)

_REQUESTS = 200
_REQUEST_NAMES = [f"request_{place}" for place in range(_REQUESTS)]
_CARRIED_OUT = select(t.requests.c.request, t.requests.c.block_number, t.requests.c.tx_hash, t.requests.c.event).where(
    t.requests.c.member == bindparam("member"),
    t.requests.c.request.in_([bindparam(name, type_=t.requests.c.request.type) for name in _REQUEST_NAMES]),
)
"""Always so many at a time, of which the last may be empty: one statement, compiled once."""


class Follower(Protocol):
    """Whoever follows the chain for an index."""

    def follow(self) -> Progress:
        """How far the index is now."""
        ...


class IndexBooks:
    """`mutual_recognition.books.Books` over the index on `engine` (a reading engine); `indexer` moves it forward."""

    def __init__(self, engine: Engine, indexer: Follower) -> None:
        self._engine = engine
        self._indexer = indexer
        self._reader: Connection | None = None
        self._prepared: dict[int, Prepared] = {}

    def advance(self) -> int:
        """Follows the chain to its final head. Answers from now on are of that moment."""
        self.close()
        block = self._indexer.follow().block
        # an index that is followed elsewhere may have gone back since it was asked how far it is
        position = self._first(_NEXT_BLOCK)
        return block if position is None else min(block, position[0] - 1)

    def close(self) -> None:
        """Ends the reading transaction, if one is open."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def block_hash(self, number: int) -> str | None:
        """See Books."""
        row = self._first(_BLOCK_HASH, at=number)
        return None if row is None else str(row[0])

    def methodology_document(self, methodology: bytes) -> bytes | None:
        """See Books."""
        found = self._first(_METHODOLOGY, id=_hex(methodology))
        return None if found is None else _raw(found[0])

    def project(self, project: bytes) -> ProjectState | None:
        """See Books."""
        row = self._first(_PROJECT, id=_hex(project))
        return None if row is None else ProjectState(row[0], _raw(row[1]))

    def kg_per_serial(self, series: bytes) -> int | None:
        """See Books."""
        row = self._first(_SERIES, id=_hex(series))
        return None if row is None else int(row[0])

    def verified_kg(self, verification: bytes) -> int | None:
        """See Books."""
        row = self._first(_VERIFICATION, id=_hex(verification))
        return None if row is None else int(row[0])

    def issuance(self, series: bytes, first: int) -> IssuedRange | None:
        """See Books."""
        row = self._first(_ISSUANCE, id=_hex(series), at=first)
        return None if row is None else IssuedRange(first, row[0], _raw(row[1]))

    def issuance_before(self, series: bytes, first: int) -> int:
        """See Books."""
        row = self._first(_ISSUANCE_BEFORE, id=_hex(series), at=first)
        return 0 if row is None else int(row[0])

    def period_before(self, project: bytes, day: int) -> int:
        """See Books."""
        row = self._first(_PERIOD_BEFORE, id=_hex(project), at=day)
        return 0 if row is None else int(row[0])

    def block_at(self, series: bytes, serial: int) -> UnitBlock | None:
        """See Books."""
        row = self._first(_BLOCK_AT, id=_hex(series), at=serial)
        if row is None:
            return None
        first, last, issuance, holder, status, *rest = row
        return UnitBlock(first, last, issuance, holder, BlockStatus(status), *rest)

    def has_transfer(self, transfer: bytes) -> bool:
        """See Books."""
        return self._first(_TRANSFER, id=_hex(transfer)) is not None

    def transfer_request(self, transfer: bytes) -> bytes | None:
        """See Books."""
        row = self._first(_TRANSFER_REQUEST, id=_hex(transfer))
        return None if row is None else _raw(row[0])

    def carried_out(self, member: int, requests: Sequence[bytes]) -> Mapping[bytes, CarriedOut]:
        """See Books."""
        found: dict[bytes, CarriedOut] = {}
        for start in range(0, len(requests), _REQUESTS):
            wanted = [_hex(request) for request in requests[start : start + _REQUESTS]]
            wanted += [""] * (_REQUESTS - len(wanted))
            values = dict(zip(_REQUEST_NAMES, wanted, strict=True)) | {"member": member}
            for request, block, tx_hash, event in self._statement(_CARRIED_OUT).all(self._connection(), values):
                found[_raw(request)] = CarriedOut(block, tx_hash, event)
        return found

    def happenings(self, member: int, after: Position) -> Iterator[Happening | RecognitionChange]:
        """See Books."""
        of_serials = self._serial_happenings(member, after)
        of_recognitions = recognition_changes.changes(self._connection(), member, after)
        return merge(of_serials, of_recognitions, key=lambda happening: happening.position)

    def lapsed(self, member: int, after: int, until: int) -> Sequence[RecognitionChange]:
        """See Books."""
        return recognition_changes.lapsed(self._connection(), member, after, until)

    def overdue(self, member: int, now: int) -> Sequence[bytes]:
        """See Books."""
        x = t.transfers.c
        newest = select(t.blocks.c.time).order_by(t.blocks.c.number.desc()).limit(1).scalar_subquery()
        ended = or_(x.deadline <= now, x.deadline <= newest)
        query = select(x.transfer).where(x.from_member == member, x.status == TransferStatus.PROPOSED, ended)
        return [_raw(name) for name in self._connection().execute(query.order_by(x.deadline)).scalars()]

    def _serial_happenings(self, member: int, after: Position) -> Iterator[Happening]:
        """What a member does to its own series at home is no news to it, and left out.

        Read in pieces, each of its own, so that the caller may take its time.
        """
        e, s = t.serial_events.c, t.series.c
        own_doing = and_(s.member == e.member, e.event.in_(("issued", "corrected", "retired", "cut")))
        position = after
        while True:
            beyond = tuple_(e.block_number, e.log_index, e.part) > (
                position.block_number,
                position.log_index,
                position.part,
            )
            query = (
                select(t.serial_events, s.member.label("home"), s.kg_per_serial)
                .join(t.series, s.series == e.series)
                .where(beyond, ~own_doing, or_(s.member == member, e.member == member, e.other == member))
                .order_by(e.block_number, e.log_index, e.part)
                .limit(_ONCE)
            )
            rows = self._connection().execute(query).all()
            for row in rows:
                position = Position(row.block_number, row.log_index, row.part)
                yield self._happening(row, position)
            if len(rows) < _ONCE:
                return

    def _happening(self, row: Any, position: Position) -> Happening:
        detail: dict[str, int] = {}
        if row.event == "transfer_accepted":
            x = t.transfers.c
            query = select(x.first, x.last, x.kept_last, x.factor_ppm).where(x.transfer == row.reference)
            transfer = self._connection().execute(query).one()
            detail = {
                "sent_first": transfer.first,
                "sent_last": transfer.last,
                "kept_last": transfer.kept_last,
                "factor_ppm": transfer.factor_ppm,
            }
        elif row.event == "transfer_rejected":
            query = select(t.transfers.c.reason).where(t.transfers.c.transfer == row.reference)
            detail = {"reason": self._connection().execute(query).scalar_one()}
        elif row.event == "transfer_proposed":
            columns = select(t.transfers.c.accept_from, t.transfers.c.deadline)
            found = self._connection().execute(columns.where(t.transfers.c.transfer == row.reference)).one()
            detail = {"accept_from": found.accept_from, "deadline": found.deadline}
        elif row.event in ("held", "hold_lifted", "hold_finished"):
            h = t.holds.c
            found = self._connection().execute(select(h.member, h.reason).where(h.hold == row.reference)).one()
            detail = {"placed_by": found.member, "reason": found.reason}
        elif row.event == "retired":
            x = t.retirements.c
            query = select(x.purpose, x.compliance_year).where(x.series == row.series, x.first == row.first)
            retired = self._connection().execute(query).one()
            detail = {"purpose": retired.purpose, "compliance_year": retired.compliance_year}
        return Happening(
            position=position,
            event=row.event,
            series=_raw(row.series),
            home=row.home,
            kg_per_serial=row.kg_per_serial,
            issuance=row.issuance,
            first=row.first,
            last=row.last,
            member=row.member,
            other=row.other,
            reference=_raw(row.reference),
            block_time=row.block_time,
            detail=detail,
        )

    def _connection(self) -> Connection:
        # one reading transaction between two advances: a record is decided against one moment
        if self._reader is None:
            self._reader = self._engine.connect()
            self._reader.begin()
        return self._reader

    def _first(self, query: Select[Any], **values: Any) -> tuple[Any, ...] | None:
        return self._statement(query).first(self._connection(), values)

    def _statement(self, query: Select[Any]) -> Prepared:
        # the same few questions are asked some hundred thousand times
        prepared = self._prepared.get(id(query))
        if prepared is None:
            prepared = self._prepared[id(query)] = Prepared(query, self._engine.dialect)
        return prepared


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


def _raw(text: str) -> bytes:
    return bytes.fromhex(text[2:])
