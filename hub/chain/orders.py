"""Every order a person signs: EIP-712 messages of one domain, checked on the chain by the Consortium alone.

Anyone may relay a signed order. Wallets sign `typed_data(order, domain)`; keys of ours sign `digest(order, domain)`,
which is the same. The message types are those of the interfaces' NatSpec; a test compares them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeAlias, TypeVar

from coincurve import PublicKey

from hub.chain.abi_types import Unencodable, abi_type, fields_of, snake_case, tuple_of
from hub.errors import RecordRefused
from mutual_recognition.keccak import keccak

DOMAIN_NAME = "YRD Carbon Inclusion Hub"
DOMAIN_VERSION = "1"

SUBJECTS_AT_MOST = 50


@dataclass(frozen=True, slots=True)
class Domain:
    """The EIP-712 domain: this chain and the Consortium's proxy, 0x-hex."""

    chain_id: int
    consortium: str

    def separator(self) -> bytes:
        """`IConsortium.domainSeparator()`."""
        return keccak(
            _DOMAIN_TYPE_HASH
            + keccak(DOMAIN_NAME.encode())
            + keccak(DOMAIN_VERSION.encode())
            + self.chain_id.to_bytes(32, "big")
            + abi_type("address").encode(self.consortium)
        )


@dataclass(frozen=True, slots=True)
class Action:
    """What a ballot calls: a register's proxy address and the call's data."""

    target: str
    data: bytes


@dataclass(frozen=True, slots=True)
class BallotOrder:
    """Opens a ballot. `actions_hash` is of `hash_actions`; `document` the SHA-256 of what it says in words."""

    TYPE: ClassVar[str] = (
        "BallotOrder(uint24 proposer,uint8 kind,bytes32 actionsHash,bytes32 document,uint40 closesAt,"
        "uint24[] invited,bytes32 request)"
    )
    proposer: int
    kind: int
    actions_hash: str
    document: str
    closes_at: int
    invited: tuple[int, ...]
    request: str


@dataclass(frozen=True, slots=True)
class VoteOrder:
    """A member's vote; only a higher `revision` replaces one."""

    TYPE: ClassVar[str] = "VoteOrder(bytes32 ballot,uint24 member,uint8 choice,uint32 revision)"
    ballot: str
    member: int
    choice: int
    revision: int


@dataclass(frozen=True, slots=True)
class OfficerOrder:
    """A member changes one of its own officers; `roles` 0 removes."""

    TYPE: ClassVar[str] = (
        "OfficerOrder(uint24 member,address account,uint8 roles,uint40 validUntil,bytes32 request,uint40 deadline)"
    )
    member: int
    account: str
    roles: int
    valid_until: int
    request: str
    deadline: int


@dataclass(frozen=True, slots=True)
class LeaveOrder:
    """A member leaves."""

    TYPE: ClassVar[str] = "LeaveOrder(uint24 member,bytes32 request,uint40 deadline)"
    member: int
    request: str
    deadline: int


@dataclass(frozen=True, slots=True)
class PauseOrder:
    """Two voters of different full members stop all registrar writes until `until`."""

    TYPE: ClassVar[str] = "PauseOrder(bytes32 reason,uint40 until,bytes32 request,uint40 deadline)"
    reason: str
    until: int
    request: str
    deadline: int


@dataclass(frozen=True, slots=True)
class HoldOrder:
    """A voter's hold on 1 to 50 subjects, at most 30 days, once per evidence."""

    TYPE: ClassVar[str] = (
        "HoldOrder(uint24 member,bytes32[] subjects,uint8 reason,bytes32 evidence,uint40 until,bytes32 request,"
        "uint40 deadline)"
    )
    member: int
    subjects: tuple[str, ...]
    reason: int
    evidence: str
    until: int
    request: str
    deadline: int


@dataclass(frozen=True, slots=True)
class LiftOrder:
    """Lifts a hold: signed by a voter of the placing and one of each home member."""

    TYPE: ClassVar[str] = "LiftOrder(bytes32 hold,bytes32 request,uint40 deadline)"
    hold: str
    request: str
    deadline: int


@dataclass(frozen=True, slots=True)
class EndRecognitionOrder:
    """A member ends its own recognition of a subject."""

    TYPE: ClassVar[str] = (
        "EndRecognitionOrder(bytes32 subject,uint24 member,uint8 effect,bytes32 request,uint40 deadline)"
    )
    subject: str
    member: int
    effect: int
    request: str
    deadline: int


@dataclass(frozen=True, slots=True)
class PledgeOrder:
    """A financial institution takes credits of `member` in pledge; the holder's registrar sends it."""

    TYPE: ClassVar[str] = (
        "PledgeOrder(uint24 member,bytes12 series,uint64 blockFirst,uint64 first,uint64 last,uint40 until,"
        "bytes32 request,uint40 deadline)"
    )
    member: int
    series: str
    block_first: int
    first: int
    last: int
    until: int
    request: str
    deadline: int


@dataclass(frozen=True, slots=True)
class ReleaseOrder:
    """The institution gives a pledge up: the one of this block that runs until `until` (block time), no later one."""

    TYPE: ClassVar[str] = "ReleaseOrder(bytes12 series,uint64 first,uint40 until,bytes32 request,uint40 deadline)"
    series: str
    first: int
    until: int
    request: str
    deadline: int


Order: TypeAlias = (
    BallotOrder
    | VoteOrder
    | OfficerOrder
    | LeaveOrder
    | PauseOrder
    | HoldOrder
    | LiftOrder
    | EndRecognitionOrder
    | PledgeOrder
    | ReleaseOrder
)
AnyOrder = TypeVar("AnyOrder", bound=Order)

RELAYED_THROUGH: dict[type[Order], tuple[str, str]] = {
    BallotOrder: ("Consortium", "openBallot"),
    VoteOrder: ("Consortium", "vote"),
    OfficerOrder: ("Consortium", "setOfficer"),
    LeaveOrder: ("Consortium", "leave"),
    PauseOrder: ("Consortium", "pause"),
    HoldOrder: ("Holds", "place"),
    LiftOrder: ("Holds", "lift"),
    EndRecognitionOrder: ("Recognition", "end"),
    PledgeOrder: ("CreditLedger", "pledge"),
    ReleaseOrder: ("CreditLedger", "release"),
}
"""Which register's function takes each order. The order is its first argument and one signature its last, but for
openBallot (order, actions, signature), pause (order, first, second) and lift (order, placing, homes)."""

ORDERS: dict[str, type[Order]] = {kind.__name__: kind for kind in RELAYED_THROUGH}
"""By EIP-712 primary type."""

_DOMAIN_FIELDS = (
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
)
_DOMAIN_TYPE_HASH = keccak(f"EIP712Domain({','.join(f'{kind} {name}' for name, kind in _DOMAIN_FIELDS)})".encode())


def struct_hash(order: Order) -> bytes:
    """`hashStruct` of EIP-712. Raises RecordRefused (`order_malformed`) naming a field whose value does not fit."""
    parts = [_TYPE_HASHES[type(order)]]
    for name, kind in _FIELDS[type(order)]:
        value = getattr(order, snake_case(name))
        try:
            if kind.endswith("[]"):
                item = abi_type(kind[:-2])
                parts.append(keccak(b"".join([item.encode(one) for one in value])))
            else:
                parts.append(abi_type(kind).encode(value))
        except (Unencodable, TypeError) as unfit:
            raise RecordRefused(
                f"{type(order).__name__}.{name} cannot be signed: {unfit}",
                code="order_malformed",
                field=name,
                value=value,
            ) from unfit
    return keccak(b"".join(parts))


def digest(order: Order, domain: Domain) -> bytes:
    """The 32 bytes that are signed (EIP-712): 0x1901, the domain's separator, the struct hash."""
    return keccak(b"\x19\x01" + domain.separator() + struct_hash(order))


def order_id(order: Order, domain: Domain) -> str:
    """The id that the chain gives the order's effect: a ballot is named by its digest, a hold by its struct hash.

    For other orders it is the digest, which `SignatureInvalid` names.
    """
    return "0x" + (struct_hash(order) if isinstance(order, HoldOrder) else digest(order, domain)).hex()


def typed_data(order: Order, domain: Domain) -> dict[str, Any]:
    """The JSON that `eth_signTypedData_v4` takes. Integers are decimal text: JavaScript would round large ones."""
    message: dict[str, Any] = {}
    for name, kind in _FIELDS[type(order)]:
        value = getattr(order, snake_case(name))
        if isinstance(value, tuple | list):
            message[name] = [str(one) if isinstance(one, int) else one for one in value]
        else:
            message[name] = str(int(value)) if kind.startswith("uint") else value
    name = type(order).__name__
    return {
        "types": {
            "EIP712Domain": [{"name": field, "type": kind} for field, kind in _DOMAIN_FIELDS],
            name: [{"name": field, "type": kind} for field, kind in _FIELDS[type(order)]],
        },
        "primaryType": name,
        "domain": {
            "name": DOMAIN_NAME,
            "version": DOMAIN_VERSION,
            "chainId": domain.chain_id,
            "verifyingContract": domain.consortium,
        },
        "message": message,
    }


def order_from_message(primary_type: str, message: Mapping[str, Any]) -> Order:
    """The order that a typed-data message says; numbers may be decimal text.

    Raises RecordRefused (`order_malformed`).
    """
    kind = ORDERS.get(primary_type)
    if kind is None:
        raise _malformed(
            f"no order is called {primary_type!r}; there are {', '.join(ORDERS)}", "primaryType", primary_type
        )
    wanted = dict(_FIELDS[kind])
    for name in wanted.keys() ^ message.keys():
        where = "is missing from" if name in wanted else "does not belong to"
        raise _malformed(f"{name} {where} {primary_type}", name, message.get(name))
    order = kind(**{snake_case(name): _from_json(name, wanted[name], message[name]) for name in wanted})
    struct_hash(order)
    return order


def recover(order: Order, domain: Domain, signature: bytes) -> str:
    """The address (0x-hex, lower case) whose key made `signature`: 65 bytes r, s, v; v 27 or 28, s low (EIP-2).

    Raises RecordRefused (`signature_malformed`). Any 65 bytes recover some address: compare it with the officer's.
    """
    return recover_digest(digest(order, domain), signature)


def recover_digest(message: bytes, signature: bytes) -> str:
    """`recover` for a digest already at hand."""
    if len(signature) != 65 or signature[64] not in {27, 28}:
        raise _bad_signature("it is not 65 bytes that end in 27 or 28")
    if int.from_bytes(signature[32:64], "big") > _HALF_ORDER:
        raise _bad_signature("its s is in the upper half of the curve order")
    try:
        key = PublicKey.from_signature_and_message(signature[:64] + bytes([signature[64] - 27]), message, hasher=None)
    except Exception as unfit:  # coincurve raises Exception itself
        raise _bad_signature(str(unfit)) from unfit
    return "0x" + keccak(key.format(compressed=False)[1:])[12:].hex()


def hash_actions(actions: list[Action] | tuple[Action, ...]) -> str:
    """`keccak256(abi.encode(Action[]))`, 0x-hex: what `BallotOrder.actions_hash` must be."""
    plan = tuple_of(
        fields_of(
            [
                {
                    "name": "actions",
                    "type": "tuple[]",
                    "components": [{"name": "target", "type": "address"}, {"name": "data", "type": "bytes"}],
                }
            ]
        )
    )
    return "0x" + keccak(plan.encode((list(actions),))).hex()


_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


def _solidity_fields(kind: type[Order]) -> tuple[tuple[str, str], ...]:
    """(Solidity name, type) of each field of the order's EIP-712 type."""
    inside = kind.TYPE[kind.TYPE.index("(") + 1 : -1]
    pairs = [part.split(" ") for part in inside.split(",")]
    named = tuple((name, solidity) for solidity, name in pairs)
    if [snake_case(name) for name, _ in named] != [field.name for field in fields(kind)]:
        raise TypeError(f"{kind.__name__} has other fields than its EIP-712 type")
    return named


_FIELDS = {kind: _solidity_fields(kind) for kind in RELAYED_THROUGH}
_TYPE_HASHES = {kind: keccak(kind.TYPE.encode()) for kind in RELAYED_THROUGH}


def _from_json(name: str, kind: str, value: Any) -> Any:
    if kind.endswith("[]"):
        if not isinstance(value, list | tuple):
            raise _malformed(f"{name} takes a list", name, value)
        return tuple(_from_json(name, kind[:-2], one) for one in value)
    if kind.startswith("uint"):
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and value.isascii() and value.isdigit():
            return int(value)
        raise _malformed(f"{name} takes a whole number", name, value)
    if not isinstance(value, str):
        raise _malformed(f"{name} takes 0x-hex text", name, value)
    return value.lower()


def _malformed(why: str, field: str, value: object) -> RecordRefused:
    return RecordRefused(f"the order cannot be read: {why}", code="order_malformed", field=field, value=value)


def _bad_signature(why: str) -> RecordRefused:
    return RecordRefused(f"the signature cannot be read: {why}", code="signature_malformed", field="signature")
