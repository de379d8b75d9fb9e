"""What became of a request id: the receipt of a write."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from hub.api.pages import as_of
from hub.api.problems import NO_SUCH
from hub.api.shapes import AsOf, Id32, Id32Path, MemberCode, Seen, answers
from hub.api.snapshots import At
from hub.index.queries_serials import requests_of

router = APIRouter(tags=["index"])


class CarriedOut(BaseModel):
    """A write that the chain took, under the member whose key the contract asked for."""

    member: MemberCode
    contract: Annotated[str, Field(examples=["CreditLedger"])]
    event: Annotated[str, Field(examples=["Issued"])]
    tx_hash: Id32
    seen: Seen


class RequestAnswer(BaseModel):
    """All writes under one request id. Ids are the members' own, so that two may use the same."""

    request: Id32
    carried_out: list[CarriedOut]
    as_of: AsOf


@router.get("/requests/{request_id}", responses=answers(RequestAnswer) | NO_SUCH)
def read_request(at: At, request_id: Id32Path) -> RequestAnswer:
    """What the chain carried out under a request id. Audience: public."""
    rows = requests_of(at.connection, request_id)
    if not rows:
        raise at.missing("carried-out request", request_id)
    carried_out = [
        CarriedOut(
            member=row["member"],
            contract=row["contract"],
            event=row["event"],
            tx_hash=row["tx_hash"],
            seen=Seen.of(row),
        )
        for row in rows
    ]
    return RequestAnswer(request=request_id, carried_out=carried_out, as_of=as_of(at.position))
