"""The chain client against the real anvil and the real registers: deploy, sign, send, be refused, follow a fork."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from hub.chain.artifacts import load
from hub.chain.codec import encode_batch, encode_call
from hub.chain.connection import Node, NonceTaken
from hub.chain.constitution import ALLOWED_CALLS, Constitution
from hub.chain.deployment import IMPLEMENTATION_SLOT, Deployment, deploy, deploy_once, verify
from hub.chain.enums import BallotKind, Choice, Outcome, Role
from hub.chain.events import ChainEvent, decode
from hub.chain.follow import Reorganised, find_common, ranges
from hub.chain.keys import LocalSigner, Strength, import_key, sign_order
from hub.chain.orders import Action, BallotOrder, HoldOrder, OfficerOrder, VoteOrder, hash_actions, order_id
from hub.chain.sending import next_nonce, prepare, send, simulate, wait_receipt
from hub.cli import run
from hub.errors import ChainRefused, ConfigurationWrong, RetryLater, StopAndTell
from hub.network.embedded import EmbeddedChain
from mutual_recognition.identifiers import native_key, request_id, series_id

DAY = 86_400
SHANGHAI, SUZHOU, HANGZHOU = 310000, 320500, 330100
REGISTRY = "illustrative"


def rule(delay: int) -> dict[str, int]:
    return {
        "quorum_ppm": 500_000,
        "approval_ppm": 500_001,
        "min_voting": 60,
        "max_voting": 30 * DAY,
        "delay": delay,
        "execute_within": 14 * DAY,
    }


def founding(officers: dict[int, LocalSigner]) -> dict[str, Any]:
    """A constitution of three cities, each with one key for everything."""
    waits = {BallotKind.OFFICERS, BallotKind.RULES, BallotKind.UPGRADE}
    return {
        "members": [
            {
                "member": member,
                "kind": "full",
                "officers": [
                    {
                        "account": signer.address,
                        "roles": ["voter", "registrar"],
                        "valid_until": "2036-01-01T00:00:00+08:00",
                    }
                ],
            }
            for member, signer in officers.items()
        ],
        "rules": {kind.name.lower(): rule(DAY if kind in waits else 0) for kind in BallotKind},
        "pause": {"max_duration": DAY, "cooldown": 2 * DAY},
        "transfers": {
            "new_counterparty_wait": 0,
            "min_lifetime": 60,
            "max_lifetime": 30 * DAY,
            "cosign_above_kg": 1_000_000,
        },
    }


@dataclass
class Hub:
    """A deployed hub with the keys of its members."""

    node: Node
    deployment: Deployment
    officers: dict[int, LocalSigner]

    def send(self, signer: LocalSigner, register: str, function: str, args: Any) -> list[ChainEvent]:
        receipt = send(signer, self.node, self.deployment.address(register), encode_call(register, function, args))
        return [decode(log, self.deployment) for log in receipt.logs]

    def now(self) -> int:
        return self.node.head().timestamp


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedChain]:
    with EmbeddedChain(tmp_path_factory.mktemp("chain"), port=0, keep_history=True) as chain:
        yield chain


@pytest.fixture
def node(chain: EmbeddedChain) -> Iterator[Node]:
    with Node(chain.rpc_url, chain.chain_id) as node:
        yield node


@pytest.fixture
def hub(node: Node) -> Hub:
    officers = {member: LocalSigner.random() for member in (SHANGHAI, SUZHOU, HANGZHOU)}
    constitution = Constitution.model_validate(founding(officers))
    return Hub(node, deploy(node, LocalSigner.random(), constitution), officers)


def series_call(member: int, code: str, kg: int = 1000) -> bytes:
    return encode_call(
        "CreditLedger",
        "registerSeries",
        [member, native_key(REGISTRY, code), kg, request_id(member, REGISTRY, code, "register", 1)],
    )


# -------------------------------------------------------------------- deployment


def test_deployment__registers_stand_as_the_constitution_says(hub: Hub) -> None:
    read = hub.deployment.read
    assert read(hub.node, "Consortium", "domainSeparator") == "0x" + hub.deployment.domain.separator().hex()
    assert sorted(read(hub.node, "Consortium", "members")) == [SHANGHAI, SUZHOU, HANGZHOU]
    for member, signer in hub.officers.items():
        officer = read(hub.node, "Consortium", "getOfficer", [signer.address])
        assert (officer["member"], officer["roles"]) == (member, Role.VOTER | Role.REGISTRAR)
    for kind, calls in ALLOWED_CALLS.items():
        for register, function in calls:
            asked = [hub.deployment.address(register), load(register).function(function).selector]
            assert read(hub.node, "Consortium", "kindOfCall", asked) == {"allowed": True, "kind": kind}
    assert read(hub.node, "CreditLedger", "getTransferRules")["cosignAboveKg"] == 1_000_000
    assert not read(hub.node, "Consortium", "isOfficer", [SHANGHAI, Role.VOTER, hub.deployment.deployer])


def test_deployment_file__the_same_after_a_round_trip_and_never_replaced(hub: Hub, tmp_path: Path) -> None:
    file = tmp_path / "deployment.json"
    hub.deployment.save(file)
    assert Deployment.load(file) == hub.deployment
    with pytest.raises(ConfigurationWrong) as refused:
        hub.deployment.save(file)
    assert refused.value.code == "deployment_exists"


def test_constitution_that_the_chain_refuses__its_reason_and_a_clean_home(node: Node, tmp_path: Path) -> None:
    content = founding({SHANGHAI: LocalSigner.random()})
    file = tmp_path / "deployment.json"
    wrong = content | {"rules": content["rules"] | {"upgrade": rule(0)}}
    with pytest.raises(ChainRefused, match="rule for ballots of the kind upgrade") as refused:
        deploy_once(file, node, LocalSigner.random(), Constitution.model_validate(wrong))
    assert refused.value.error == "RuleInvalid"
    assert not list(tmp_path.iterdir())
    deployment = deploy_once(file, node, LocalSigner.random(), Constitution.model_validate(content))
    assert Deployment.load(file) == deployment


def test_deployment_that_ended_halfway__refused_until_removed(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    constitution = Constitution.model_validate(founding({SHANGHAI: LocalSigner.random()}))
    file = tmp_path / "deployment.json"
    signer = LocalSigner.random()

    def killed(step: str, done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deploy_once(file, node, signer, constitution, killed)
    attempts: list[Callable[[], Deployment]] = [
        lambda: deploy_once(file, node, signer, constitution),
        lambda: Deployment.load(file),
    ]
    for attempt in attempts:
        with pytest.raises(ConfigurationWrong) as refused:
            attempt()
        assert refused.value.code == "deployment_half_done"
        assert "deployment.json.unfinished" in str(refused.value)
    (tmp_path / "deployment.json.unfinished").unlink()
    assert deploy_once(file, node, signer, constitution).deployer == signer.address


def test_code_changed_on_the_chain__verify_names_the_register(hub: Hub) -> None:
    implementation = hub.deployment.implementations["Projects"]
    code = hub.node.code(implementation)
    for changed in (code[:-1], code[:-1] + bytes([code[-1] ^ 1])):
        hub.node.rpc.call("anvil_setCode", implementation, "0x" + changed.hex())
        with pytest.raises(StopAndTell, match="Projects on the chain") as stopped:
            verify(hub.node, hub.deployment)
        assert stopped.value.code == "code_differs"
    hub.node.rpc.call("anvil_setCode", implementation, "0x" + code.hex())
    verify(hub.node, hub.deployment)


def test_immutable_changed_on_the_chain__verify_notices(hub: Hub) -> None:
    implementation = hub.deployment.implementations["CreditLedger"]
    code = hub.node.code(implementation)
    holds, projects = (bytes.fromhex(hub.deployment.address(name)[2:]) for name in ("Holds", "Projects"))
    assert holds in code
    hub.node.rpc.call("anvil_setCode", implementation, "0x" + code.replace(holds, projects).hex())
    with pytest.raises(StopAndTell, match="CreditLedger on the chain"):
        verify(hub.node, hub.deployment)


def test_proxy_that_points_elsewhere__verify_notices(hub: Hub) -> None:
    slot = hex(IMPLEMENTATION_SLOT)
    other = hub.deployment.implementations["Projects"][2:].rjust(64, "0")
    hub.node.rpc.call("anvil_setStorageAt", hub.deployment.address("Holds"), slot, "0x" + other)
    with pytest.raises(StopAndTell, match=r"Holds on the chain .* its proxy points to"):
        verify(hub.node, hub.deployment)


@pytest.mark.parametrize("change", [{"chain_id": 5}, {"genesis_hash": "0x" + "00" * 32}])
def test_another_chain__stops(hub: Hub, change: dict[str, Any]) -> None:
    hub.deployment.check(hub.node)
    with pytest.raises(StopAndTell) as stopped:
        replace(hub.deployment, **change).check(hub.node)
    assert stopped.value.code == "another_chain"


# -------------------------------------------------------------------- sending


def test_batch__one_transaction_every_event_in_order(hub: Hub) -> None:
    calls = [series_call(SHANGHAI, f"S{number}") for number in range(5)]
    receipt = send(hub.officers[SHANGHAI], hub.node, hub.deployment.address("CreditLedger"), encode_batch(calls))
    events = [decode(log, hub.deployment) for log in receipt.logs]
    assert [event.name for event in events] == ["SeriesRegistered"] * 5
    wanted = ["0x" + series_id(SHANGHAI, REGISTRY, f"S{number}").hex() for number in range(5)]
    assert [event.args["series"] for event in events] == wanted
    found = hub.deployment.read(hub.node, "CreditLedger", "getSeries", [wanted[0]])
    assert found == {"kgPerSerial": 1000, "head": 0}


def test_batch_with_a_bad_record__refused_before_sending_with_its_place(hub: Hub) -> None:
    calls = [series_call(SHANGHAI, "A"), series_call(SHANGHAI, "B"), series_call(SHANGHAI, "C", kg=7)]
    nonce = hub.node.nonce(hub.officers[SHANGHAI].address)
    with pytest.raises(ChainRefused, match="1 or 1000 kgCO2e, not 7") as refused:
        send(hub.officers[SHANGHAI], hub.node, hub.deployment.address("CreditLedger"), encode_batch(calls))
    assert (refused.value.error, refused.value.record_index) == ("SeriesInvalid", 2)
    assert hub.node.nonce(hub.officers[SHANGHAI].address) == nonce


def test_another_members_key__refused_by_name(hub: Hub) -> None:
    suzhou = hub.officers[SUZHOU].address
    with pytest.raises(ChainRefused) as refused:
        simulate(hub.node, suzhou, hub.deployment.address("CreditLedger"), series_call(SHANGHAI, "A"))
    assert refused.value.error == "NotOfficer"
    assert refused.value.arguments == {"account": suzhou, "member": SHANGHAI, "role": Role.REGISTRAR}


def test_same_bytes_sent_again__same_hash_one_effect(hub: Hub) -> None:
    signer, ledger = hub.officers[SHANGHAI], hub.deployment.address("CreditLedger")
    nonce = next_nonce(hub.node, signer.address)
    transaction = prepare(
        signer, ledger, series_call(SHANGHAI, "A"), nonce=nonce, chain_id=hub.node.chain_id, gas_price=0
    )
    assert hub.node.send_raw(transaction.raw) == transaction.hash
    assert wait_receipt(hub.node, transaction.hash).succeeded
    assert hub.node.send_many([transaction.raw, transaction.raw]) == [transaction.hash] * 2
    assert next_nonce(hub.node, signer.address) == nonce + 1


def test_nonce_taken_by_another_transaction__told_apart(hub: Hub) -> None:
    signer, ledger = hub.officers[SHANGHAI], hub.deployment.address("CreditLedger")
    nonce = next_nonce(hub.node, signer.address)
    first, second = (
        prepare(signer, ledger, series_call(SHANGHAI, code), nonce=nonce, chain_id=hub.node.chain_id, gas_price=0)
        for code in ("A", "B")
    )
    hub.node.send_raw(first.raw)
    with pytest.raises(NonceTaken):
        hub.node.send_raw(second.raw)


def test_included_and_reverted__the_reason_is_found_afterwards(hub: Hub) -> None:
    signer, ledger = hub.officers[SHANGHAI], hub.deployment.address("CreditLedger")
    transaction = prepare(
        signer,
        ledger,
        encode_batch([series_call(SHANGHAI, "A"), series_call(SHANGHAI, "A")]),
        nonce=next_nonce(hub.node, signer.address),
        chain_id=hub.node.chain_id,
        gas_price=0,
    )
    hub.node.send_raw(transaction.raw)
    with pytest.raises(ChainRefused) as refused:
        wait_receipt(hub.node, transaction.hash)
    assert (refused.value.error, refused.value.record_index) == ("SeriesExists", 1)
    assert transaction.hash in str(refused.value)
    assert hub.node.receipts([transaction.hash, "0x" + "00" * 32])[1] is None


def test_never_included__retry_later(hub: Hub) -> None:
    with pytest.raises(RetryLater) as refused:
        wait_receipt(hub.node, "0x" + "00" * 32, timeout=0.1)
    assert refused.value.code == "not_included"


def test_gas_price_without_money__configuration(hub: Hub) -> None:
    transaction = prepare(
        LocalSigner.random(),
        hub.deployment.address("CreditLedger"),
        series_call(SHANGHAI, "A"),
        nonce=0,
        chain_id=hub.node.chain_id,
        gas_price=10**9,
    )
    with pytest.raises(ConfigurationWrong) as refused:
        hub.node.send_raw(transaction.raw)
    assert refused.value.code == "gas_money_missing"


def test_more_gas_than_a_block_has__refused_before_sending(hub: Hub) -> None:
    signer = hub.officers[SHANGHAI]
    with pytest.raises(ChainRefused) as refused:
        simulate(
            hub.node, signer.address, hub.deployment.address("CreditLedger"), series_call(SHANGHAI, "A"), gas=30_000
        )
    assert refused.value.error == "RevertedWithoutReason"


# -------------------------------------------------------------------- orders of people


def test_officer_order__relayed_by_anyone_altered_by_nobody(hub: Hub) -> None:
    newcomer = LocalSigner.random().address
    order = OfficerOrder(SHANGHAI, newcomer, int(Role.AUDITOR), hub.now() + DAY, "0x" + "01" * 32, hub.now() + DAY)
    signature = sign_order(hub.officers[SHANGHAI], order, hub.deployment.domain)
    stranger = LocalSigner.random()
    with pytest.raises(ChainRefused) as refused:
        hub.send(stranger, "Consortium", "setOfficer", [replace(order, roles=int(Role.VOTER)), signature])
    assert refused.value.error in {"NotOfficer", "SignatureInvalid"}
    forged = sign_order(hub.officers[SUZHOU], order, hub.deployment.domain)
    with pytest.raises(ChainRefused) as refused:
        hub.send(stranger, "Consortium", "setOfficer", [order, forged])
    assert refused.value.error == "NotOfficer"
    (event,) = hub.send(stranger, "Consortium", "setOfficer", [order, signature])
    assert (event.name, event.args["account"], event.args["roles"]) == ("OfficerChanged", newcomer, Role.AUDITOR)


def test_ballot__opened_voted_carried_out(hub: Hub) -> None:
    actions = [
        Action(
            hub.deployment.address("Consortium"),
            encode_call("Consortium", "setParent", [SUZHOU, HANGZHOU]),
        )
    ]
    order = BallotOrder(
        SHANGHAI,
        int(BallotKind.MEMBERSHIP),
        hash_actions(actions),
        "0x" + "02" * 32,
        hub.now() + DAY,
        (),
        "0x" + "03" * 32,
    )
    domain, relay = hub.deployment.domain, LocalSigner.random()
    opened = hub.send(
        relay, "Consortium", "openBallot", [order, actions, sign_order(hub.officers[SHANGHAI], order, domain)]
    )
    ballot = opened[0].args["ballot"]
    assert ballot == order_id(order, domain)
    assert opened[0].args["actions"] == [{"target": actions[0].target, "data": actions[0].data}]
    for member, choice in ((SHANGHAI, Choice.YES), (SUZHOU, Choice.NO), (HANGZHOU, Choice.YES)):
        vote = VoteOrder(ballot, member, int(choice), 1)
        hub.send(relay, "Consortium", "vote", [vote, sign_order(hub.officers[member], vote, domain)])
    assert hub.deployment.read(hub.node, "Consortium", "outcome", [ballot]) == Outcome.EXECUTABLE
    events = hub.send(relay, "Consortium", "execute", [ballot, actions])
    assert [event.name for event in events] == ["BallotExecuted", "MemberParentChanged"]
    with pytest.raises(ChainRefused, match="it is executed") as refused:
        hub.send(relay, "Consortium", "execute", [ballot, actions])
    assert refused.value.error == "BallotNotExecutable"


def test_hold__named_by_the_struct_hash_of_its_order(hub: Hub) -> None:
    filing = {
        "request": "0x" + "04" * 32,
        "native": native_key(REGISTRY, "M", "1"),
        "document": "0x" + "05" * 32,
        "definition": "0x" + "06" * 32,
        "validFrom": hub.now(),
        "validUntil": hub.now() + DAY,
        "supersedes": "0x" + "00" * 12,
        "lineage": "0x" + "00" * 32,
    }
    (filed,) = hub.send(hub.officers[SHANGHAI], "Methodologies", "file", [SHANGHAI, filing])
    subject = "0x01" + filed.args["methodology"][2:] + "00" * 19
    order = HoldOrder(SUZHOU, (subject,), 1, "0x" + "07" * 32, hub.now() + DAY, "0x" + "08" * 32, hub.now() + DAY)
    signature = sign_order(hub.officers[SUZHOU], order, hub.deployment.domain)
    events = hub.send(LocalSigner.random(), "Holds", "place", [order, signature])
    placed = next(event for event in events if event.name == "HoldPlaced")
    assert placed.args["hold"] == order_id(order, hub.deployment.domain)
    assert placed.args["subjects"] == [subject]


# -------------------------------------------------------------------- following


def write_series(hub: Hub, codes: list[str]) -> None:
    for code in codes:
        send(hub.officers[SHANGHAI], hub.node, hub.deployment.address("CreditLedger"), series_call(SHANGHAI, code))


def test_following__every_block_once_every_log_of_ours(hub: Hub) -> None:
    write_series(hub, [f"S{number}" for number in range(7)])
    addresses = list(hub.deployment.addresses.values())
    first = hub.deployment.first_block
    found = list(ranges(hub.node, first, None, addresses, most_blocks=4))
    headers = [header for part in found for header in part.headers]
    assert [header.number for header in headers] == list(range(first, hub.node.head().number + 1))
    assert all(len(part.headers) <= 4 for part in found)
    events = [decode(log, hub.deployment) for part in found for log in part.logs]
    assert sum(event.name == "SeriesRegistered" for event in events) == 7
    assert sum(event.name == "MemberJoined" for event in events) == 3
    assert all(part.first <= log.block_number <= part.last for part in found for log in part.logs)
    # from where it ended there is nothing, then only what is new
    head = hub.node.head()
    assert list(ranges(hub.node, head.number + 1, head.hash, addresses)) == []
    write_series(hub, ["more"])
    (new,) = ranges(hub.node, head.number + 1, head.hash, addresses)
    assert (new.first, new.last, len(new.logs)) == (head.number + 1, head.number + 1, 1)


def test_past_replaced__noticed_and_the_common_block_found(hub: Hub) -> None:
    write_series(hub, ["before"])
    snapshot = hub.node.rpc.call("evm_snapshot")
    fork = hub.node.head().number
    write_series(hub, ["lost 1", "lost 2", "lost 3"])
    addresses = list(hub.deployment.addresses.values())
    known = {
        header.number: header.hash
        for part in ranges(hub.node, hub.deployment.first_block, None, addresses)
        for header in part.headers
    }
    last = max(known)

    assert hub.node.rpc.call("evm_revert", snapshot)
    with pytest.raises(Reorganised) as shorter:
        list(ranges(hub.node, last + 1, known[last], addresses))
    assert shorter.value.at == fork + 1
    assert find_common(hub.node, last, known.get) == fork

    time.sleep(1.1)  # the new blocks must differ from the lost ones
    write_series(hub, ["other 1", "other 2", "other 3", "other 4"])
    with pytest.raises(Reorganised) as replaced:
        list(ranges(hub.node, last + 1, known[last], addresses))
    assert replaced.value.at == last
    assert find_common(hub.node, last, known.get) == fork
    (part,) = ranges(hub.node, fork + 1, known[fork], addresses)
    assert len(part.logs) == 4


def test_nothing_in_common__minus_one(hub: Hub) -> None:
    first = hub.deployment.first_block
    assert find_common(hub.node, first + 3, lambda _: "0x" + "00" * 32) == -1
    assert find_common(hub.node, first + 3, lambda number: hub.node.block(number).hash) == first + 3


# -------------------------------------------------------------------- the command line


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chain: EmbeddedChain) -> Path:
    password = tmp_path / "password"
    password.write_text("a password of a test\n", encoding="utf-8")
    password.chmod(0o600)
    home = tmp_path / "home"
    for name, value in {"HOME": home, "PASSWORD_FILE": password, "RPC_URL": chain.rpc_url}.items():
        monkeypatch.setenv(f"YRDHUB_{name}", str(value))
    return home


def answer(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_commands__key_made_deployed_and_shown(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["keys", "new", "--light", "--json"]) == 0
    address = answer(capsys)[0]["address"]
    assert run(["keys", "list", "--json"]) == 0
    assert [key["address"] for key in answer(capsys)] == [address]

    content = founding({SHANGHAI: LocalSigner.random()})
    content["members"][0]["officers"][0]["account"] = address
    constitution = home.parent / "constitution.json"
    constitution.write_text(json.dumps(content), encoding="utf-8")
    assert run(["deploy", str(constitution), "--json"]) == 0
    told = answer(capsys)
    assert Deployment.load(home / "deployment.json").to_json() == told

    assert run(["keys", "show", address, "--unlock", "--json"]) == 0
    shown = answer(capsys)
    assert shown["password_opens_it"] is True
    assert shown["officer"]["member"] == SHANGHAI
    assert shown["officer"]["roles"] == ["voter", "registrar"]

    assert run(["deploy", "--check", "--json"]) == 0
    assert answer(capsys) == told
    assert run(["deploy", str(constitution), "--json"]) == ConfigurationWrong.exit_code
    assert answer(capsys)["error"] == "deployment_exists"


def test_deploy_with_a_key_of_the_home__that_key_deploys(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keystore = import_key(home / "keys", bytes(range(7, 39)), "a password of a test", Strength.LIGHT)
    constitution = home.parent / "constitution.json"
    constitution.write_text(json.dumps(founding({SHANGHAI: LocalSigner.random()})), encoding="utf-8")
    assert run(["deploy", str(constitution), "--key", keystore.address, "--json"]) == 0
    assert answer(capsys)["deployer"] == keystore.address


def test_deploy_where_gas_has_a_price__a_key_is_asked_for(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    constitution = home.parent / "constitution.json"
    constitution.write_text(json.dumps(founding({SHANGHAI: LocalSigner.random()})), encoding="utf-8")
    assert run(["deploy", str(constitution), "--gas-price", "5", "--json"]) == ConfigurationWrong.exit_code
    assert answer(capsys)["error"] == "key_missing"


def test_keys_without_a_password__says_how_to_set_one(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("YRDHUB_PASSWORD_FILE")
    assert run(["keys", "new", "--json"]) == ConfigurationWrong.exit_code
    assert answer(capsys)["error"] == "password_missing"
    assert not (home / "keys").exists()


def test_example_constitution__deployable_as_printed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["deploy", "--example"]) == 0
    printed = capsys.readouterr()
    assert "illustrative" in printed.err
    constitution = home.parent / "constitution.json"
    constitution.write_text(printed.out, encoding="utf-8")
    assert run(["deploy", str(constitution), "--json"]) == 0
    assert answer(capsys)["constitution_digest"] == Constitution.load(constitution).digest()


def test_no_chain_for_this_home__says_how_to_start_one(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("YRDHUB_RPC_URL")
    constitution = home.parent / "constitution.json"
    constitution.write_text(json.dumps(founding({SHANGHAI: LocalSigner.random()})), encoding="utf-8")
    assert run(["deploy", str(constitution), "--json"]) == ConfigurationWrong.exit_code
    assert answer(capsys)["error"] == "chain_not_running"


def test_deployed_then_killed__the_deployment_is_still_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YRDHUB_HOME", str(tmp_path / "home"))
    constitution = tmp_path / "constitution.json"
    constitution.write_text(json.dumps(founding({SHANGHAI: LocalSigner.random()})), encoding="utf-8")
    with EmbeddedChain(tmp_path / "home", port=0) as own:
        assert run(["deploy", str(constitution), "--json"]) == 0
        told = answer(capsys)
        status = own.status()
        for pid in (status.supervisor_pid, status.pid):
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
    with EmbeddedChain(tmp_path / "home", port=0):
        assert run(["deploy", "--check", "--json"]) == 0
        assert answer(capsys) == told
