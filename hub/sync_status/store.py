"""Reports that the hub keeps: the newest of each registry, believed when a registrar of its member signed it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, delete, func, insert, select

from hub.chain.deployment import Deployment
from hub.chain.enums import Role
from hub.chain.orders import recover_digest
from hub.db import tables as t
from hub.documents.messages import digest
from hub.documents.seals import CLOCKS_MAY_DIFFER
from hub.errors import RecordRefused
from hub.sync_status.sealing import SealedReport, seal_of
from mutual_recognition.sync_facts import FactsRefused, SyncFacts

MOST_REGISTRIES = 50
"""Of one member: a registrar's key must not fill the table."""


@dataclass(frozen=True, slots=True)
class Report:
    """A report as the hub has it. `received_at` by the hub's clock: from it alone the report's age is told."""

    facts: SyncFacts
    signer: str
    received_at: int


class SyncStatusStore:
    """Rows of `sync_status`."""

    def __init__(self, engine: Engine, deployment: Deployment) -> None:
        self._engine = engine
        self._deployment = deployment

    def put(self, sealed: SealedReport, now: int) -> bool:
        """Keeps a report where it is newer than what is kept; whether it was. An older one, and a repeat, change
        nothing.

        Raises RecordRefused: `sync_report_refused` (its form or size), `report_in_future`, `signature_invalid`,
        `signer_no_registrar`, `too_many_registries`.
        """
        try:
            facts = SyncFacts.parse(sealed.canonical)
        except FactsRefused as refused:
            raise RecordRefused(
                f"the report {refused.reason}", code=refused.code, field="report", value=refused.value
            ) from refused
        if facts.at > now + CLOCKS_MAY_DIFFER:
            raise RecordRefused(
                f"the report is of a time {facts.at - now} seconds ahead",
                code="report_in_future",
                field="report.at",
                value=facts.at,
                remedy="set the clock of the machine that syncs",
            )
        seal = seal_of(facts)
        signer = recover_digest(digest(seal, self._deployment.domain), sealed.signature)
        s = t.sync_status.c
        mine = (s.member == facts.member) & (s.registry == facts.registry)
        with self._engine.begin() as connection:
            _require_registrar(connection, facts.member, signer, now)
            known = connection.execute(select(s.reported_at).where(mine)).scalar()
            if known is not None and known >= facts.at:
                return False
            if known is None:
                _require_room(connection, facts.member)
            connection.execute(delete(t.sync_status).where(mine))
            row = {"member": facts.member, "registry": facts.registry, "reported_at": facts.at, "received_at": now}
            row |= {"signer": signer, "signature": sealed.signature, "report": sealed.canonical}
            connection.execute(insert(t.sync_status).values(row))
        return True


def reports(connection: Connection, member: int | None = None, registry: str | None = None) -> Sequence[Report]:
    """The newest report of every registry (of one member, of one registry), by member and registry."""
    s = t.sync_status.c
    query = select(t.sync_status).order_by(s.member, s.registry)
    if member is not None:
        query = query.where(s.member == member)
    if registry is not None:
        query = query.where(s.registry == registry)
    return [
        Report(SyncFacts.parse(bytes(row.report)), row.signer, row.received_at) for row in connection.execute(query)
    ]


def members_unheard(connection: Connection) -> Sequence[int]:
    """Members of now from which no report ever came: nothing is known of their sync."""
    heard = select(t.sync_status.c.member)
    query = select(t.members.c.member).where(t.members.c.left_at == 0, t.members.c.member.not_in(heard))
    return list(connection.execute(query.order_by(t.members.c.member)).scalars())


def _require_registrar(connection: Connection, member: int, signer: str, now: int) -> None:
    officer = connection.execute(select(t.officers).where(t.officers.c.account == signer)).first()
    if officer is None or officer.member != member or not officer.roles & Role.REGISTRAR or officer.valid_until <= now:
        raise RecordRefused(
            f"{signer} is no registrar of member {member}",
            code="signer_no_registrar",
            field="signature",
            value=signer,
            remedy="sign with a registrar's key of that member, for the chain and the deployment of this hub",
        )


def _require_room(connection: Connection, member: int) -> None:
    s = t.sync_status.c
    count = connection.execute(select(func.count()).where(s.member == member)).scalar_one()
    if count >= MOST_REGISTRIES:
        raise RecordRefused(
            f"a member has at most {MOST_REGISTRIES} registries here",
            code="too_many_registries",
            field="report.registry",
            value=member,
        )
