"""What differs between the cities' registries: codes, serial size, numbering habits and words."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

ILLUSTRATIVE = "示例数据 / illustrative sample"


@dataclass(frozen=True, slots=True)
class CityProfile:
    """One city registry's fixed habits. `member` is its GB/T 2260 code; `kg_per_serial` is 1 or 1000."""

    member: str
    registry: str
    name_zh: str
    name_en: str
    number_prefix: str
    series_stem: str
    series_by_vintage: bool
    kg_per_serial: int
    grid_factor: Decimal
    purposes: dict[str, str]

    def series_code(self, vintage: int) -> str:
        """The native series an issuance of this vintage is numbered in."""
        return f"{self.series_stem}-{vintage}" if self.series_by_vintage else self.series_stem


# 注销用途 (retirement purposes). The codes are each sandbox's own, so that an adapter has something to map.
SHANGHAI = CityProfile(
    member="310000",
    registry="shanghai-sandbox",
    name_zh="上海市碳普惠登记簿（示例）",
    name_en="Shanghai carbon-inclusive registry (illustrative)",
    number_prefix="SH-DEMO",
    series_stem="DEMO-SH-CER",
    series_by_vintage=False,
    kg_per_serial=1,
    grid_factor=Decimal("0.42"),
    purposes={
        "01": "配额清缴抵销",
        "02": "组织碳中和",
        "03": "活动碳中和",
        "04": "产品碳中和",
        "05": "建筑碳中和",
        "06": "公益注销",
        "07": "生态环境损害赔偿",
        "08": "积分奖励",
    },
)

SUZHOU = CityProfile(
    member="320500",
    registry="suzhou-sandbox",
    name_zh="苏州市碳普惠登记簿（示例）",
    name_en="Suzhou carbon-inclusive registry (illustrative)",
    number_prefix="SZ-DEMO",
    series_stem="DEMO-SZ-TPH",
    series_by_vintage=True,
    kg_per_serial=1000,
    grid_factor=Decimal("0.77"),
    purposes={
        "LY": "履约抵销",
        "ZH-ZZ": "机构碳中和",
        "ZH-HD": "会议活动碳中和",
        "ZH-CP": "产品碳中和",
        "ZH-JZ": "建筑碳中和",
        "GY": "公益注销",
        "SH": "生态环境损害赔偿",
        "JF": "积分兑换",
    },
)

# Native numbers are <prefix>-<stem>-<five digits>.
NUMBER_STEM = {
    "methodology": "FF",
    "project": "XM",
    "verification": "HZ",
    "issuance": "QF",
    "transfer_out": "ZC",
    "retirement": "ZX",
    "correction": "GZ",
    "account": "ZH",
}
