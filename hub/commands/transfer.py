"""`yrdhub transfer`: transfers between members, for a city whose registry has no adapter, and the list of them for all.

A record number of your own (`--record`) makes a write happen once: the same number typed again changes nothing.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table
from sqlalchemy import Connection, or_, select

from hub.ballot_actions import factor_in_words, moment
from hub.chain.codec import encode_call
from hub.chain.enums import TransferStatus, in_words
from hub.chain.keys import LocalSigner
from hub.chain.sending import send
from hub.commands.acting import Key, Member, by_hand, reading, seconds, tell_carried, writing
from hub.db import tables as t
from hub.errors import RecordRefused
from hub.index.queries import Row, find
from hub.naming import resolve, title_of
from hub.terminal import Terminal
from mutual_recognition.records import SeriesName, TransferCosign, TransferDecision, TransferOut, TransferWithdrawal
from mutual_recognition.serials import SerialRange

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Transfers between members: propose, accept, reject, withdraw, expire.",
)

TransferId = Annotated[str, typer.Argument(help="The transfer's id, or enough of its beginning")]
Record = Annotated[
    str, typer.Option("--record", help="Your own number of this record; typed again, nothing more happens")
]


def series_name(connection: Connection, text: str) -> tuple[SeriesName, int]:
    """The series that `text` names, as canonical records name it, and its kg per serial."""
    found = resolve(connection, "series", text)
    row = find(connection, t.series, found.id)
    d = t.documents.c
    query = select(d.registry, d.record).where(d.kind == "series", d.describes == found.id)
    named = connection.execute(query).first()
    if row is None or named is None:
        raise RecordRefused(
            f"nobody shared what series {found.id} is called",
            code="series_unnamed",
            field="--series",
            value=text,
            remedy="ask its home registry to deliver the series' document",
        )
    return SeriesName(code=named.record, member=row["member"], registry=named.registry), int(row["kg_per_serial"])


@app.command("list")
def list_transfers(
    context: typer.Context,
    member: Annotated[int | None, typer.Option("--member", help="Only those from or to this member")] = None,
    open_only: Annotated[bool, typer.Option("--open", help="Only those that have not ended")] = False,
) -> None:
    """List transfers, newest first."""
    terminal = Terminal.of(context)
    x = t.transfers.c
    query = select(t.transfers, t.series.c.kg_per_serial).join(t.series, t.series.c.series == x.series)
    if member is not None:
        query = query.where(or_(x.from_member == member, x.to_member == member))
    if open_only:
        query = query.where(x.status == TransferStatus.PROPOSED)
    with reading(terminal) as (connection, _):
        rows = connection.execute(query.order_by(x.block_number.desc(), x.log_index.desc())).mappings().all()
        told = [_told(connection, dict(row)) for row in rows]
    table = Table("transfer", "from", "to", "series", "serials", "kg", "factor", "status", box=None, pad_edge=False)
    for one in told:
        cells = (str(one["from"]), str(one["to"]), one["series"], one["serials"], f"{one['kg']:,}")
        table.add_row(one["transfer"][:14], *cells, one["factor"] or "", one["status"])
    terminal.answer(told, table if told else "no transfers")


@app.command()
def propose(
    context: typer.Context,
    record: Record,
    to: Annotated[int, typer.Option("--to", help="GB/T 2260 code of the destination")],
    series: Annotated[str, typer.Option("--series", help="Code or id of the series")],
    first: Annotated[int, typer.Option("--first", min=1, help="First serial")],
    last: Annotated[int, typer.Option("--last", min=1, help="Last serial")],
    open_for: Annotated[str, typer.Option("--open-for", help="How long the destination may answer: 12h, 7d")] = "7d",
    member: Member = None,
    key: Key = None,
) -> None:
    """Propose that serials you hold go to another member: in transit until that member answers, or time ends."""
    terminal = Terminal.of(context)
    serials = SerialRange(first, last)
    lifetime = seconds(open_for, "--open-for")
    with by_hand(terminal, member, key, transfer_lifetime=lifetime) as (desk, index, acting_for):
        with index.reader.connect() as connection:
            name, size = series_name(connection, series)
        asked = TransferOut(native_id=record, series=name, serials=serials, to=to, quantity_kg=serials.count * size)
        carried = desk.carry_out(asked)
        with index.reader.connect() as connection:
            x = t.transfers.c
            query = select(x.transfer).where(
                x.from_member == acting_for, x.request.in_(carried.written + carried.before)
            )
            transfers = list(connection.execute(query).scalars())
    done = f"proposed {asked.quantity_kg:,} kg to {to}: {', '.join(transfers)}"
    tell_carried(terminal, carried, done, transfers=transfers)


@app.command()
def accept(
    context: typer.Context, transfer: TransferId, record: Record, member: Member = None, key: Key = None
) -> None:
    """Take a transfer in, under all terms that your member voted. What their factor cuts never counts with you."""
    _decide(context, transfer, record, member, key, accept=True, reason=0)


@app.command()
def reject(
    context: typer.Context,
    transfer: TransferId,
    record: Record,
    reason: Annotated[int, typer.Option("--reason", min=0, max=255, help="Response code of the DES, or 0")] = 0,
    member: Member = None,
    key: Key = None,
) -> None:
    """Turn a transfer down: the serials go back to the sender."""
    _decide(context, transfer, record, member, key, accept=False, reason=reason)


@app.command()
def withdraw(
    context: typer.Context, transfer: TransferId, record: Record, member: Member = None, key: Key = None
) -> None:
    """Take back a transfer that you proposed and nobody answered yet."""
    terminal = Terminal.of(context)
    row = _find(terminal, transfer)
    with by_hand(terminal, member or row["from_member"], key) as (desk, _, _):
        carried = desk.carry_out(TransferWithdrawal(native_id=record, transfer_out=row["transfer"]))
    tell_carried(terminal, carried, "withdrawn", transfer=row["transfer"])


@app.command()
def cosign(
    context: typer.Context, transfer: TransferId, record: Record, member: Member = None, key: Key = None
) -> None:
    """Stand by a large transfer of your own member, as a second registrar (four eyes): name your key with --key."""
    terminal = Terminal.of(context)
    row = _find(terminal, transfer)
    with by_hand(terminal, member or row["from_member"], key) as (desk, _, _):
        carried = desk.carry_out(TransferCosign(native_id=record, transfer_out=row["transfer"]))
    tell_carried(terminal, carried, "signed as the second", transfer=row["transfer"])


@app.command()
def expire(context: typer.Context, transfer: TransferId) -> None:
    """End a transfer whose time has passed: the serials go back to the sender. Anyone may."""
    terminal = Terminal.of(context)
    row = _find(terminal, transfer)
    with writing(terminal) as index:
        data = encode_call("CreditLedger", "expire", [row["transfer"]])
        receipt = send(LocalSigner.random(), index.node, index.deployment.address("CreditLedger"), data)
        index.indexer.follow()
    told = {"transfer": row["transfer"], "transaction": receipt.tx_hash, "block": receipt.block_number}
    terminal.answer(told, f"ended in block {receipt.block_number:,}")


def _decide(
    context: typer.Context,
    transfer: str,
    record: str,
    member: int | None,
    key: str | None,
    *,
    accept: bool,
    reason: int,
) -> None:
    terminal = Terminal.of(context)
    row = _find(terminal, transfer)
    with by_hand(terminal, member or row["to_member"], key) as (desk, index, _):
        decision = TransferDecision(native_id=record, transfer=row["transfer"], accept=accept, reason=reason)
        carried = desk.carry_out(decision)
        with index.reader.connect() as connection:
            now = _told(connection, _with_size(connection, row["transfer"]))
    done = "rejected"
    if accept:
        done = f"accepted: {now['kg']:,} kg at factor {now['factor']}, {now['kept_kg']:,} kg arrived"
    tell_carried(terminal, carried, done, transfer=now)


def _find(terminal: Terminal, text: str) -> Row:
    wanted = text.strip().lower()
    x = t.transfers.c
    with reading(terminal) as (connection, _):
        query = select(t.transfers).where(x.transfer.startswith(wanted, autoescape=True)).limit(2)
        rows = [dict(row) for row in connection.execute(query).mappings()] if len(wanted) > 3 else []
    if len(rows) != 1:
        raise RecordRefused(
            f"{'several transfers begin' if rows else 'no transfer begins'} with {text}",
            code="transfer_ambiguous" if rows else "transfer_unknown",
            field="TRANSFER",
            value=text,
            remedy="see `yrdhub transfer list`",
        )
    return rows[0]


def _with_size(connection: Connection, transfer: str) -> Row:
    x = t.transfers.c
    query = select(t.transfers, t.series.c.kg_per_serial).join(t.series, t.series.c.series == x.series)
    return dict(connection.execute(query.where(x.transfer == transfer)).mappings().one())


def _told(connection: Connection, row: Row) -> dict[str, Any]:
    size = row["kg_per_serial"]
    accepted = row["status"] == TransferStatus.ACCEPTED
    return {
        "transfer": row["transfer"],
        "from": row["from_member"],
        "to": row["to_member"],
        "series": title_of(connection, row["series"]) or row["series"],
        "serials": f"{row['first']}-{row['last']}",
        "kg": (row["last"] - row["first"] + 1) * size,
        "kept_kg": (row["kept_last"] - row["first"] + 1) * size if accepted else None,
        "factor": factor_in_words(row["factor_ppm"]) if accepted else None,
        "status": in_words(TransferStatus, row["status"]) + (", cosign pending" if row["cosign_pending"] else ""),
        "acceptable_from": moment(row["accept_from"]),
        "deadline": moment(row["deadline"]),
    }
