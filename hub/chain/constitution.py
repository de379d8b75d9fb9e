"""The constitution a hub is founded with: members and their officers, rules of ballots, pause and transfers.

Read from JSON once, at deployment; from then on only an executed ballot changes any of it. What ballots may call is not
a choice and stands here: every function that the interfaces mark "by ballot", under the kind that decides it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from hub.chain.artifacts import REGISTERS, RegisterName, load
from hub.chain.enums import BallotKind, MemberKind, Role
from hub.chain.keys import parse_address
from hub.errors import ConfigurationWrong, RecordRefused
from mutual_recognition.identifiers import FIRST_PROGRAMME

ALLOWED_CALLS: dict[BallotKind, tuple[tuple[RegisterName, str], ...]] = {
    BallotKind.MEMBERSHIP: (
        ("Consortium", "admit"),
        ("Consortium", "expel"),
        ("Consortium", "setParent"),
    ),
    BallotKind.OFFICERS: (("Consortium", "restoreOfficers"),),
    BallotKind.RULES: (
        ("Consortium", "setRule"),
        ("Consortium", "setPauseRule"),
        ("CreditLedger", "setTransferRules"),
    ),
    BallotKind.RECOGNITION: (("Recognition", "recognise"),),
    BallotKind.STATUS: (
        ("Methodologies", "suspend"),
        ("Methodologies", "lift"),
        ("Projects", "suspend"),
        ("Projects", "lift"),
        ("Recognition", "suspend"),
        ("Recognition", "lift"),
        ("Recognition", "revoke"),
        ("CreditLedger", "cancelByBallot"),
    ),
    BallotKind.HOLD: (("Holds", "placeByBallot"), ("Holds", "liftByBallot")),
    BallotKind.PAUSE: (("Consortium", "pauseByBallot"), ("Consortium", "endPause")),
    BallotKind.UPGRADE: (
        ("Consortium", "setAllowedCall"),
        ("Consortium", "addRegister"),
        *((register, "upgradeToAndCall") for register in REGISTERS),
    ),
}
"""What a ballot of each kind may call; the kind's rule decides it. A test compares it with the interfaces."""

Ppm = Annotated[int, Field(ge=0, le=1_000_000)]
Seconds = Annotated[int, Field(ge=0, lt=2**32)]
Moment = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]
MemberNumber = Annotated[int, Field(gt=0, lt=2**24)]
KindName = Literal["full", "associate", "programme"]
RoleName = Literal["voter", "registrar", "ets_authority", "auditor", "financial_institution"]
BallotKindName = Literal["membership", "officers", "rules", "recognition", "status", "hold", "pause", "upgrade"]


TRIAL_MEMBERS = (310000, 320500)
"""Who founds a trial: Shanghai and Suzhou. Illustrative, as everything in a trial."""

_EXAMPLE_ROLES: tuple[RoleName, ...] = ("voter", "registrar", "auditor")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FoundingOfficer(_Part):
    """A key that speaks for a member, until `valid_until` (a time with its zone)."""

    account: str
    roles: Annotated[list[RoleName], Field(min_length=1)]
    valid_until: Moment

    @field_validator("account")
    @classmethod
    def _check_account(cls, account: str) -> str:
        try:
            return parse_address(account)
        except RecordRefused as refused:
            raise ValueError(refused.message) from refused

    def as_struct(self) -> tuple[Any, ...]:
        """`IConsortium.FoundingOfficer`."""
        roles = Role(0)
        for role in self.roles:
            roles |= Role[role.upper()]
        return (self.account, int(roles), _unix(self.valid_until))


class FoundingMember(_Part):
    """A member from the first block on. `parent` is the province that a city names, 0 for none."""

    member: MemberNumber
    kind: KindName
    parent: Annotated[int, Field(ge=0, lt=2**24)] = 0
    officers: list[FoundingOfficer]

    @model_validator(mode="after")
    def _check_id_space(self) -> Self:
        if (self.member >= FIRST_PROGRAMME) != (self.kind == "programme"):
            raise ValueError(
                f"{self.member} is no id of a {self.kind} member: programme members are {FIRST_PROGRAMME} and up, "
                "others have GB/T 2260 codes"
            )
        return self

    def as_struct(self) -> tuple[Any, ...]:
        """`IConsortium.FoundingMember`."""
        kind = MemberKind[self.kind.upper()]
        return (self.member, int(kind), self.parent, [officer.as_struct() for officer in self.officers])


class BallotRule(_Part):
    """How ballots of one kind are decided: shares in parts per million, times in seconds (`IConsortium.BallotRule`)."""

    quorum_ppm: Ppm
    approval_ppm: Ppm
    min_voting: Seconds
    max_voting: Seconds
    delay: Seconds
    execute_within: Seconds


class PauseRule(_Part):
    """Bounds of a pause without a ballot, seconds (`IConsortium.PauseRule`)."""

    max_duration: Seconds
    cooldown: Seconds


class TransferRules(_Part):
    """Rules of transfers: seconds, and kg (`ICreditLedger.TransferRules`)."""

    new_counterparty_wait: Seconds
    min_lifetime: Seconds
    max_lifetime: Seconds
    cosign_above_kg: Annotated[int, Field(ge=0, lt=2**64)]


class Constitution(_Part):
    """Everything a deployment needs to be told."""

    members: Annotated[list[FoundingMember], Field(min_length=1)]
    rules: dict[BallotKindName, BallotRule]
    pause: PauseRule
    transfers: TransferRules

    @model_validator(mode="after")
    def _check_whole(self) -> Self:
        missing = [kind.name.lower() for kind in BallotKind if kind.name.lower() not in self.rules]
        if missing:
            raise ValueError(f"rules are missing for ballots of the kinds {', '.join(missing)}")
        numbers = [member.member for member in self.members]
        if repeated := sorted({number for number in numbers if numbers.count(number) > 1}):
            raise ValueError(f"members appear twice: {repeated}")
        accounts = [officer.account for member in self.members for officer in member.officers]
        if shared := sorted({account for account in accounts if accounts.count(account) > 1}):
            raise ValueError(f"a key serves one member, once; these appear twice: {', '.join(shared)}")
        for member in self.members:
            if member.kind != "programme" and not any("voter" in officer.roles for officer in member.officers):
                raise ValueError(f"member {member.member} has no voter among its officers")
        if not any(member.kind == "full" for member in self.members):
            raise ValueError("a hub needs a full member")
        return self

    @staticmethod
    def load(file: Path) -> Constitution:
        """From a JSON file. Raises ConfigurationWrong that names the field."""
        try:
            return Constitution.model_validate_json(file.read_bytes())
        except OSError as unreadable:
            raise ConfigurationWrong(
                f"the constitution cannot be read: {unreadable.strerror}",
                where=str(file),
                remedy="name a readable JSON file",
                code="constitution_missing",
            ) from unreadable
        except ValidationError as invalid:
            first = invalid.errors(include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            raise ConfigurationWrong(
                f"the constitution is not valid: {first['msg']}",
                what=first["input"] if field else None,
                where=f"{file}: {field}" if field else str(file),
                remedy="correct the file",
                code="constitution_invalid",
            ) from invalid

    @staticmethod
    def example() -> Constitution:
        """A founding of four cities to begin from. Illustrative: its rules are nobody's, its keys belong to no one."""
        day = 86_400
        waits = {BallotKind.MEMBERSHIP: 2, BallotKind.OFFICERS: 3, BallotKind.RULES: 7, BallotKind.UPGRADE: 7}
        cities = {310000: 0, 320500: 320000, 330100: 330000, 340100: 340000}
        return Constitution(
            members=[
                FoundingMember(
                    member=city,
                    kind="full",
                    parent=province,
                    officers=[
                        FoundingOfficer(
                            account=f"0x{city:038d}{place:02d}",
                            roles=[role],
                            valid_until=datetime(2030, 1, 1, tzinfo=UTC),
                        )
                        for place, role in enumerate(_EXAMPLE_ROLES, start=1)
                    ],
                )
                for city, province in cities.items()
            ],
            rules={
                _kind_name(kind): BallotRule(
                    quorum_ppm=500_000,
                    approval_ppm=666_667,
                    min_voting=day,
                    max_voting=30 * day,
                    delay=waits.get(kind, 0) * day,
                    execute_within=14 * day,
                )
                for kind in BallotKind
            },
            pause=PauseRule(max_duration=3 * day, cooldown=7 * day),
            transfers=TransferRules(
                new_counterparty_wait=day, min_lifetime=day, max_lifetime=30 * day, cosign_above_kg=1_000_000
            ),
        )

    @staticmethod
    def trial(accounts: Sequence[str]) -> Constitution:
        """A founding that works at once, for an afternoon: `TRIAL_MEMBERS` with one key each (`accounts`, in their
        order), which votes and registers; a ballot passes once everyone answered, a transfer may be accepted at once.

        Where a ballot could change the rules themselves there is a minute's delay: the registers insist.
        """
        day = 86_400
        slow = {BallotKind.OFFICERS, BallotKind.RULES, BallotKind.UPGRADE}
        until = datetime(2036, 1, 1, tzinfo=UTC)
        return Constitution(
            members=[
                FoundingMember(
                    member=member,
                    kind="full",
                    officers=[FoundingOfficer(account=account, roles=["voter", "registrar"], valid_until=until)],
                )
                for member, account in zip(TRIAL_MEMBERS, accounts, strict=True)
            ],
            rules={
                _kind_name(kind): BallotRule(
                    quorum_ppm=500_000,
                    approval_ppm=666_667,
                    min_voting=1,
                    max_voting=30 * day,
                    delay=60 if kind in slow else 0,
                    execute_within=14 * day,
                )
                for kind in BallotKind
            },
            pause=PauseRule(max_duration=day, cooldown=2 * day),
            transfers=TransferRules(
                new_counterparty_wait=0, min_lifetime=60, max_lifetime=30 * day, cosign_above_kg=1_000_000
            ),
        )

    def digest(self) -> str:
        """SHA-256 of its canonical JSON, 0x-hex: founders compare it with what they agreed on."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return "0x" + hashlib.sha256(canonical.encode()).hexdigest()

    def initialisation(self, register: RegisterName, addresses: dict[RegisterName, str]) -> list[Any]:
        """The arguments of the `initialize` of `register`, where it has one."""
        if register == "CreditLedger":
            return [self.transfers]
        if register == "Consortium":
            return [
                [member.as_struct() for member in self.members],
                [self.rules[_kind_name(kind)] for kind in BallotKind],
                self.pause,
                [addresses[name] for name in REGISTERS if name != "Consortium"],
                allowed_calls(addresses),
            ]
        return []


def allowed_calls(addresses: dict[RegisterName, str]) -> list[tuple[str, bytes, int]]:
    """ALLOWED_CALLS as `IConsortium.AllowedCall[]`."""
    return [
        (addresses[register], load(register).function(function).selector, int(kind))
        for kind, calls in ALLOWED_CALLS.items()
        for register, function in calls
    ]


def _kind_name(kind: BallotKind) -> BallotKindName:
    name: Any = kind.name.lower()
    return name  # type: ignore[no-any-return]


def _unix(moment: datetime) -> int:
    return int(moment.timestamp())
