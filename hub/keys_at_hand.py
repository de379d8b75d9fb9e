"""Which of a home's keystores speaks for whom: the keys folder beside what the chain says of each key."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from hub.chain.connection import Node
from hub.chain.deployment import Deployment
from hub.chain.enums import Role
from hub.chain.keys import Keystore, LocalSigner, checksum_address, list_keystores, open_keystore
from hub.errors import ConfigurationWrong
from hub.settings import Settings


@dataclass(frozen=True, slots=True)
class OfficerKey:
    """A keystore of this home whose key is an officer now."""

    keystore: Keystore
    member: int
    roles: Role


def officers_at_hand(folder: Path, node: Node, deployment: Deployment) -> list[OfficerKey]:
    """The keystores under `folder` whose keys are officers at this moment, as the chain itself says."""
    found = []
    for keystore in list_keystores(folder):
        officer = deployment.read(node, "Consortium", "getOfficer", [keystore.address])
        if officer["member"] and officer["validUntil"] > time.time():
            found.append(OfficerKey(keystore, officer["member"], Role(officer["roles"])))
    return found


def choose_officer(
    folder: Path, node: Node, deployment: Deployment, role: Role, *, member: int | None, key: str | None
) -> OfficerKey:
    """The one key of this home that has `role` (for `member`; under the address `key`, where given).

    Raises ConfigurationWrong that lists what there is when none fits, or several do.
    """
    at_hand = officers_at_hand(folder, node, deployment)
    fitting = [
        officer
        for officer in at_hand
        if officer.roles & role and member in {None, officer.member} and key in {None, officer.keystore.address}
    ]
    if len({officer.member for officer in fitting}) == 1:
        return fitting[0]
    wanted = f"{(role.name or '').lower().replace('_', ' ')} of member {member or 'any'}"
    known = "; ".join(f"{checksum_address(o.keystore.address)}: member {o.member}, {_words(o.roles)}" for o in at_hand)
    raise ConfigurationWrong(
        f"{'several keys' if fitting else 'no key'} of this home could sign as {wanted}",
        what=key,
        where=str(folder),
        remedy=(
            "name one with --key or --member"
            if fitting
            else "copy its keystore there, or make one with `yrdhub keys new`"
        )
        + f"; officers' keys here: {known or 'none'}",
        code="key_ambiguous" if fitting else "key_missing",
    )


def unlock(settings: Settings, officer: OfficerKey) -> LocalSigner:
    """The signer, opened with the password of the settings: from a file or the environment, never a command line."""
    whose = f"{checksum_address(officer.keystore.address)} (member {officer.member})"
    return open_keystore(officer.keystore.file, settings.read_password(whose=whose))


def _words(roles: Role) -> str:
    return " and ".join((role.name or "").lower().replace("_", " ") for role in Role if role & roles)
