"""Other mechanisms that a project can be under: a project is under one at a time. The numbers of
`IProjects.Project.mechanism`."""

from __future__ import annotations

import unicodedata
from enum import IntEnum


class Mechanism(IntEnum):
    """0 is none; `OTHER` is one that is not listed here, said in the declaration's own words."""

    NONE = 0
    CCER = 1
    CDM = 2
    VCS = 3
    GOLD_STANDARD = 4
    GREEN_CERTIFICATE = 5
    CARBON_INCLUSIVE = 6
    ACR = 7
    CAR = 8
    I_REC = 9
    OTHER = 999


NAMES: dict[Mechanism, tuple[str, str]] = {
    Mechanism.NONE: ("无", "none"),
    Mechanism.CCER: ("国家核证自愿减排量", "China Certified Emission Reduction"),
    Mechanism.CDM: ("清洁发展机制", "Clean Development Mechanism"),
    Mechanism.VCS: ("核证碳标准", "Verified Carbon Standard"),
    Mechanism.GOLD_STANDARD: ("黄金标准", "Gold Standard"),
    Mechanism.GREEN_CERTIFICATE: ("绿色电力证书", "green electricity certificate"),
    Mechanism.CARBON_INCLUSIVE: ("其他城市碳普惠", "another city's carbon-inclusive scheme"),
    Mechanism.ACR: ("美国碳登记处", "American Carbon Registry"),
    Mechanism.CAR: ("气候行动储备", "Climate Action Reserve"),
    Mechanism.I_REC: ("国际可再生能源证书", "International Renewable Energy Certificate"),
    Mechanism.OTHER: ("其他", "other"),
}
"""Chinese term and English name."""

_ALSO: dict[str, Mechanism] = {
    "": Mechanism.NONE,
    "否": Mechanism.NONE,
    "no": Mechanism.NONE,
    "verra": Mechanism.VCS,
    "gs": Mechanism.GOLD_STANDARD,
    "goldstandard": Mechanism.GOLD_STANDARD,
    "绿证": Mechanism.GREEN_CERTIFICATE,
    "gec": Mechanism.GREEN_CERTIFICATE,
    "碳普惠": Mechanism.CARBON_INCLUSIVE,
    "irec": Mechanism.I_REC,
}


def parse_mechanism(text: str) -> Mechanism:
    """The mechanism that a declaration names, by code, Chinese term or English name; `OTHER` for any that's not
    listed."""
    word = _key(text)
    if word in _ALSO:
        return _ALSO[word]
    for mechanism, names in NAMES.items():
        if word in (_key(mechanism.name), *map(_key, names)):
            return mechanism
    return Mechanism.OTHER


def _key(text: str) -> str:
    return "".join(character for character in unicodedata.normalize("NFKC", text).casefold() if character.isalnum())
