"""The demo's ballots: each city signs its vote; nobody is bound who did not say yes; forged votes are refused."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from hub.ballot_actions import TermsFor, factor_in_words, in_plain_words, recognise
from hub.bootstrap import StoredDocuments
from hub.chain.enums import Choice, Outcome
from hub.chain.keys import LocalSigner, sign_order
from hub.chain.orders import Action, Domain, VoteOrder, order_id
from hub.demo.cities import CITIES, HANGZHOU, HEFEI, SHANGHAI, SUZHOU, City
from hub.demo.reverted import Reverted, send_to_be_refused
from hub.demo.samples import conversion_ppm, methodology_code
from hub.demo.steps import Sheet, Step, expect
from hub.demo.world import World
from hub.signing import OrderOnFile, carry_out, sign
from hub.voting import draft_ballot, execute, next_vote
from mutual_recognition.identifiers import Kind, methodology_id, project_id, subject

_VOTING_SECONDS = 3_600
"""How long a demo's ballot stays open at most; it closes as soon as all four have answered."""

_YEARS = 5 * 365 * 86_400

Forgery = tuple[str, Reverted]
"""A vote that must not count, and what became of it on the chain."""


def methodology_subject(city: City) -> bytes:
    """The city's photovoltaic methodology, as a subject of recognition."""
    return subject(Kind.METHODOLOGY, methodology_id(city.member, city.registry, methodology_code(city), "V1"))


def project_subject(city: City, native_id: str) -> bytes:
    """A project of the city, as a subject of recognition."""
    return subject(Kind.PROJECT, project_id(city.member, city.registry, native_id))


def recognise_methodologies(world: World) -> Step:
    """All photovoltaic methodologies, on terms that differ by member; Hefei says no to two of them."""
    lines: list[str] = []
    ballots: list[dict[str, object]] = []
    forged: list[Forgery] = []
    factors = {
        home: {member: conversion_ppm(home, member) for member in CITIES if member is not home} for home in CITIES
    }
    for home, by_member in factors.items():
        refusing = home in (SHANGHAI, SUZHOU)
        votes = {city: Choice.NO if city is HEFEI and refusing else Choice.YES for city in CITIES}
        # Shanghai wants to see each Suzhou project before it recognises it; the others take every project
        terms = [
            terms_for(member, ppm, every_project=not (home is SUZHOU and member is SHANGHAI))
            for member, ppm in by_member.items()
        ]
        actions = [recognise(world.deployment, methodology_subject(home), terms)]
        title = f"Recognition of {methodology_code(home)} V1 of {home.title} (illustrative)"
        ballot, refused = pass_ballot(world, home, actions, title, votes, forge=not forged)
        forged += refused
        ballots.append({"ballot": ballot, "title": title, "document_says": in_plain_words(world.deployment, actions)})
        told = ", ".join(f"{member.title} {factor_in_words(ppm)}" for member, ppm in by_member.items())
        ayes = sum(1 for choice in votes.values() if choice is Choice.YES)
        outcome = "3 yes, Hefei no: it passes, and binds those who said yes" if refusing else f"{ayes} yes"
        lines.append(f"{home.title}'s {methodology_code(home)}, put to the vote at {told}: {outcome}")
        lines.append(f"  ballot {ballot}")
    lines.append(
        "the factor is the destination's own for the same kilowatt-hours; votes that must not count are reverted"
    )
    sheet = Sheet(
        "Votes that must not count, and what the chain said",
        ("vote", "block", "refused by", "in words"),
        tuple((what, f"{one.block}", one.refusal.error, one.refusal.message) for what, one in forged),
    )
    bound = {
        home.title: {member.title: ppm for member, ppm in by.items() if member is not HEFEI or home is HANGZHOU}
        for home, by in factors.items()
    }
    data = {
        "ballots": ballots,
        "forged_votes": {what: one.to_json() for what, one in forged},
        "factors_ppm": bound,
    }
    return Step("recognition", "Voted: who recognises whose methodology, on which terms", tuple(lines), (sheet,), data)


def recognise_project(world: World, native_id: str) -> Step:
    """One Suzhou project, by Shanghai, which had not taken every project of the methodology."""
    actions = [
        recognise(world.deployment, project_subject(SUZHOU, native_id), [terms_for(SHANGHAI, 1_000_000)]),
    ]
    title = f"Recognition of Suzhou's project {native_id} by Shanghai (illustrative)"
    votes = {city: Choice.ABSTAIN if city is HEFEI else Choice.YES for city in CITIES}
    ballot, _ = pass_ballot(world, SHANGHAI, actions, title, votes)
    lines = (
        f"Shanghai recognises {native_id} of Suzhou; the lowest factor of all standing terms applies "
        f"({factor_in_words(conversion_ppm(SUZHOU, SHANGHAI))}, the methodology's)",
        f"  ballot {ballot}",
    )
    return Step("project_recognition", "Voted: a project", lines, data={"ballot": ballot, "project": native_id})


def terms_for(member: City, ppm: int, *, every_project: bool = False) -> TermsFor:
    """Five years from yesterday, every use, no cap. Illustrative."""
    since = int(time.time()) - 86_400
    return TermsFor(member.member, ppm, since, since + _YEARS, covers_every_project=every_project)


def pass_ballot(
    world: World,
    proposer: City,
    actions: Sequence[Action],
    title: str,
    votes: Mapping[City, Choice],
    *,
    forge: bool = False,
) -> tuple[str, list[Forgery]]:
    """Opens a ballot, has every city vote, carries it out. With `forge`, also tries votes that must not count."""
    node, deployment = world.node, world.deployment
    draft = draft_ballot(node, deployment, proposer.member, actions, title=title, voting_seconds=_VOTING_SECONDS)
    documents = StoredDocuments(world.index, world.key(proposer, "registrar"), proposer.member)
    documents.deliver([(draft.document.digest(), draft.document.canonical())])
    courier = LocalSigner.random()  # relays what others signed, and is nobody to the chain
    carry_out(sign(world.key(proposer, "voter"), draft.order, deployment, actions), node, deployment, courier)
    ballot = order_id(draft.order, deployment.domain)
    forged: list[Forgery] = []
    for number, (city, choice) in enumerate(votes.items()):
        vote = next_vote(node, deployment, ballot, city.member, choice)
        signed = sign(world.key(city, "voter"), vote, deployment)
        if forge and number == 0:
            altered = replace(signed, order=replace(vote, choice=int(Choice.NO)))
            forged.append(_refused(world, "yes, changed to no on its way", altered, "NotOfficer"))
            stranger = sign(world.key(HANGZHOU, "voter"), vote, deployment)
            forged.append(_refused(world, f"{city.title}'s, signed by Hangzhou's voter", stranger, "NotOfficer"))
            elsewhere = _signed_for_another_chain(world, vote, city)
            forged.append(_refused(world, "signed for another chain", elsewhere, "NotOfficer"))
        carry_out(signed, node, deployment, courier)
        if forge and number == 0:
            again = sign(world.key(city, "voter"), replace(vote, revision=2), deployment)
            carry_out(again, node, deployment, courier)
            forged.append(_refused(world, "an older one, replayed over a newer", signed, "RevisionStale"))
    outcome = Outcome(deployment.read(node, "Consortium", "outcome", [ballot]))
    expect(outcome is Outcome.EXECUTABLE, "a ballot that all four answered to be executable at once", outcome.name)
    if forge:
        late = next_vote(node, deployment, ballot, HEFEI.member, Choice.YES)
        signed = sign(world.key(HEFEI, "voter"), late, deployment)
        forged.append(_refused(world, "after the close", signed, "BallotClosed"))
    execute(node, deployment, courier, ballot, actions)
    world.index.indexer.follow()
    return ballot, forged


def _refused(world: World, what: str, signed: OrderOnFile, error: str) -> Forgery:
    call = signed.call(world.deployment)
    reverted = send_to_be_refused(
        world.node,
        world.deployment,
        LocalSigner.random(),
        call.target,
        call.calldata,
        error=error,
        what=f"a vote, {what}",
    )
    return what, reverted


def _signed_for_another_chain(world: World, vote: VoteOrder, city: City) -> OrderOnFile:
    elsewhere = Domain(world.deployment.chain_id + 1, world.deployment.domain.consortium)
    return OrderOnFile(vote, (sign_order(world.key(city, "voter"), vote, elsewhere),))
