"""`yrdhub credits`: where every kilogram is, for all; retiring, correcting and pledging by hand, for a registrar."""

from __future__ import annotations

import json
import os
import secrets
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from sqlalchemy import Connection, select

from hub.ballot_actions import moment
from hub.chain.codec import encode_call
from hub.chain.enums import Role
from hub.chain.keys import LocalSigner
from hub.chain.orders import PledgeOrder, ReleaseOrder
from hub.chain.sending import send
from hub.commands.acting import (
    Hub,
    Key,
    Member,
    Out,
    by_hand,
    deliver,
    reading,
    seconds,
    signer_of,
    tell_carried,
    tell_delivered,
    writing,
)
from hub.commands.transfer import Record, series_name
from hub.commands.words import day
from hub.db import tables as t
from hub.errors import ConfigurationWrong, RecordRefused
from hub.index.queries import Row
from hub.index.queries_status import position
from hub.naming import resolve
from hub.signing import read_order, sign
from hub.terminal import Terminal
from hub.whereabouts import whereabouts
from mutual_recognition.identifiers import beneficiary_commitment
from mutual_recognition.purposes import parse_purpose
from mutual_recognition.records import Correction, Retirement
from mutual_recognition.serials import SerialRange
from mutual_recognition.unit_blocks import BlockStatus

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Credits: where they are; retire, correct, pledge and release by hand.",
)

Series = Annotated[str, typer.Option("--series", help="Code or id of the series")]
First = Annotated[int, typer.Option("--first", min=1, help="First serial")]
Last = Annotated[int, typer.Option("--last", min=1, help="Last serial")]


@app.command()
def totals(
    context: typer.Context,
    home: Annotated[int | None, typer.Option("--home-member", help="Only credits of this member")] = None,
    holder: Annotated[int | None, typer.Option("--holder", help="Only what this member holds")] = None,
) -> None:
    """Where every kilogram is: issued = available + in transit + pledged + retired + cancelled, for each series.

    Exit code 1 when it does not add up: then this index is damaged, and `yrdhub index rebuild` is due.
    """
    terminal = Terminal.of(context)
    with reading(terminal) as (connection, _):
        found = whereabouts(connection, home=home, holder=holder)
        block = position(connection).block
    statuses = tuple(BlockStatus)
    columns = ("series", "of", "with", *(status.name.lower().replace("_", " ") for status in statuses), "sum")
    table = Table(title=f"kg, as of block {block:,}", title_justify="left", box=None, pad_edge=False)
    for place, column in enumerate(columns):
        table.add_column(column, justify="left" if place < 3 else "right")
    for one in found.holdings:
        kilograms = (f"{one.kg.get(status, 0):,}" for status in statuses)
        table.add_row(one.code, str(one.home), str(one.holder), *kilograms, f"{one.total_kg:,}")
    table.add_section()
    table.add_row("all", "", "", *(f"{found.total_kg(status):,}" for status in statuses), f"{found.total_kg():,}")
    issued = sum(found.issued_kg.values())
    adds_up = found.adds_up if holder is None else None
    told = {
        "block": block,
        "issued_kg": issued,
        "by_status_kg": {status.name.lower(): found.total_kg(status) for status in statuses},
        "adds_up": adds_up,
        "holdings": [
            {
                "series": one.series,
                "code": one.code,
                "home": one.home,
                "holder": one.holder,
                "kg": {status.name.lower(): one.kg.get(status, 0) for status in statuses},
            }
            for one in found.holdings
        ],
    }
    if adds_up is None:
        said = "one member's part; leave --holder out to see whether all of it adds up"
    else:
        said = f"issued {issued:,} kg: " + ("adds up, series by series" if adds_up else "[red]does NOT add up[/red]")
    terminal.answer(told, table, said)
    if adds_up is False:
        raise typer.Exit(1)


@app.command()
def retire(
    context: typer.Context,
    record: Record,
    series: Series,
    first: First,
    last: Last,
    purpose: Annotated[str, typer.Option("--purpose", help="For example voluntary, event_neutrality, ets_compliance")],
    beneficiary: Annotated[str, typer.Option("--beneficiary", help="Name; only a salted commitment goes on the chain")],
    beneficiary_id: Annotated[
        str, typer.Option("--beneficiary-id", help="Unified social credit code or the like")
    ] = "",
    compliance_year: Annotated[int, typer.Option("--compliance-year", help="For ets_compliance only")] = 0,
    member: Member = None,
    key: Key = None,
) -> None:
    """Retire serials you hold: final. Writes the certificate with the salt that proves the beneficiary; keep it."""
    terminal = Terminal.of(context)
    serials = SerialRange(first, last)
    use = parse_purpose(purpose, "--purpose")
    with by_hand(terminal, member, key) as (desk, index, acting_for):
        with index.reader.connect() as connection:
            name, size = series_name(connection, series)
        certificate = _certificate(terminal, acting_for, record, beneficiary, beneficiary_id)
        salt = bytes.fromhex(certificate["salt"])
        asked = Retirement(
            native_id=record,
            series=name,
            serials=serials,
            quantity_kg=serials.count * size,
            purpose=use,
            beneficiary=beneficiary_commitment(salt, beneficiary, beneficiary_id),
            compliance_year=compliance_year,
        )
        carried = desk.carry_out(asked)
    done = f"retired {asked.quantity_kg:,} kg for {use.code}; certificate {certificate['file']}"
    tell_carried(terminal, carried, done, certificate=certificate["file"], commitment=asked.beneficiary)


@app.command()
def correct(
    context: typer.Context,
    record: Record,
    series: Series,
    first: First,
    last: Last,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the document that all members can read")],
    registry: Annotated[str, typer.Option("--registry", help="Registry code of your own series")] = "by-hand",
    member: Member = None,
    key: Key = None,
) -> None:
    """Cancel serials of a wrong issuance of your own, while they are available at home; frees what was verified."""
    terminal = Terminal.of(context)
    serials = SerialRange(first, last)
    with by_hand(terminal, member, key, registry=registry) as (desk, index, _):
        with index.reader.connect() as connection:
            name, size = series_name(connection, series)
        asked = Correction(
            native_id=record,
            series=name.code,
            serials=serials,
            quantity_kg=serials.count * size,
            content={"reason": reason},
            audience="members",
        )
        carried = desk.carry_out(asked)
    tell_carried(terminal, carried, f"cancelled {asked.quantity_kg:,} kg as a wrong issuance")


@app.command("pledge-offer")
def offer_pledge(
    context: typer.Context,
    series: Series,
    first: First,
    last: Last,
    until: Annotated[str, typer.Option("--until", help="Day (UTC+8) from which anyone may release it")],
    out: Annotated[Path, typer.Option("--out", help="File for the signed order, for the holder's registrar")],
    good_for: Annotated[str, typer.Option("--good-for", help="How long the registrar may send it")] = "7d",
    member: Member = None,
    key: Key = None,
) -> None:
    """A financial institution signs that it takes serials in pledge; the holder's registrar sends it."""
    terminal = Terminal.of(context)
    with writing(terminal) as index:
        signer, acting_for = signer_of(terminal, index, Role.FINANCIAL_INSTITUTION, member, key)
        with index.reader.connect() as connection:
            found = resolve(connection, "series", series)
            block = _block_holding(connection, found.id, first, last)
        order = PledgeOrder(
            member=acting_for,
            series=found.id,
            block_first=block["first"],
            first=first,
            last=last,
            until=day(until, "--until"),
            request="0x" + secrets.token_hex(32),
            deadline=int(time.time()) + seconds(good_for, "--good-for"),
        )
        told = deliver(terminal, index, sign(signer, order, index.deployment), signer, out=out, hub=None)
    send_it = f"the holder's registrar sends it: yrdhub credits pledge {out}"
    terminal.answer(told, f"signed; digest {told['digest']}", send_it)


@app.command()
def pledge(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="What the institution signed", exists=True, dir_okay=False)],
    key: Key = None,
) -> None:
    """Give serials you hold in pledge, as an institution offered in a file; your registrar consents by sending it."""
    terminal = Terminal.of(context)
    with writing(terminal) as index:
        offered = read_order(file, index.deployment)
        if not isinstance(offered.order, PledgeOrder):
            raise RecordRefused(
                "this file holds another kind of order",
                code="order_of_another_kind",
                field="FILE",
                value=type(offered.order).__name__,
                where=str(file),
                remedy="name the file that `yrdhub credits pledge-offer` wrote",
            )
        signer, _ = signer_of(terminal, index, Role.REGISTRAR, offered.order.member, key)
        data = encode_call("CreditLedger", "pledge", [offered.order, offered.signatures[0]])
        receipt = send(signer, index.node, index.deployment.address("CreditLedger"), data)
        index.indexer.follow()
    told = {"transaction": receipt.tx_hash, "block": receipt.block_number, "until": moment(offered.order.until)}
    terminal.answer(told, f"pledged until {told['until']}, block {receipt.block_number:,}")


@app.command()
def release(
    context: typer.Context,
    series: Series,
    first: First,
    over: Annotated[bool, typer.Option("--over", help="Its time is over: no key is needed")] = False,
    member: Member = None,
    key: Key = None,
    out: Out = None,
    hub: Hub = None,
) -> None:
    """Give a pledge up, by the institution's key; or end one whose time is over."""
    terminal = Terminal.of(context)
    with writing(terminal) as index:
        with index.reader.connect() as connection:
            found = resolve(connection, "series", series)
            until = _block_holding(connection, found.id, first, first)["pledged_until"]
        if over:
            data = encode_call("CreditLedger", "lapse", [found.id, first])
            receipt = send(LocalSigner.random(), index.node, index.deployment.address("CreditLedger"), data)
            index.indexer.follow()
            terminal.answer({"transaction": receipt.tx_hash}, f"released in block {receipt.block_number:,}")
            return
        signer, _ = signer_of(terminal, index, Role.FINANCIAL_INSTITUTION, member, key)
        order = ReleaseOrder(found.id, first, until, "0x" + secrets.token_hex(32), int(time.time()) + 86_400)
        told = deliver(terminal, index, sign(signer, order, index.deployment), signer, out=out, hub=hub)
    tell_delivered(terminal, told, "released")


def _block_holding(connection: Connection, series: str, first: int, last: int) -> Row:
    b = t.unit_blocks.c
    query = select(t.unit_blocks).where(b.series == series, b.first <= first).order_by(b.first.desc()).limit(1)
    row = connection.execute(query).mappings().first()
    if row is None or row["last"] < last:
        raise RecordRefused(
            f"serials {first} to {last} do not lie in one unit block",
            code="range_outside_block",
            field="--first",
            value=first,
            remedy="name a part of one block",
        )
    return dict(row)


def _certificate(terminal: Terminal, member: int, record: str, beneficiary: str, beneficiary_id: str) -> dict[str, str]:
    """The certificate of a retirement, made before it is sent so that a crash never loses the salt; readable by its
    owner. The same record again finds its certificate; with another beneficiary it is refused.
    """
    name = "".join(character if character.isalnum() else "-" for character in record)
    file = terminal.settings.home / "certificates" / f"{member}-{name}.json"
    said: dict[str, Any] = {"member": member, "record": record, "beneficiary": beneficiary, "id": beneficiary_id}
    if file.exists():
        kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if any(kept.get(field) != value for field, value in said.items()):
            raise ConfigurationWrong(
                f"record {record} has a certificate already, for another beneficiary or record",
                where=str(file),
                remedy="use another record number",
                code="certificate_exists",
            )
        return {"salt": kept["salt"], "file": str(file)}
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    said["salt"] = secrets.token_hex(32)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(said, stream, ensure_ascii=False, indent=1)
        stream.flush()
        os.fsync(stream.fileno())
    return {"salt": said["salt"], "file": str(file)}
