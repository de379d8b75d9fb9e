"""A whole consortium for the tests: six registers behind proxies, six founding members, their officers and rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import Any

from eth_abi.abi import default_codec
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from tests.contracts import orders
from tests.contracts.artifacts import load_artifacts
from tests.contracts.chain import CHAIN_ID, GENESIS_TIME, Chain, Key, Receipt, Register
from tests.contracts.ids import FIRST_PROGRAMME, ZERO

DAY = 86_400
FOREVER = GENESIS_TIME + 20 * 365 * DAY


class Kind(IntEnum):
    """MemberKind."""

    FULL = 1
    ASSOCIATE = 2
    PROGRAMME = 3


class Role(IntFlag):
    VOTER = 1
    REGISTRAR = 2
    ETS_AUTHORITY = 4
    AUDITOR = 8
    FINANCIAL_INSTITUTION = 16


class BallotKind(IntEnum):
    MEMBERSHIP = 0
    OFFICERS = 1
    RULES = 2
    RECOGNITION = 3
    STATUS = 4
    HOLD = 5
    PAUSE = 6
    UPGRADE = 7


class Choice(IntEnum):
    YES = 1
    NO = 2
    ABSTAIN = 3


SHANGHAI, SUZHOU, HANGZHOU, HEFEI, GUANGDONG, CDM = 310000, 320500, 330100, 340100, 440000, FIRST_PROGRAMME
FOUNDERS = {
    SHANGHAI: Kind.FULL,
    SUZHOU: Kind.FULL,
    HANGZHOU: Kind.FULL,
    HEFEI: Kind.FULL,
    GUANGDONG: Kind.ASSOCIATE,
    CDM: Kind.PROGRAMME,
}

RULES = {
    kind: {
        "quorumPpm": 500_000,
        "approvalPpm": 666_667 if kind in (BallotKind.MEMBERSHIP, BallotKind.RULES, BallotKind.UPGRADE) else 500_001,
        "minVoting": 3_600,
        "maxVoting": 30 * DAY,
        "delay": {BallotKind.UPGRADE: 7 * DAY, BallotKind.RULES: 7 * DAY, BallotKind.OFFICERS: 2 * DAY}.get(kind, 0),
        "executeWithin": 14 * DAY,
    }
    for kind in BallotKind
}
PAUSE_RULE = {"maxDuration": 3 * DAY, "cooldown": 7 * DAY}
TRANSFER_RULES = {
    "newCounterpartyWait": DAY,
    "minLifetime": 3_600,
    "maxLifetime": 30 * DAY,
    "cosignAboveKg": 1_000_000,
}

BY_BALLOT: Mapping[str, Mapping[str, BallotKind]] = {
    "Consortium": {
        "admit": BallotKind.MEMBERSHIP,
        "expel": BallotKind.MEMBERSHIP,
        "setParent": BallotKind.MEMBERSHIP,
        "restoreOfficers": BallotKind.OFFICERS,
        "setRule": BallotKind.RULES,
        "setPauseRule": BallotKind.RULES,
        "setAllowedCall": BallotKind.UPGRADE,
        "addRegister": BallotKind.UPGRADE,
        "pauseByBallot": BallotKind.PAUSE,
        "endPause": BallotKind.PAUSE,
    },
    "Holds": {"placeByBallot": BallotKind.HOLD, "liftByBallot": BallotKind.HOLD},
    "Methodologies": {"suspend": BallotKind.STATUS, "lift": BallotKind.STATUS},
    "Projects": {"suspend": BallotKind.STATUS, "lift": BallotKind.STATUS},
    "Recognition": {
        "recognise": BallotKind.RECOGNITION,
        "suspend": BallotKind.STATUS,
        "lift": BallotKind.STATUS,
        "revoke": BallotKind.STATUS,
    },
    "CreditLedger": {"cancelByBallot": BallotKind.STATUS, "setTransferRules": BallotKind.RULES},
}
"""What a ballot may call, and the kind of ballot; `upgradeToAndCall` of every register beside it (Upgrade)."""

REGISTERS = {
    "Consortium": ("consortium",),
    "Holds": ("consortium", "methodologies", "projects", "ledger"),
    "Methodologies": ("consortium", "holds"),
    "Projects": ("consortium", "methodologies", "recognition", "holds"),
    "Recognition": ("consortium", "projects", "ledger"),
    "CreditLedger": ("consortium", "projects", "recognition", "holds"),
}
"""Registers in order of deployment. Which of them each is told at construction is read from its ABI."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member with its officers' keys."""

    id: int
    kind: Kind
    voters: tuple[Key, Key]
    registrars: tuple[Key, Key, Key]
    auditor: Key
    institutions: tuple[Key, Key]

    @staticmethod
    def named(member: int, kind: Kind) -> Member:
        def keys(role: str, count: int) -> tuple[Any, ...]:
            return tuple(Key.named(f"{member}/{role}/{index}") for index in range(count))

        return Member(
            member, kind, keys("voter", 2), keys("registrar", 3), keys("auditor", 1)[0], keys("institution", 2)
        )

    def officers(self, valid_until: int = FOREVER) -> list[dict[str, Any]]:
        """As FoundingOfficer[]."""
        roles = [(key, Role.VOTER) for key in self.voters]
        roles += [(key, Role.REGISTRAR) for key in self.registrars]
        roles += [(self.auditor, Role.AUDITOR | Role.ETS_AUTHORITY)]
        roles += [(key, Role.FINANCIAL_INSTITUTION) for key in self.institutions]
        return [{"account": key.address, "roles": int(role), "validUntil": valid_until} for key, role in roles]

    def founding(self, parent: int = 0) -> dict[str, Any]:
        """As FoundingMember."""
        return {"member": self.id, "kind": int(self.kind), "parent": parent, "officers": self.officers()}


@dataclass
class Deployment:
    """The registers on a chain of their own, with what a test needs to speak for the members."""

    chain: Chain
    members: dict[int, Member]
    domain: bytes
    registers: dict[str, Register]
    implementations: dict[str, str]
    founders: Mapping[int, Kind]
    allowed: list[tuple[str, bytes, int]]
    """What ballots may call: target, selector, kind of ballot."""
    rules: Mapping[BallotKind, Mapping[str, int]]
    pause_rule: Mapping[str, int]
    transfer_rules: Mapping[str, int]
    anyone: Key = field(default_factory=lambda: Key.named("relay"))
    _requests: int = 0

    @property
    def consortium(self) -> Register:
        return self.registers["Consortium"]

    @property
    def holds(self) -> Register:
        return self.registers["Holds"]

    @property
    def methodologies(self) -> Register:
        return self.registers["Methodologies"]

    @property
    def projects(self) -> Register:
        return self.registers["Projects"]

    @property
    def recognition(self) -> Register:
        return self.registers["Recognition"]

    @property
    def ledger(self) -> Register:
        return self.registers["CreditLedger"]

    def request(self) -> bytes:
        """A request id that was not used before."""
        self._requests += 1
        return keccak(text=f"request {self._requests}")

    def sign(self, order_type: str, order: Mapping[str, Any], key: Key) -> bytes:
        return orders.sign(self.domain, order_type, order, key)

    def digest(self, order_type: str, order: Mapping[str, Any]) -> bytes:
        return orders.digest(self.domain, orders.struct_hash(order_type, order))

    # ------------------------------------------------------------ ballots

    def open_ballot(
        self,
        kind: BallotKind,
        actions: Sequence[tuple[str, bytes]],
        *,
        proposer: int = SHANGHAI,
        invited: Sequence[int] = (),
        voting: int = DAY,
        key: Key | None = None,
    ) -> bytes:
        """Opens a ballot by a voter of `proposer`; answers its id."""
        order = {
            "proposer": proposer,
            "kind": int(kind),
            "actionsHash": actions_hash(actions),
            "document": keccak(text="document"),
            "closesAt": self.chain.now + voting,
            "invited": list(invited),
            "request": self.request(),
        }
        signature = self.sign("BallotOrder", order, key or self.members[proposer].voters[0])
        receipt = self.consortium.openBallot(order, list(actions), signature, sender=self.anyone)
        return bytes(receipt.value)

    def vote(
        self, ballot: bytes, member: int, choice: Choice = Choice.YES, revision: int = 1, key: Key | None = None
    ) -> Receipt:
        order = {"ballot": ballot, "member": member, "choice": int(choice), "revision": revision}
        signature = self.sign("VoteOrder", order, key or self.members[member].voters[0])
        receipt: Receipt = self.consortium.vote(order, signature, sender=self.anyone)
        return receipt

    def pass_ballot(
        self,
        kind: BallotKind,
        actions: Sequence[tuple[str, bytes]],
        *,
        no: Iterable[int] = (),
        invited: Sequence[int] = (),
        proposer: int = SHANGHAI,
    ) -> tuple[bytes, Receipt]:
        """Opens, has every full member and who is invited vote yes, except `no`, waits out the delay, and executes."""
        ballot = self.open_ballot(kind, actions, proposer=proposer, invited=invited)
        refusing = set(no)
        for member in self.members.values():
            asked = member.kind is Kind.FULL or member.id in invited
            if asked and not self.consortium.getMember(member.id).leftAt:
                self.vote(ballot, member.id, Choice.NO if member.id in refusing else Choice.YES)
        self.chain.pass_time(DAY + self.rules[kind]["delay"] + 1)
        return ballot, self.consortium.execute(ballot, list(actions), sender=self.anyone)


def actions_hash(actions: Sequence[tuple[str, bytes]]) -> bytes:
    """keccak256(abi.encode(Action[])), what a ballot's order names its actions by."""
    return keccak(default_codec.encode(["(address,bytes)[]"], [list(actions)]))


def deploy_all(
    only: Iterable[str] | None = None,
    *,
    founders: Mapping[int, Kind] = FOUNDERS,
    start: int = GENESIS_TIME,
    rules: Mapping[BallotKind, Mapping[str, int]] = RULES,
    pause_rule: Mapping[str, int] = PAUSE_RULE,
    transfer_rules: Mapping[str, int] = TRANSFER_RULES,
) -> Deployment:
    """Deploys the registers (or those in `only`: the others then are addresses without code), founds the consortium.

    Implementations are created first, then the proxies at addresses computed beforehand, the Consortium's first of all.
    """
    wanted = set(REGISTERS if only is None else only)
    chain = Chain(load_artifacts(wanted), start)
    deployer = Key.named("deployer")
    order = [name for name in REGISTERS if name in wanted]
    proxies = {name: Key.named(f"absent {name}").address for name in REGISTERS}
    proxies |= {name: create_address(deployer.address, len(order) + index) for index, name in enumerate(order)}
    by_role = {"ledger" if name == "CreditLedger" else name.lower(): proxy for name, proxy in proxies.items()}
    implementations = {}
    for name in order:
        told = constructor_roles(chain, name)
        implementations[name] = chain.deploy(deployer, name, ["address"] * len(told), [by_role[role] for role in told])
    members = {member: Member.named(member, kind) for member, kind in founders.items()}
    registers = {name: Register(chain, name, proxies[name]) for name in order}
    allowed = ballot_calls(registers)
    for name, register in registers.items():
        call = b""
        if name == "Consortium":
            founding = [member.founding() for member in members.values()]
            others = [proxy for other, proxy in proxies.items() if other != "Consortium"]
            call = register.calldata("initialize", founding, list(rules.values()), pause_rule, others, allowed)
        elif name == "CreditLedger":
            call = register.calldata("initialize", transfer_rules)
        elif "initialize" in register.functions:
            call = register.calldata("initialize")
        created = chain.deploy(deployer, "ERC1967Proxy", ["address", "bytes"], [implementations[name], call])
        if created.lower() != proxies[name].lower():
            raise AssertionError(f"{name}'s proxy came to stand at {created}, not {proxies[name]}")
    domain = orders.domain_separator(CHAIN_ID, proxies["Consortium"])
    return Deployment(
        chain, members, domain, registers, implementations, founders, allowed, rules, pause_rule, transfer_rules
    )


def constructor_roles(chain: Chain, name: str) -> list[str]:
    """Which registers a constructor wants, by the names of its parameters (a trailing underscore aside)."""
    known = {"consortium", "holds", "methodologies", "projects", "recognition", "ledger"}
    for entry in chain.artifacts[name].abi:
        if entry["type"] == "constructor":
            roles = [item["name"].strip("_").lower().replace("creditledger", "ledger") for item in entry["inputs"]]
            if unknown := set(roles) - known:
                raise AssertionError(f"{name}'s constructor has parameters {unknown}; they should be among {known}")
            return roles
    return []


def ballot_calls(registers: Mapping[str, Register]) -> list[tuple[str, bytes, int]]:
    """BY_BALLOT as AllowedCall[]."""
    calls = []
    for name, register in registers.items():
        for function, kind in (*BY_BALLOT[name].items(), ("upgradeToAndCall", BallotKind.UPGRADE)):
            calls.append((register.address, register.functions[function].selector, int(kind)))
    return calls


def create_address(deployer: str, nonce: int) -> str:
    """Where the deployer's contract of this nonce comes to stand (below 128, as one RLP byte)."""
    if nonce >= 128:
        raise ValueError(f"nonce {nonce} is not below 128")
    payload = b"\x94" + bytes.fromhex(deployer[2:]) + (bytes([nonce]) if nonce else b"\x80")
    return str(to_checksum_address(keccak(bytes([0xC0 + len(payload)]) + payload)[12:]))


__all__ = [
    "CDM",
    "DAY",
    "FOREVER",
    "FOUNDERS",
    "GUANGDONG",
    "HANGZHOU",
    "HEFEI",
    "SHANGHAI",
    "SUZHOU",
    "ZERO",
    "BallotKind",
    "Choice",
    "Deployment",
    "Kind",
    "Member",
    "Role",
    "deploy_all",
]
