"""`yrdhub ballot open`: putting something to the vote. Each command says one kind of thing, decided by its own rule."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from sqlalchemy import Connection

from hub.ballot_actions import action, in_plain_words, recognise
from hub.bootstrap import OpenIndex, StoredDocuments
from hub.chain.constitution import Constitution
from hub.chain.enums import BallotKind, MemberKind, RevocationEffect, Role
from hub.chain.orders import Action, order_id
from hub.commands.acting import (
    Hub,
    Key,
    Member,
    Out,
    Show,
    deliver,
    member_of_order,
    seconds,
    show_order,
    signer_of,
    with_options_of,
    writing,
)
from hub.commands.words import day, founding_officer, hash32, read_terms, terms_of, word
from hub.errors import ConfigurationWrong, RecordRefused
from hub.naming import Named, resolve, subject_of, title_of
from hub.signing import sign
from hub.terminal import Terminal
from hub.voting import DraftBallot, draft_ballot

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Put something to the vote.")

Actions = Callable[[OpenIndex, Connection], list[Action]]
Methodology = Annotated[str | None, typer.Option("--methodology", help="Number, code, title or id of a methodology")]
Project = Annotated[str | None, typer.Option("--project", help="Number, title or id of a project")]
Evidence = Annotated[str, typer.Option("--evidence", help="SHA-256 of the document that shows why (0x-hex)")]


def opened(
    command: Callable[..., Actions],
    own: dict[str, Any],
    context: typer.Context,
    title: Annotated[str, typer.Option("--title", help="What the ballot is called in its document")] = "",
    reasons: Annotated[str, typer.Option("--reasons", help="Why, in its document")] = "",
    voting: Annotated[str, typer.Option("--voting", help="How long votes are taken: 90s, 30m, 12h, 7d")] = "7d",
    invite: Annotated[list[int] | None, typer.Option("--invite", help="Associate members asked for consent")] = None,
    member: Member = None,
    key: Key = None,
    out: Out = None,
    hub: Hub = None,
    show: Show = False,
) -> None:
    """Builds the ballot that `command` describes, and shows it, or signs and delivers it."""
    terminal = Terminal.of(context)
    actions_for = command(**own)
    with writing(terminal) as index, index.reader.connect() as connection:

        def name(identifier: str) -> str:
            return title_of(connection, identifier)

        actions = actions_for(index, connection)
        signer = None
        if show:
            acting_for = member_of_order(terminal, index, Role.VOTER, member, key)
        else:
            signer, acting_for = signer_of(terminal, index, Role.VOTER, member, key)
        words = in_plain_words(index.deployment, actions, name)
        draft = draft_ballot(
            index.node,
            index.deployment,
            acting_for,
            actions,
            title=title or words[0][:200],
            reasons=reasons,
            voting_seconds=seconds(voting, "--voting"),
            invited=invite or (),
            name=name,
        )
        if signer is None:
            show_order(terminal, index, draft.order, words)
            return
        told = deliver(terminal, index, sign(signer, draft.order, index.deployment, actions), signer, out=out, hub=hub)
        told |= {"ballot": order_id(draft.order, index.deployment.domain), "does": words}
        told["document"] = _share(terminal, index, draft)
    terminal.answer(
        told,
        *(f"[dim]to be voted:[/dim] {escape(line)}" for line in words),
        f"ballot {told['ballot']} (its digest: compare it with your second device)",
        f"its document: {told['document']['where']}",
        *(
            [f"written to {told['file']}; anyone may send it: yrdhub ballot send {told['file']}"]
            if "file" in told
            else []
        ),
    )


def _share(terminal: Terminal, index: OpenIndex, draft: DraftBallot) -> dict[str, str]:
    """Seals the ballot's document with the registrar's key where this home has it; else leaves it in a file."""
    digest = "0x" + draft.document.digest().hex()
    try:
        registrar, member = signer_of(terminal, index, Role.REGISTRAR, draft.order.proposer, None)
    except ConfigurationWrong:
        file = terminal.settings.home / "documents" / f"ballot-{digest[2:18]}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(draft.document.canonical())
        return {"digest": digest, "where": f"{file} (no registrar's key here to seal it: have it delivered)"}
    StoredDocuments(index, registrar, member).deliver([(draft.document.digest(), draft.document.canonical())])
    return {"digest": digest, "where": f"{digest}, sealed by your registrar and kept for all members"}


opens = with_options_of(opened)


@app.command("recognise")
@opens
def open_recognise(
    methodology: Methodology = None,
    project: Project = None,
    by: Annotated[
        list[int] | None, typer.Option("--by", help="Member that would recognise it; may be repeated")
    ] = None,
    factor: Annotated[str, typer.Option("--factor", help="What a tonne counts for there, at most 1")] = "1",
    uses: Annotated[
        str, typer.Option("--uses", help="all, or purposes with commas: voluntary,event_neutrality")
    ] = "all",
    since: Annotated[str | None, typer.Option("--from", help="First day (UTC+8) (default: now)")] = None,
    until: Annotated[
        str, typer.Option("--until", help="Day from which nothing enters any more (UTC+8)")
    ] = "2031-01-01",
    cap_kg: Annotated[int | None, typer.Option("--cap-kg", min=1, help="kg that may arrive in a calendar year")] = None,
    every_project: Annotated[
        bool, typer.Option("--every-project/--each-project", help="Cover every project under the methodology, or none")
    ] = False,
    terms: Annotated[
        Path | None,
        typer.Option("--terms", help="JSON list of terms that differ by member", exists=True, dir_okay=False),
    ] = None,
) -> Actions:
    """Recognise a methodology or project, on terms by member. It binds only those members that vote yes.

    --terms takes a list such as [{"member": 320500, "factor": "0.545454", "uses": "all", "from": "2026-01-01",
    "until": "2031-01-01", "cap_kg": 500000, "every_project": true}]; what is left out is as the options say.
    """
    given: dict[str, Any] = {
        "factor": factor,
        "uses": uses,
        "from": since,
        "until": until,
        "cap_kg": cap_kg,
        "every_project": every_project,
    }
    entries = [{"member": one} for one in by or ()] + (read_terms(terms) if terms else [])
    if not entries:
        raise RecordRefused(
            "nobody would recognise it", code="terms_missing", field="--by", remedy="name members with --by or --terms"
        )
    parsed = [terms_of(given | entry, f"{terms or 'options'}, entry {n}") for n, entry in enumerate(entries, start=1)]

    def build(index: OpenIndex, connection: Connection) -> list[Action]:
        return [recognise(index.deployment, _subject(connection, methodology, project), parsed)]

    return build


@app.command("suspend")
@opens
def open_suspend(
    methodology: Methodology = None,
    project: Project = None,
    recognition_of: Annotated[
        int | None, typer.Option("--recognition-of", help="Suspend only this member's recognition of it")
    ] = None,
) -> Actions:
    """Suspend a methodology, a project, or one member's recognition of it, until a ballot lifts it."""
    return _status("suspend", methodology, project, recognition_of)


@app.command("lift")
@opens
def open_lift(
    methodology: Methodology = None,
    project: Project = None,
    recognition_of: Annotated[
        int | None, typer.Option("--recognition-of", help="Lift only this member's recognition of it")
    ] = None,
) -> Actions:
    """Lift a suspension: the status it had before comes back."""
    return _status("lift", methodology, project, recognition_of)


@app.command("revoke")
@opens
def open_revoke(
    recognition_of: Annotated[int, typer.Option("--recognition-of", help="Whose recognition ends")],
    methodology: Methodology = None,
    project: Project = None,
    effect: Annotated[
        str, typer.Option("--effect", help="Credits already there: usable, return_only or frozen")
    ] = "return_only",
) -> Actions:
    """Revoke a member's recognition, and say what that means for credits already there."""
    meaning = word(RevocationEffect, effect, "--effect")

    def build(index: OpenIndex, connection: Connection) -> list[Action]:
        subject = _subject(connection, methodology, project)
        return [action(index.deployment, "Recognition", "revoke", [subject, recognition_of, int(meaning)])]

    return build


@app.command("admit")
@opens
def open_admit(
    code: Annotated[int, typer.Option("--code", help="GB/T 2260 code, or a programme's number from 1000001 on")],
    kind: Annotated[str, typer.Option("--kind", help="full, associate or programme")],
    officer: Annotated[list[str], typer.Option("--officer", help="ADDRESS=ROLE+ROLE@YYYY-MM-DD; may be repeated")],
    parent: Annotated[int, typer.Option("--parent", help="Code of the province a city names")] = 0,
) -> Actions:
    """Admit a member with its first officers."""
    officers = [founding_officer(text) for text in officer]
    of_kind = word(MemberKind, kind, "--kind")

    def build(index: OpenIndex, _: Connection) -> list[Action]:
        return [action(index.deployment, "Consortium", "admit", [code, int(of_kind), parent, officers])]

    return build


@app.command("expel")
@opens
def open_expel(
    code: Annotated[int, typer.Option("--code", help="The member that is to go")],
) -> Actions:
    """Expel a member: its keys stop, its credits elsewhere keep their terms, nothing new enters."""
    return lambda index, _: [action(index.deployment, "Consortium", "expel", [code])]


@app.command("cancel")
@opens
def open_cancel(
    series: Annotated[str, typer.Option("--series", help="Code or id of the series")],
    block: Annotated[int, typer.Option("--block", min=1, help="First serial of the unit block")],
    first: Annotated[int, typer.Option("--first", min=1, help="First serial to cancel")],
    last: Annotated[int, typer.Option("--last", min=1, help="Last serial to cancel")],
    evidence: Evidence,
) -> Actions:
    """Cancel serials, wherever they are held: final, and recorded under the ballot."""

    def build(index: OpenIndex, connection: Connection) -> list[Action]:
        found = resolve(connection, "series", series)
        arguments = [found.id, block, first, last, hash32(evidence, "--evidence")]
        return [action(index.deployment, "CreditLedger", "cancelByBallot", arguments)]

    return build


@app.command("lift-hold")
@opens
def open_lift_hold(
    hold: Annotated[str, typer.Option("--hold", help="The hold's id (0x-hex)")],
) -> Actions:
    """Lift a hold, whoever placed it."""

    return lambda index, _: [
        action(index.deployment, "Holds", "liftByBallot", [hash32(hold, "--hold"), "0x" + secrets.token_hex(32)])
    ]


@app.command("pause")
@opens
def open_pause(
    until: Annotated[str | None, typer.Option("--until", help="Day (UTC+8) (default: until a ballot ends it)")] = None,
    evidence: Evidence = "0x" + "00" * 32,
) -> Actions:
    """Stop all registrars' writes."""
    end = 2**40 - 1 if until is None else day(until, "--until")
    return lambda index, _: [
        action(index.deployment, "Consortium", "pauseByBallot", [end, hash32(evidence, "--evidence")])
    ]


@app.command("end-pause")
@opens
def open_end_pause() -> Actions:
    """End a pause."""
    return lambda index, _: [action(index.deployment, "Consortium", "endPause", [])]


@app.command("rules")
@opens
def open_rules(
    constitution: Annotated[
        Path, typer.Option("--like", help="Constitution file whose rules are wanted", exists=True, dir_okay=False)
    ],
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="Rule of these ballot kinds; may be repeated")
    ] = None,
    transfers: Annotated[bool, typer.Option("--transfers", help="The rules of transfers")] = False,
    pause: Annotated[bool, typer.Option("--pause-rule", help="The bounds of a pause without a ballot")] = False,
) -> Actions:
    """Change rules to those of a constitution file, in the form that `yrdhub deploy` takes."""
    wanted = Constitution.load(constitution)
    kinds = [word(BallotKind, one, "--kind") for one in kind or ()]

    def build(index: OpenIndex, _: Connection) -> list[Action]:
        rules = {BallotKind[name.upper()]: rule for name, rule in wanted.rules.items()}
        calls: list[tuple[str, str, list[Any]]] = []
        for one in kinds:
            calls.append(("Consortium", "setRule", [int(one), rules[one]]))
        if transfers:
            calls.append(("CreditLedger", "setTransferRules", [wanted.transfers]))
        if pause:
            calls.append(("Consortium", "setPauseRule", [wanted.pause]))
        return [action(index.deployment, *call) for call in calls]

    return build


@app.command("call")
@opens
def open_call(
    function: Annotated[str, typer.Option("--function", help="REGISTER.function; see `yrdhub ballot kinds`")],
    arguments: Annotated[str, typer.Option("--arguments", help="Its arguments, as a JSON list or object")] = "[]",
) -> Actions:
    """Anything else that ballots may call: restoreOfficers, upgradeToAndCall, setAllowedCall, placeByBallot ..."""
    register, _, name = function.partition(".")
    try:
        values = json.loads(arguments)
    except ValueError as unreadable:
        raise RecordRefused(
            f"the arguments are no JSON: {unreadable}", code="arguments_invalid", field="--arguments", value=arguments
        ) from unreadable

    def build(index: OpenIndex, _: Connection) -> list[Action]:
        try:
            return [action(index.deployment, register, name, values)]
        except LookupError as unknown:
            raise RecordRefused(
                str(unknown), code="function_unknown", field="--function", value=function, remedy="yrdhub ballot kinds"
            ) from unknown

    return build


def _status(verb: str, methodology: str | None, project: str | None, recognition_of: int | None) -> Actions:
    def build(index: OpenIndex, connection: Connection) -> list[Action]:
        if recognition_of is not None:
            subject = _subject(connection, methodology, project)
            return [action(index.deployment, "Recognition", verb, [subject, recognition_of])]
        kind, text = _which(methodology, project)
        register = "Methodologies" if kind == "methodology" else "Projects"
        return [action(index.deployment, register, verb, [resolve(connection, kind, text).id])]

    return build


def _which(methodology: str | None, project: str | None) -> tuple[Named, str]:
    if (methodology is None) == (project is None):
        raise RecordRefused(
            "a ballot speaks of a methodology or of a project",
            code="subject_missing",
            field="--methodology",
            remedy="name one of the two",
        )
    return ("methodology", methodology) if methodology is not None else ("project", project or "")


def _subject(connection: Connection, methodology: str | None, project: str | None) -> bytes:
    kind, text = _which(methodology, project)
    return subject_of(kind, resolve(connection, kind, text))
