"""Signed orders through the API and the relay: refused at the counter, carried out once, or refused by the chain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hub.chain.codec import encode_call
from hub.chain.connection import Node
from hub.chain.enums import BallotKind, Choice, Role
from hub.chain.keys import LocalSigner, sign_order
from hub.chain.orders import (
    Action,
    BallotOrder,
    Domain,
    LiftOrder,
    OfficerOrder,
    Order,
    PauseOrder,
    PledgeOrder,
    VoteOrder,
    hash_actions,
    order_id,
    typed_data,
)
from hub.errors import ConfigurationWrong, RetryLater
from hub.network.embedded import EmbeddedChain
from hub.relay.outbox import Outbox
from hub.relay.sender import Passed, Relayer, run
from tests.integration.api_world import DAY, HANGZHOU, HEFEI, SHANGHAI, SUZHOU, World, build_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("orders")
    with EmbeddedChain(folder, port=0) as chain, Node(chain.rpc_url, chain.chain_id) as node:
        yield build_world(node, folder)


@pytest.fixture
def relayer(world: World) -> Relayer:
    return Relayer(Outbox(world.writing), world.node, LocalSigner.random(), clock=world.hub.clock)


def body(order: Order, world: World, *signatures: bytes, actions: list[Action] | None = None) -> dict[str, Any]:
    """An order as a wallet's answer would be posted."""
    typed = typed_data(order, world.deployment.domain)
    return {
        "primary_type": typed["primaryType"],
        "message": typed["message"],
        "signatures": ["0x" + signature.hex() for signature in signatures],
        "actions": [{"target": one.target, "data": "0x" + one.data.hex()} for one in actions or []],
    }


def post(world: World, sent: dict[str, Any]) -> Any:
    return world.client.post("/v1/orders", json=sent)


def code_of(answer: Any) -> str:
    return str(answer.json()["type"]).removeprefix("urn:yrdhub:problem:")


def officer_order(world: World, member: int, roles: Role, *, account: str = "", ahead: int = 600) -> OfficerOrder:
    return OfficerOrder(
        member,
        account or LocalSigner.random().address,
        int(roles),
        world.now() + DAY,
        "0x" + world.request(member).hex(),
        world.now() + ahead,
    )


def ballot(world: World, kind: BallotKind = BallotKind.PAUSE) -> tuple[BallotOrder, list[Action]]:
    call = encode_call("Consortium", "pauseByBallot", [2**40 - 1, "0x" + "12" * 32])
    actions = [Action(world.deployment.address("Consortium"), call)]
    order = BallotOrder(
        SHANGHAI,
        int(kind),
        hash_actions(actions),
        "0x" + "34" * 32,
        world.now() + DAY,
        (),
        "0x" + world.request().hex(),
    )
    return order, actions


def signed(world: World, member: int, order: Order) -> bytes:
    return sign_order(world.officers[member], order, world.deployment.domain)


def test_order__queued_sent_and_carried_out__once(world: World, relayer: Relayer) -> None:
    order = officer_order(world, HEFEI, Role.AUDITOR)
    sent = body(order, world, signed(world, HEFEI, order))
    answer = post(world, sent)
    assert answer.status_code == 202
    place = answer.headers["location"]
    assert answer.json()["status"]["code"] == "queued"
    assert answer.json()["signers"] == [world.officers[HEFEI].address]
    assert post(world, sent).status_code == 200
    assert relayer.run_once().carried_out == 1
    done = world.client.get(place).json()
    assert (done["status"]["code"], done["reason"]) == ("carried_out", None)
    assert world.node.receipt(done["tx_hash"]) is not None
    assert relayer.run_once().carried_out == 0
    assert post(world, sent).json()["status"]["code"] == "carried_out"
    world.indexer.follow()
    officers = world.client.get(f"/v1/officers?account={order.account}").json()["items"]
    assert officers[0]["member"] == HEFEI


def test_ballot_and_votes__relayed_by_a_key_without_a_role(world: World, relayer: Relayer) -> None:
    order, actions = ballot(world)
    name = order_id(order, world.deployment.domain)
    assert post(world, body(order, world, signed(world, SHANGHAI, order), actions=actions)).json()["order"] == name
    relayer.run_once()
    for member in (SUZHOU, HANGZHOU):
        vote = VoteOrder(name, member, int(Choice.NO), 1)
        assert post(world, body(vote, world, signed(world, member, vote))).status_code == 202
    assert relayer.run_once().carried_out == 2
    world.indexer.follow()
    found = world.client.get(f"/v1/ballots/{name}").json()
    assert (found["outcome"]["code"], found["tally"]["no"]) == ("voting", 2)


def test_prepared_transaction__anyone_may_send_it_instead(world: World, relayer: Relayer) -> None:
    order = officer_order(world, HEFEI, Role.AUDITOR)
    answer = post(world, body(order, world, signed(world, HEFEI, order))).json()
    transaction = answer["transaction"]
    assert transaction["chain_id"] == world.deployment.chain_id
    assert transaction["to"] == world.deployment.address("Consortium")
    world.node.call(transaction["to"], bytes.fromhex(transaction["data"][2:]))
    world.relay("Consortium", "setOfficer", [order, signed(world, HEFEI, order)])
    assert relayer.run_once().carried_out == 1
    told = world.client.get(f"/v1/orders/{answer['order']}").json()
    assert (told["status"]["code"], told["reason"]) == ("carried_out", None)


def test_ballot_and_vote__somebody_else_was_first__carried_out(world: World, relayer: Relayer) -> None:
    order, actions = ballot(world)
    name = order_id(order, world.deployment.domain)
    signature = signed(world, SHANGHAI, order)
    assert post(world, body(order, world, signature, actions=actions)).status_code == 202
    world.relay("Consortium", "openBallot", [order, actions, signature])
    assert relayer.run_once().carried_out == 1
    vote = VoteOrder(name, SUZHOU, int(Choice.NO), 1)
    other = VoteOrder(name, SUZHOU, int(Choice.YES), 1)
    for one in (vote, other):
        assert post(world, body(one, world, signed(world, SUZHOU, one))).status_code == 202
    world.relay("Consortium", "vote", [vote, signed(world, SUZHOU, vote)])
    assert relayer.run_once().waiting == 2, "the index does not have the vote that stands yet"
    world.indexer.follow()
    passed = relayer.run_once()
    assert (passed.carried_out, passed.refused) == (1, 1)
    of_other = world.client.get(f"/v1/orders/{order_id(other, world.deployment.domain)}").json()
    assert (of_other["status"]["code"], of_other["reason"]["chain_error"]) == ("refused", "RevisionStale")


def test_relay__goes_on_through_trouble_that_somebody_mends(
    world: World, relayer: Relayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    troubles: list[Exception] = [ConfigurationWrong("the node refuses us"), RetryLater("the node is away")]
    passes = []
    run_once = relayer.run_once

    def troubled() -> Passed:
        if troubles:
            raise troubles.pop(0)
        passes.append(run_once())
        return passes[-1]

    monkeypatch.setattr(relayer, "run_once", troubled)
    run(relayer, every=0.01, stop=lambda: bool(passes))
    assert len(passes) == 1


def test_pause__two_signatures_in_one_order(world: World, relayer: Relayer) -> None:
    order = PauseOrder("0x" + "56" * 32, world.now() + 600, "0x" + world.request().hex(), world.now() + 600)
    one, two = signed(world, SHANGHAI, order), signed(world, SUZHOU, order)
    assert code_of(post(world, body(order, world, one))) == "order_malformed"
    assert post(world, body(order, world, one, one)).status_code == 409
    assert post(world, body(order, world, one, two)).status_code == 202
    assert relayer.run_once().carried_out == 1
    world.indexer.follow()
    pause = world.client.get("/v1/rules").json()["pause"]
    assert (pause["standing"], sorted(pause["by"])) == (True, [SHANGHAI, SUZHOU])


def test_lift__placing_and_home_voter(world: World, relayer: Relayer) -> None:
    order = LiftOrder(world.hold, "0x" + world.request(HEFEI).hex(), world.now() + 600)
    hefei, shanghai = signed(world, HEFEI, order), signed(world, SHANGHAI, order)
    assert code_of(post(world, body(order, world, hefei))) == "signature_invalid"
    assert post(world, body(order, world, hefei, shanghai)).status_code == 202
    assert relayer.run_once().carried_out == 1
    world.indexer.follow()
    assert world.client.get(f"/v1/holds/{world.hold}").json()["ended_at"] is not None


def test_signer_without_the_role__refused_before_the_chain_is_asked(world: World) -> None:
    order = officer_order(world, HEFEI, Role.AUDITOR)
    for signer in (world.officers[SUZHOU], world.auditor, LocalSigner.random()):
        answer = post(world, body(order, world, sign_order(signer, order, world.deployment.domain)))
        assert (answer.status_code, code_of(answer)) == (422, "signer_no_officer")


def test_signed_for_another_chain__refused(world: World) -> None:
    order = officer_order(world, HEFEI, Role.AUDITOR)
    elsewhere = Domain(1, world.deployment.domain.consortium)
    answer = post(world, body(order, world, sign_order(world.officers[HEFEI], order, elsewhere)))
    assert code_of(answer) == "signer_no_officer"


def test_order_altered_after_signing__refused(world: World) -> None:
    order = officer_order(world, HEFEI, Role.AUDITOR)
    sent = body(order, world, signed(world, HEFEI, order))
    sent["message"]["roles"] = str(int(Role.VOTER))
    assert code_of(post(world, sent)) == "signer_no_officer"


def test_expired_order__refused(world: World) -> None:
    order = officer_order(world, HEFEI, Role.AUDITOR, ahead=0)
    assert code_of(post(world, body(order, world, signed(world, HEFEI, order)))) == "order_expired"


def test_what_the_chain_would_refuse__refused_with_its_own_reason(world: World) -> None:
    hefei = world.officers[HEFEI]
    order = officer_order(world, HEFEI, Role(0), account=hefei.address)
    answer = post(world, body(order, world, signed(world, HEFEI, order)))
    assert (answer.status_code, code_of(answer)) == (409, "last_voter")
    problem = answer.json()
    assert (problem["chain_error"], problem["arguments"]) == ("LastVoter", {"member": HEFEI})
    identifier = order_id(order, world.deployment.domain)
    assert world.client.get(f"/v1/orders/{identifier}").status_code == 404


def test_older_vote_over_a_newer__refused_by_name(world: World) -> None:
    order, actions = ballot(world)
    name = order_id(order, world.deployment.domain)
    world.relay("Consortium", "openBallot", [order, actions, signed(world, SHANGHAI, order)])
    world.vote(name, SUZHOU, Choice.NO, revision=2)
    world.indexer.follow()
    vote = VoteOrder(name, SUZHOU, int(Choice.YES), 1)
    answer = post(world, body(vote, world, signed(world, SUZHOU, vote)))
    assert (answer.status_code, code_of(answer)) == (409, "revision_stale")


def test_ballot_with_other_actions_than_signed__refused(world: World) -> None:
    order, actions = ballot(world)
    others = [Action(actions[0].target, actions[0].data[:-1] + b"\x13")]
    answer = post(world, body(order, world, signed(world, SHANGHAI, order), actions=others))
    assert code_of(answer) == "actions_differ"


def test_pledge__is_for_the_holders_registrar(world: World) -> None:
    order = PledgeOrder(SHANGHAI, world.series, 1001, 1001, 1002, 2**39, "0x" + "01" * 32, 2**39)
    answer = post(world, body(order, world, signed(world, SHANGHAI, order)))
    assert code_of(answer) == "order_not_relayed"


@pytest.mark.parametrize(
    "change",
    [
        {"primary_type": "NoOrder"},
        {"message": {}},
        {"message": {"ballot": 1, "member": "x", "choice": None, "revision": []}},
        {"message": {"ballot": "0x12", "member": "310000", "choice": "1", "revision": "1"}},
        {"message": {"ballot": "0x" + "12" * 32, "member": "310000", "choice": "1", "revision": str(2**300)}},
        {"signatures": []},
        {"signatures": ["0x12"]},
        {"signatures": ["0x" + "00" * 65]},
        {"actions": [{"target": "0x" + "00" * 20, "data": "0x"}]},
        {"unknown": 1},
    ],
)
def test_malformed_order__refused_with_the_field(world: World, change: dict[str, Any]) -> None:
    vote = VoteOrder(world.ballot, SUZHOU, int(Choice.YES), 9)
    answer = post(world, body(vote, world, signed(world, SUZHOU, vote)) | change)
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert problem.get("field") or problem.get("faults")


def test_refused_while_it_waited__may_be_handed_in_again(world: World, relayer: Relayer) -> None:
    newcomer = LocalSigner.random().address
    adds = officer_order(world, SUZHOU, Role.VOTER, account=newcomer)
    removes = officer_order(world, SUZHOU, Role(0), account=world.officers[SUZHOU].address)
    world.relay("Consortium", "setOfficer", [adds, signed(world, SUZHOU, adds)])
    sent = body(removes, world, signed(world, SUZHOU, removes))
    assert post(world, sent).status_code == 202
    back = officer_order(world, SUZHOU, Role(0), account=newcomer)
    world.relay("Consortium", "setOfficer", [back, signed(world, SUZHOU, back)])
    assert relayer.run_once().refused == 1
    told = world.client.get(f"/v1/orders/{order_id(removes, world.deployment.domain)}").json()
    assert (told["status"]["code"], told["reason"]["chain_error"]) == ("refused", "LastVoter")
    assert post(world, sent).status_code == 409


def test_relay_killed_after_signing__sends_the_same_bytes(world: World, relayer: Relayer) -> None:
    order = officer_order(world, HEFEI, Role.AUDITOR)
    name = post(world, body(order, world, signed(world, HEFEI, order))).json()["order"]
    send_raw = world.node.send_raw

    def killed(raw: bytes) -> str:
        raise KeyboardInterrupt

    world.node.send_raw = killed  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        relayer.run_once()
    world.node.send_raw = send_raw  # type: ignore[method-assign]
    stored = world.client.get(f"/v1/orders/{name}").json()
    assert stored["status"]["code"] == "sent"
    assert relayer.run_once().carried_out == 1
    assert world.client.get(f"/v1/orders/{name}").json()["tx_hash"] == stored["tx_hash"]


def test_unknown_order__not_found(world: World) -> None:
    assert world.client.get("/v1/orders/0x" + "99" * 32).status_code == 404
