"""The demo's four cities, their keys, and the constitution they are founded with. Everything here is illustrative."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from hub.chain.constitution import Constitution
from hub.chain.enums import BallotKind
from hub.chain.keys import LocalSigner, Strength, create_keystore, list_keystores, open_keystore

Role = Literal["voter", "registrar"]
ROLES: tuple[Role, ...] = ("voter", "registrar")


@dataclass(frozen=True, slots=True)
class City:
    """A member of the demo. `registry` is the code of its sandbox registry, `speaks` how others reach that."""

    name: Literal["shanghai", "suzhou", "hangzhou", "hefei"]
    member: int
    title_zh: str
    title: str
    speaks: str

    @property
    def registry(self) -> str:
        return f"{self.name}-sandbox"

    def __str__(self) -> str:
        return f"{self.title_zh} {self.title}"


SHANGHAI = City("shanghai", 310000, "上海", "Shanghai", "REST")
SUZHOU = City("suzhou", 320500, "苏州", "Suzhou", "CSV files in a folder")
HANGZHOU = City("hangzhou", 330100, "杭州", "Hangzhou", "a PostgreSQL database")
HEFEI = City("hefei", 340100, "合肥", "Hefei", "a workbook that clerks edit")
CITIES = (SHANGHAI, SUZHOU, HANGZHOU, HEFEI)


def city_of(member: int) -> City:
    """The city with this GB/T 2260 code. KeyError when it is none of the four."""
    return {city.member: city for city in CITIES}[member]


def title_of(member: int) -> str:
    """What the demo calls a member."""
    return next((city.title for city in CITIES if city.member == member), str(member))


Keys = Mapping[tuple[str, Role], LocalSigner]
"""A city's name and a role, to the key that has it."""


def open_keys(folder: Path) -> Keys:
    """Each city's voter and registrar, made at the first call: keystores in `folder`/CITY/ROLE, a password a city.

    The derivation is the light one: these keys guard a trial on this machine and nothing else.
    """
    return {(city.name, role): _open_key(folder / city.name, role) for city in CITIES for role in ROLES}


def password_file(folder: Path, city: City) -> Path:
    """Where the demo keeps the password of a city's keystores; readable by its owner only."""
    return folder / city.name / "password"


def _open_key(folder: Path, role: Role) -> LocalSigner:
    password = read_or_make_secret(folder / "password", secrets.token_urlsafe(24))
    stores = list_keystores(folder / role)
    store = stores[0] if stores else create_keystore(folder / role, password, Strength.LIGHT)
    return open_keystore(store.file, password)


def read_or_make_secret(file: Path, fresh: str) -> str:
    """The secret that `file` holds; at the first call `fresh`, written so that only its owner reads it."""
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(fresh + "\n")
    return file.read_text(encoding="utf-8").strip()


def constitution(keys: Keys) -> Constitution:
    """Four full members, and rules by which a ballot that everyone answers passes within seconds. Illustrative.

    Where a ballot could change the rules themselves (officers, rules, upgrades) there is a delay: the registers insist.
    """
    until = (datetime.now(UTC) + timedelta(days=3650)).isoformat()
    waits = {BallotKind.OFFICERS, BallotKind.RULES, BallotKind.UPGRADE}
    day = 86_400
    words = {
        "members": [
            {
                "member": city.member,
                "kind": "full",
                "officers": [
                    {"account": keys[city.name, role].address, "roles": [role], "valid_until": until} for role in ROLES
                ],
            }
            for city in CITIES
        ],
        "rules": {
            kind.name.lower(): {
                "quorum_ppm": 750_000,
                "approval_ppm": 666_667,
                "min_voting": 1,
                "max_voting": 30 * day,
                "delay": day if kind in waits else 0,
                "execute_within": 14 * day,
            }
            for kind in BallotKind
        },
        "pause": {"max_duration": day, "cooldown": 2 * day},
        "transfers": {
            "new_counterparty_wait": 0,
            "min_lifetime": 60,
            "max_lifetime": 30 * day,
            "cosign_above_kg": 1_000_000,
        },
    }
    return Constitution.model_validate_json(json.dumps(words))
