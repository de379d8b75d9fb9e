"""How each city's sync stands: four separate facts, as its adapter last reported them, signed by its registrar."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from hub.api.hub import Hub, TheHub
from hub.api.problems import NO_SUCH, NotFound
from hub.api.readers import Authorization, reader_of
from hub.api.shapes import Address, MemberCode, Moment, answers, example_of, moment
from hub.documents.audience import Reader
from hub.sync_status.sealing import SealedReport
from hub.sync_status.store import Report, SyncStatusStore, members_unheard, reports
from mutual_recognition.sync_facts import MAX_BYTES

router = APIRouter(tags=["sync"])

Counts = dict[str, int]
MemberPath = Annotated[int, Path(ge=1, lt=2**24, description="GB/T 2260 code, or a programme's number")]
RegistryPath = Annotated[str, Path(min_length=1, max_length=100, description="the registry's code within the member")]


class LagGiven(BaseModel):
    """What was on its way when the report was made. `seconds`: age, now, of the oldest of it; 0: nothing was."""

    seconds: Annotated[int, Field(examples=[12])]
    records: Annotated[int, Field(description="read from the registry, not yet final on the chain", examples=[3])]
    oldest_record_at: Moment | None
    effects: Annotated[int, Field(description="happened on the chain, not yet told to the registry", examples=[0])]
    oldest_effect_at: Moment | None


class MembersDetail(BaseModel):
    """For members and auditors: why things are held, by code."""

    held: Annotated[Counts, Field(examples=[{"period_overlaps": 1}])]
    signer: Address


class OwnDetail(BaseModel):
    """For the member itself: the registry's last trouble in words, and how far its feed was read."""

    trouble: Annotated[str, Field(examples=[""])]
    cursor: Annotated[str, Field(examples=["1207"])]


class SyncGiven(BaseModel):
    """One registry. The four facts never stand for each other; null is "never", or "not known"."""

    member: MemberCode
    registry: Annotated[str, Field(examples=["illustrative-registry"])]
    reachable: Annotated[
        bool | None, Field(description="whether it answered when last asked; null: never asked", examples=[True])
    ]
    last_attempt: Moment | None
    last_success: Moment | None
    lag: LagGiven
    reported_at: Annotated[Moment | None, Field(description="by the clock of the machine that syncs")]
    report_age_seconds: Annotated[
        int, Field(description="since the hub last heard from the adapter: all of this is of then", examples=[8])
    ]
    chain_block: Annotated[int | None, Field(description="block that the adapter had followed to", examples=[1024])]
    inbox: Annotated[Counts, Field(examples=[{"settled": 812, "held": 1}])]
    outbox: Annotated[Counts, Field(examples=[{"done": 811}])]
    effects: Annotated[Counts, Field(examples=[{"booked": 14}])]
    documents: Annotated[Counts, Field(examples=[{"undelivered": 0, "refused": 0}])]
    held: Annotated[int, Field(description="records held back", examples=[1])]
    unreadable: Annotated[int, Field(examples=[0])]
    dead_letters: Annotated[int, Field(description="what waits for an operator", examples=[1])]
    todo: Annotated[int, Field(description="effects that a person has to book", examples=[0])]
    for_members: MembersDetail | None
    for_itself: OwnDetail | None


class SyncList(BaseModel):
    """Every registry that ever reported, and the members of which nothing was ever heard."""

    items: list[SyncGiven]
    members_unheard: Annotated[list[MemberCode], Field(examples=[[330100]])]


class ReportSent(BaseModel):
    """A report as the text of its canonical JSON (RFC 8785), byte for byte as it was signed."""

    model_config = ConfigDict(extra="forbid")

    report: Annotated[str, Field(max_length=MAX_BYTES, examples=['{"schema":"yrdhub.sync-facts/1"}'])]
    signature: Annotated[
        str,
        Field(
            pattern="^0x[0-9a-fA-F]{130}$",
            description="EIP-712 `StatusSeal(uint24 member,bytes32 report,uint40 reportedAt)`",
            examples=["0x" + "11" * 65],
        ),
    ]


class ReportKept(BaseModel):
    """Whether the report was newer than what the hub had; an older one, or a repeat, changes nothing."""

    kept: Annotated[bool, Field(examples=[True])]


@router.post(
    "/sync",
    responses=answers(ReportKept, "Believed"),
    openapi_extra={"requestBody": {"content": {"application/json": {"example": example_of(ReportSent)}}}},
)
def put_sync_report(hub: TheHub, sent: ReportSent, response: Response) -> ReportKept:
    """Reports how a registry's sync stands, signed by a registrar of its member. The newest counts.

    Audience: anyone may carry it; the signature says whose it is.
    """
    response.headers["cache-control"] = "no-store"
    sealed = SealedReport(sent.report.encode(errors="surrogatepass"), bytes.fromhex(sent.signature[2:]))
    return ReportKept(kept=SyncStatusStore(hub.writing, hub.deployment).put(sealed, hub.clock()))


@router.get("/sync", responses=answers(SyncList))
def list_syncs(hub: TheHub, authorization: Authorization, response: Response) -> SyncList:
    """How the sync of every registry stands.

    Audience: public, the facts and counts; members and auditors also why things are held; a member, all of its own.
    """
    with hub.reading.connect() as connection:
        reader = _reader(hub, connection, authorization, response)
        items = [_given(hub, report, reader) for report in reports(connection)]
        return SyncList(items=items, members_unheard=list(members_unheard(connection)))


@router.get("/sync/{member}/{registry}", responses=answers(SyncGiven) | NO_SUCH)
def read_sync(
    hub: TheHub, member: MemberPath, registry: RegistryPath, authorization: Authorization, response: Response
) -> SyncGiven:
    """How the sync of one registry stands. Audience: as the list."""
    with hub.reading.connect() as connection:
        reader = _reader(hub, connection, authorization, response)
        found = reports(connection, member, registry)
    if not found:
        raise NotFound(
            f"no adapter ever reported on registry {registry} of member {member}",
            what=registry,
            remedy="see `yrdhub sync run` at the city; GET /v1/sync lists those that reported",
        )
    return _given(hub, found[0], reader)


def _reader(hub: Hub, connection: Connection, authorization: str | None, response: Response) -> Reader:
    # ages are of this second, so nothing may be kept by anybody on the way
    response.headers.update({"cache-control": "no-store", "vary": "Authorization"})
    return reader_of(connection, hub, authorization)


def _given(hub: Hub, report: Report, reader: Reader) -> SyncGiven:
    facts, now = report.facts, hub.clock()
    is_own = reader.member == facts.member
    lag = facts.lag
    return SyncGiven(
        member=facts.member,
        registry=facts.registry,
        reachable=facts.reachable,
        last_attempt=_instant(facts.last_attempt_at),
        last_success=_instant(facts.last_success_at),
        lag=LagGiven(
            seconds=lag.seconds(now),
            records=lag.records,
            oldest_record_at=_instant(lag.oldest_record_at),
            effects=lag.effects,
            oldest_effect_at=_instant(lag.oldest_effect_at),
        ),
        reported_at=moment(facts.at),
        report_age_seconds=max(0, now - report.received_at),
        chain_block=facts.chain_block,
        inbox=facts.inbox,
        outbox=facts.outbox,
        effects=facts.effects,
        documents=facts.documents,
        held=sum(facts.held.values()),
        unreadable=facts.unreadable,
        dead_letters=facts.dead_letters,
        todo=facts.todo,
        for_members=None if reader.is_public else MembersDetail(held=facts.held, signer=report.signer),
        for_itself=OwnDetail(trouble=facts.trouble, cursor=facts.cursor) if is_own else None,
    )


def _instant(seconds: int | None) -> datetime | None:
    return None if seconds is None else moment(seconds)
