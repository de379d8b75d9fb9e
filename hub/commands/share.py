"""`yrdhub share`: what cities tell each other. Publish, withdraw, search, subscribe, import; and who read what."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from hub.ballot_actions import moment
from hub.by_hand import REGISTRY
from hub.commands.acting import Key, Member, writing
from hub.commands.cities import called, member_named
from hub.commands.sharing_desk import Desk, audience_named, reading_desk, sealing_desk
from hub.errors import RecordRefused, RetryLater
from hub.naming import resolve
from hub.sharing.exchange import Question
from hub.sharing.importing import Form, import_document
from hub.sharing.own_store import open_own_store
from hub.sharing.publishing import PUBLISHED_BY_HAND, Item, items_in_json, parameters_in_csv, publish, withdraw
from hub.sharing.pulling import Pulled, pull, pull_every
from hub.terminal import Terminal
from mutual_recognition.documents import DocumentKind
from mutual_recognition.sharing import SHAPES

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="What cities share: publish, search, subscribe, import, and see who read it.",
)

Hub = Annotated[str | None, typer.Option("--hub", help="The hub's address, where this home is your city's own")]
Kind = Annotated[str | None, typer.Option("--kind", help="methodology, project, parameters, project_information ...")]
From = Annotated[str | None, typer.Option("--from", help="Only what this member shares: code or name")]
Digest = Annotated[str, typer.Argument(help="Digest of the document, 0x and 64 digits")]


@app.command("publish")
def publish_files(
    context: typer.Context,
    files: Annotated[
        list[str], typer.Argument(help="JSON files (one record or a list), CSV of parameters, - for stdin")
    ],
    kind: Annotated[str, typer.Option("--kind", help="methodology, project, parameters or project_information")],
    audience: Annotated[str, typer.Option("--audience", help="public, members, auditors or member:CODE")],
    registry: Annotated[str, typer.Option("--registry", help="Code of your registry")] = REGISTRY,
    record: Annotated[str | None, typer.Option("--record", help="Of a CSV: what the parameter set is called")] = None,
    title_zh: Annotated[str | None, typer.Option("--title-zh", help="Of a CSV: its title in Chinese")] = None,
    title_en: Annotated[str | None, typer.Option("--title-en", help="Of a CSV: its title in English")] = None,
    hub: Hub = None,
    member: Member = None,
    key: Key = None,
) -> None:
    """Share records with an audience, sealed by your registrar's key; a record shared before gets its next version.

    The fields of each kind: `yrdhub share shapes KIND`. Nothing of a person is shared: identity card and telephone
    numbers, e-mail addresses, number plates and household numbers are refused where they can be recognised; names and
    home addresses among other words cannot be, and keeping them out is yours to do.
    """
    terminal = Terminal.of(context)
    of_kind = _kind(kind)
    if of_kind not in PUBLISHED_BY_HAND:
        raise RecordRefused(
            f"{kind} is not published by hand",
            code="kind_unknown",
            field="--kind",
            value=kind,
            remedy="use methodology, project, parameters or project_information",
        )
    titles = {name: text for name, text in (("title_zh", title_zh), ("title_en", title_en)) if text}
    items = [item for file in files for item in _items(file, of_kind, record, titles)]
    with sealing_desk(terminal, hub, member, key) as desk:
        done = publish(
            desk.exchange,
            desk.require_signer(),
            desk.member,
            registry,
            of_kind,
            audience_named(desk, audience),
            items,
        )
    told = [{"record": p.record, "version": p.version, "digest": p.digest, "new": p.new} for p in done]
    lines = [f"{p.record} version {p.version}{'' if p.new else ' (shared before)'}: {p.digest}" for p in done]
    terminal.answer({"published": told, "audience": audience}, *map(escape, lines))


@app.command("withdraw")
def withdraw_document(
    context: typer.Context,
    digest: Digest,
    reason: Annotated[str, typer.Option("--reason", help="Why; its readers see it")],
    replaced_by: Annotated[str | None, typer.Option("--replaced-by", help="Digest of what stands in its place")] = None,
    hub: Hub = None,
    member: Member = None,
    key: Key = None,
) -> None:
    """Withdraw what you shared, by a signed notice to the same audience. The document stays readable, marked."""
    terminal = Terminal.of(context)
    with sealing_desk(terminal, hub, member, key) as desk:
        done = withdraw(desk.exchange, desk.require_signer(), desk.member, digest, reason, replaced_by)
    told = {"withdrew": digest, "notice": done.digest, "new": done.new}
    terminal.answer(told, f"withdrawn by the notice {done.digest}" + ("" if done.new else " (given before)"))


@app.command()
def search(
    context: typer.Context,
    words: Annotated[str, typer.Argument(help="Words in Chinese or English, each of which is to be there")] = "",
    kind: Kind = None,
    from_: From = None,
    everything: Annotated[bool, typer.Option("--all", help="Also what is superseded or withdrawn")] = False,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
    before: Annotated[int, typer.Option("--before", help="Go on where the page before ended")] = 0,
    hub: Hub = None,
    member: Member = None,
    key: Key = None,
) -> None:
    """Search what you may read, newest first."""
    terminal = Terminal.of(context)
    question = Question(
        kinds=() if kind is None else (_kind(kind).value,),
        member=0 if from_ is None else member_named(from_, "--from"),
        words=words,
        before=before,
        current=not everything,
        newest_first=True,
        limit=limit,
    )
    with reading_desk(terminal, hub, member, key) as desk:
        found = desk.exchange.find(question)
    following = found.entries[-1]["arrived"] if found.more else None
    table = Table("digest", "kind", "from", "record", "title", "for", "stands", box=None, pad_edge=False)
    for entry in found.entries:
        table.add_row(
            entry["digest"],
            entry["kind"],
            called(entry["member"]),
            escape(f"{entry['record']} v{entry['version']}"),
            escape(" / ".join(filter(None, (entry["title_zh"], entry["title_en"])))),
            entry["audience"],
            _stands(entry),
        )
    shown: list[Any] = [table if found.entries else "nothing that you may read fits"]
    if following is not None:
        shown.append(f"more: --before {following}")
    terminal.answer({"documents": found.entries, "next_before": following}, *shown)


@app.command()
def show(context: typer.Context, digest: Digest, hub: Hub = None, member: Member = None, key: Key = None) -> None:
    """Read one document whole, its seal checked against the chain. The reading is recorded where it is not public."""
    terminal = Terminal.of(context)
    with reading_desk(terminal, hub, member, key) as desk:
        checked = desk.check(desk.exchange.fetch(digest))
    document = json.loads(checked.document.canonical())
    told = {
        "digest": digest,
        "document": document,
        "sealed_by": checked.signer,
        "key_still_registrars": not checked.former,
    }
    terminal.answer(
        told,
        escape(json.dumps(document, ensure_ascii=False, indent=1)),
        f"sealed by {checked.signer}, registrar of {called(checked.document.member)}"
        + (" then, no more" if checked.former else ""),
    )


@app.command()
def subscribe(
    context: typer.Context,
    kind: Kind = None,
    from_: From = None,
    methodology: Annotated[
        str | None, typer.Option("--methodology", help="Only what is about it: id, code or title")
    ] = None,
    member: Member = None,
    key: Key = None,
) -> None:
    """Follow what others share. Kept in your own database; `share pull` brings what is new, from the first on."""
    terminal = Terminal.of(context)
    with reading_desk(terminal, None, member, key) as desk, _store(terminal, desk) as store:
        about = ""
        if methodology is not None:
            with desk.index.reader.connect() as connection:
                about = resolve(connection, "methodology", methodology).id
        row, new = store.subscribe(
            "" if kind is None else _kind(kind).value, 0 if from_ is None else member_named(from_, "--from"), about
        )
    told = {"subscription": row["number"], "new": new} | {name: row[name] for name in ("kind", "member", "methodology")}
    terminal.answer(told, f"subscription {row['number']}" + ("" if new else " (there already)") + "; yrdhub share pull")


@app.command()
def subscriptions(context: typer.Context, member: Member = None, key: Key = None) -> None:
    """List your subscriptions, and how far each has been pulled."""
    terminal = Terminal.of(context)
    with reading_desk(terminal, None, member, key) as desk, _store(terminal, desk) as store:
        rows = store.subscriptions()
    table = Table("number", "kind", "from", "methodology", "last pulled", box=None, pad_edge=False)
    for row in rows:
        of = called(row["member"]) if row["member"] else "all"
        pulled = moment(row["pulled_at"]) if row["pulled_at"] else "never"
        table.add_row(str(row["number"]), row["kind"] or "all", of, row["methodology"] or "all", pulled)
    terminal.answer({"subscriptions": rows}, table if rows else "there are none: yrdhub share subscribe")


@app.command()
def unsubscribe(
    context: typer.Context,
    number: Annotated[int, typer.Argument(min=1)],
    member: Member = None,
    key: Key = None,
) -> None:
    """End a subscription; what it brought stays."""
    terminal = Terminal.of(context)
    with reading_desk(terminal, None, member, key) as desk, _store(terminal, desk) as store:
        store.end(number)
    terminal.answer({"ended": number}, f"subscription {number} has ended")


@app.command("pull")
def pull_subscriptions(
    context: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until interrupted")] = False,
    every: Annotated[float, typer.Option("--every", min=1, help="Seconds between passes, with --watch")] = 300.0,
    hub: Hub = None,
    member: Member = None,
    key: Key = None,
) -> None:
    """Bring what is new of all subscriptions: each document once, its digest, seal, signer and audience checked.

    A pull may be interrupted anywhere; the next goes on. What is not believed is kept out, and shown by `share inbox`.
    """
    terminal = Terminal.of(context)
    with reading_desk(terminal, hub, member, key) as desk, _store(terminal, desk) as store:
        if watch:
            stop = threading.Event()
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: stop.set())

            def told(pulled: Pulled) -> None:
                if pulled.new or pulled.refused:
                    terminal.note(f"{pulled.new} new, {len(pulled.refused)} not believed")

            while not stop.is_set():
                try:
                    pull_every(store, desk.exchange, desk.check, every, stop.wait, told)
                except RetryLater as trouble:
                    terminal.note(escape(str(trouble)))
                    stop.wait(every)
            return
        done = Pulled()
        with terminal.progress() as progress:
            bar = progress.add_task("documents", total=None)
            for subscription in store.subscriptions():
                one = pull(
                    store, desk.exchange, desk.check, subscription, kept=lambda new: progress.update(bar, advance=new)
                )
                done.new += one.new
                done.known += one.known
                done.refused += one.refused
    told_of = [why.to_json() for why in done.refused]
    terminal.answer(
        {"new": done.new, "known": done.known, "refused": told_of},
        f"{done.new} new documents",
        *(f"[red]not believed[/red]: {escape(str(why))}" for why in done.refused),
    )


@app.command()
def inbox(
    context: typer.Context, kind: Kind = None, from_: From = None, member: Member = None, key: Key = None
) -> None:
    """List what your subscriptions brought: whether it still stands, and whether you imported it."""
    terminal = Terminal.of(context)
    with reading_desk(terminal, None, member, key) as desk, _store(terminal, desk) as store:
        rows = store.inbox(
            "" if kind is None else _kind(kind).value, 0 if from_ is None else member_named(from_, "--from")
        )
        refused = store.refused()
    table = Table("digest", "kind", "from", "record", "title", "stands", "imported", box=None, pad_edge=False)
    for row in rows:
        title = " / ".join(filter(None, (row["title_zh"], row["title_en"])))
        table.add_row(
            row["digest"],
            row["kind"],
            called(row["member"]),
            escape(f"{row['record']} v{row['version']}"),
            escape(title),
            _stands(row),
            "yes" if row["imported"] else "",
        )
    shown: list[Any] = [table if rows else "nothing yet: yrdhub share pull"]
    shown += [f"[red]not believed[/red] {row['digest']}: {escape(row['reason'])}" for row in refused]
    terminal.answer({"documents": rows, "refused": refused}, *shown)


@app.command("import")
def import_one(
    context: typer.Context,
    digest: Digest,
    out: Annotated[Path, typer.Option("--out", help="File to write")],
    form: Annotated[Form, typer.Option("--as", help="The document, or a draft of your own filing or parameter set")] = (
        Form.DOCUMENT
    ),
    version: Annotated[str, typer.Option("--version", help="Of a methodology draft: your own version")] = "V1",
    valid_from: Annotated[
        str | None, typer.Option("--valid-from", help="Of a methodology draft [default: today]")
    ] = None,
    hub: Hub = None,
    member: Member = None,
    key: Key = None,
) -> None:
    """Take a document into your own work, with where it is from. The import is recorded at the hub first.

    A methodology-draft is filed by `yrdhub registry file-methodology FILE`, its lineage naming the original; a
    parameters-draft is shared by `yrdhub share publish FILE --kind parameters`.
    """
    terminal = Terminal.of(context)
    with reading_desk(terminal, hub, member, key) as desk, _store(terminal, desk) as store:
        told = import_document(
            store, desk.exchange, desk.check, digest, form, out, version=version, valid_from=valid_from
        )
    following = {
        Form.METHODOLOGY_DRAFT: f"; complete it, then: yrdhub registry file-methodology {out}",
        Form.PARAMETERS_DRAFT: f"; complete it, then: yrdhub share publish {out} --kind parameters --audience ...",
    }
    terminal.answer(
        {"file": str(out), "form": form.value, "written": told}, f"written to {out}" + following.get(form, "")
    )


@app.command()
def accesses(
    context: typer.Context,
    digest: Annotated[str | None, typer.Option("--document", help="Only of this document")] = None,
    by: Annotated[str | None, typer.Option("--by", help="Only by officers of this member")] = None,
    how: Annotated[str | None, typer.Option("--how", help="list, read or import")] = None,
    after: Annotated[int, typer.Option("--after", help="Go on where the page before ended")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 50,
    hub: Hub = None,
    member: Member = None,
    key: Key = None,
) -> None:
    """Who read what you shared, when and how, of three years; an auditor sees all. Public reads are only counted."""
    terminal = Terminal.of(context)
    asked = {
        name: value
        for name, value in {
            "digest": digest,
            "member": None if by is None else member_named(by, "--by"),
            "how": how,
        }.items()
        if value is not None
    }
    with reading_desk(terminal, hub, member, key) as desk:
        desk.require_member()
        rows, following = desk.exchange.accesses(asked, after, limit)
    table = Table("when", "member", "officer", "how", "document", "record", box=None, pad_edge=False)
    for row in rows:
        when = moment(row["at"]) if isinstance(row["at"], int) else str(row["at"])
        named = escape(f"{row['record']} v{row['version']}")
        table.add_row(when, called(row["member"]), row["reader"], row["how"], row["digest"], named)
    shown: list[Any] = [table if rows else "nobody has"]
    if following is not None:
        shown.append(f"more: --after {following}")
    terminal.answer({"accesses": rows, "next_after": following}, *shown)


@app.command("prune-accesses")
def prune_accesses(context: typer.Context) -> None:
    """At the hub: delete records of access that were kept for three years; younger ones cannot be deleted.

    The API process does so once a day. Three years count by this machine's clock and the chain's, whichever is behind.
    """
    terminal = Terminal.of(context)
    with writing(terminal) as index:
        gone = index.documents.accesses.prune(int(time.time()))
    terminal.answer({"deleted": gone}, f"{gone} records of access were older than three years, and are deleted")


@app.command()
def shapes(
    context: typer.Context, kind: Annotated[str | None, typer.Argument(help="One kind; all without it")] = None
) -> None:
    """The fields of what is published by hand, as JSON Schema."""
    terminal = Terminal.of(context)
    wanted = PUBLISHED_BY_HAND if kind is None else (_kind(kind),)
    if unknown := [one for one in wanted if one not in SHAPES]:
        raise RecordRefused(f"{unknown[0]} has no shape", code="kind_unknown", field="KIND", value=kind)
    told = {one.value: SHAPES[one].model_json_schema() for one in wanted}
    terminal.answer(told, escape(json.dumps(told, ensure_ascii=False, indent=1)))


def _items(file: str, kind: DocumentKind, record: str | None, titles: dict[str, str]) -> list[Item]:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as unreadable:
        raise RecordRefused(
            f"the file cannot be read: {unreadable}",
            code="record_unreadable",
            where=file,
            remedy="give a file in UTF-8",
        ) from unreadable
    if not file.lower().endswith(".csv"):
        return items_in_json(text, file)
    if kind is not DocumentKind.PARAMETERS or record is None:
        raise RecordRefused(
            "a CSV file is of parameters, and --record says what their set is called",
            code="record_invalid",
            field="--record",
            where=file,
            remedy="give --kind parameters --record NAME --title-zh ... or --title-en ...",
        )
    return parameters_in_csv(text, file, record, titles)


def _kind(text: str) -> DocumentKind:
    try:
        return DocumentKind(text.strip().lower().replace("-", "_"))
    except ValueError:
        known = ", ".join(kind.value for kind in DocumentKind)
        raise RecordRefused(
            f"{text!r} is no kind of document", code="kind_unknown", field="--kind", value=text, remedy=f"use {known}"
        ) from None


def _store(terminal: Terminal, desk: Desk) -> Any:
    return open_own_store(terminal.settings.home, desk.require_member())


def _stands(row: dict[str, Any]) -> str:
    if row["withdrawn_by"]:
        return "withdrawn"
    return "superseded" if row["superseded_by"] else "yes"
