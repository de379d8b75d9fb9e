"""What credits are retired for (注销用途) and why they are cancelled: the numbers of `ICreditLedger.Purpose`."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from mutual_recognition.refusal import Refusal


class Purpose(IntEnum):
    """1 to 8 are purposes of a retirement; 9 to 11 are why a block was cancelled."""

    ETS_COMPLIANCE = 1
    ORGANISATION_NEUTRALITY = 2
    EVENT_NEUTRALITY = 3
    PRODUCT_NEUTRALITY = 4
    BUILDING_NEUTRALITY = 5
    VOLUNTARY = 6
    ECOLOGICAL_COMPENSATION = 7
    POINTS_AND_REWARDS = 8
    CONVERSION_CUT = 9
    WRONG_ISSUANCE = 10
    ORDERED_BY_BALLOT = 11

    @property
    def retires(self) -> bool:
        """Whether a registry can retire for it (the rest are causes of cancellation)."""
        return self <= Purpose.POINTS_AND_REWARDS

    @property
    def code(self) -> str:
        """Its name in documents and APIs: `event_neutrality`."""
        return self.name.lower()


NAMES: dict[Purpose, tuple[str, str]] = {
    Purpose.ETS_COMPLIANCE: ("配额清缴抵销", "ETS compliance offset"),
    Purpose.ORGANISATION_NEUTRALITY: ("机构碳中和", "carbon neutrality of an organisation"),
    Purpose.EVENT_NEUTRALITY: ("活动碳中和", "carbon neutrality of an event"),
    Purpose.PRODUCT_NEUTRALITY: ("产品碳中和", "carbon neutrality of a product"),
    Purpose.BUILDING_NEUTRALITY: ("建筑碳中和", "carbon neutrality of a building"),
    Purpose.VOLUNTARY: ("公益注销", "voluntary"),
    Purpose.ECOLOGICAL_COMPENSATION: ("生态环境损害赔偿", "ecological-damage compensation"),
    Purpose.POINTS_AND_REWARDS: ("积分与奖励", "points and rewards"),
    Purpose.CONVERSION_CUT: ("互认折算扣减", "cut on conversion"),
    Purpose.WRONG_ISSUANCE: ("更正注销", "wrong issuance corrected"),
    Purpose.ORDERED_BY_BALLOT: ("表决注销", "cancelled by ballot"),
}
"""Chinese term and English name of each purpose."""


class PurposeRefused(Refusal):
    """A purpose that no registry can retire for."""

    code = "purpose_unknown"


def parse_purpose(code: str, where: str = "") -> Purpose:
    """The purpose named by its code, its Chinese term or its English name. Raises `PurposeRefused`."""
    text = code.strip()
    for purpose, names in NAMES.items():
        if purpose.retires and text in (purpose.code, *names):
            return purpose
    known = ", ".join(p.code for p in Purpose if p.retires)
    raise PurposeRefused(code, f"unknown purpose; use one of {known}", where)


def uses_mask(purposes: Iterable[Purpose]) -> int:
    """Permitted uses as the contracts hold them: bit p for purpose p (16 bits)."""
    mask = 0
    for purpose in purposes:
        mask |= 1 << purpose
    return mask


def uses_of(mask: int) -> list[Purpose]:
    """The purposes of a mask, in order."""
    return [p for p in Purpose if p.retires and mask >> p & 1]


ALL_USES = uses_mask(p for p in Purpose if p.retires)
"""Every purpose of a retirement."""
