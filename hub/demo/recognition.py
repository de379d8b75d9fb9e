"""The demo's ballots: each city signs its vote; nobody is bound who did not say yes; forged votes are refused."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hub.ballot_actions import TermsFor, factor_in_words, in_plain_words, recognise
from hub.bootstrap import StoredDocuments
from hub.chain.enums import Choice, Outcome
from hub.chain.keys import LocalSigner, sign_order
from hub.chain.orders import Action, Domain, VoteOrder, order_id
from hub.demo.cities import CITIES, HANGZHOU, HEFEI, SHANGHAI, SUZHOU, City
from hub.demo.samples import CONVERSION_PPM, methodology_code
from hub.demo.steps import Sheet, Step, expect
from hub.demo.world import World
from hub.errors import ChainRefused
from hub.signing import OrderOnFile, carry_out, sign
from hub.voting import draft_ballot, execute, next_vote
from mutual_recognition.identifiers import Kind, methodology_id, project_id, subject

_VOTING_SECONDS = 3_600
"""How long a demo's ballot stays open at most; it closes as soon as all four have answered."""

_YEARS = 5 * 365 * 86_400
HANGZHOU_PPM = 700_000
"""What Hangzhou counts a Suzhou photovoltaic tonne for. Illustrative."""


@dataclass(frozen=True, slots=True)
class Forgery:
    """A vote that must not count, and the error by which the chain refused it."""

    what: str
    refusal: ChainRefused


def methodology_subject(city: City) -> bytes:
    """The city's photovoltaic methodology, as a subject of recognition."""
    return subject(Kind.METHODOLOGY, methodology_id(city.member, city.registry, methodology_code(city), "V1"))


def project_subject(city: City, native_id: str) -> bytes:
    """A project of the city, as a subject of recognition."""
    return subject(Kind.PROJECT, project_id(city.member, city.registry, native_id))


def recognise_methodologies(world: World) -> Step:
    """Both photovoltaic methodologies, on terms that differ by member; Hefei says no to both."""
    factors = {
        SHANGHAI: {SUZHOU: 1_000_000, HANGZHOU: 1_000_000, HEFEI: 1_000_000},
        SUZHOU: {SHANGHAI: CONVERSION_PPM, HANGZHOU: HANGZHOU_PPM, HEFEI: 1_000_000},
    }
    votes = {city: Choice.NO if city is HEFEI else Choice.YES for city in CITIES}
    lines: list[str] = []
    ballots: list[dict[str, object]] = []
    forged: list[Forgery] = []
    for home, by_member in factors.items():
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
        lines.append(
            f"{home.title}'s {methodology_code(home)}, put to the vote at {told}: {ayes} yes, Hefei no: it passes, and "
            "binds those who said yes"
        )
        lines.append(f"  ballot {ballot}")
    sheet = Sheet(
        "Votes that must not count, and what the chain said",
        ("vote", "refused by", "in words"),
        tuple((one.what, one.refusal.error, one.refusal.message) for one in forged),
    )
    data = {
        "ballots": ballots,
        "forged_votes": {one.what: one.refusal.to_json() for one in forged},
        "factors_ppm": {
            h.title: {m.title: ppm for m, ppm in by.items() if m is not HEFEI} for h, by in factors.items()
        },
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
        f"({factor_in_words(CONVERSION_PPM)}, the methodology's)",
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
            forged.append(_refused(world, "yes, changed to no on its way", altered, courier))
            stranger = sign(world.key(HANGZHOU, "voter"), vote, deployment)
            forged.append(_refused(world, f"{city.title}'s, signed by Hangzhou's voter", stranger, courier))
            elsewhere = _signed_for_another_chain(world, vote, city)
            forged.append(_refused(world, "signed for another chain", elsewhere, courier))
        carry_out(signed, node, deployment, courier)
        if forge and number == 0:
            again = sign(world.key(city, "voter"), replace(vote, revision=2), deployment)
            carry_out(again, node, deployment, courier)
            forged.append(_refused(world, "an older one, replayed over a newer", signed, courier))
    outcome = Outcome(deployment.read(node, "Consortium", "outcome", [ballot]))
    expect(outcome is Outcome.EXECUTABLE, "a ballot that all four answered to be executable at once", outcome.name)
    if forge:
        late = next_vote(node, deployment, ballot, HEFEI.member, Choice.YES)
        forged.append(_refused(world, "after the close", sign(world.key(HEFEI, "voter"), late, deployment), courier))
    execute(node, deployment, courier, ballot, actions)
    world.index.indexer.follow()
    return ballot, forged


def _refused(world: World, what: str, signed: OrderOnFile, courier: LocalSigner) -> Forgery:
    try:
        carry_out(signed, world.node, world.deployment, courier)
    except ChainRefused as refused:
        return Forgery(what, refused)
    expect(False, f"the chain to refuse a vote: {what}", signed.order)
    raise AssertionError


def _signed_for_another_chain(world: World, vote: VoteOrder, city: City) -> OrderOnFile:
    elsewhere = Domain(world.deployment.chain_id + 1, world.deployment.domain.consortium)
    return OrderOnFile(vote, (sign_order(world.key(city, "voter"), vote, elsewhere),))
