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
    number_form: str = "{prefix}-{stem}-{number:05d}"
    number_stems: tuple[tuple[str, str], ...] = ()
    whole_months: bool = False
    """Whether monitoring periods are whole calendar months."""

    def number(self, kind: str, number: int) -> str:
        """The registry's own number of a record, from its serial number within the kind."""
        stem = dict(self.number_stems).get(kind) or NUMBER_STEM[kind]
        return self.number_form.format(prefix=self.number_prefix, stem=stem, number=number)

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

# A database: codes are numbers, monitoring periods whole months.
HANGZHOU = CityProfile(
    member="330100",
    registry="hangzhou-sandbox",
    name_zh="杭州市碳普惠登记簿（示例）",
    name_en="Hangzhou carbon-inclusive registry (illustrative)",
    number_prefix="HZ-DEMO",
    series_stem="DEMO-HZ-PHX",
    series_by_vintage=True,
    kg_per_serial=1,
    grid_factor=Decimal("0.5500"),
    purposes={
        "1101": "配额清缴抵销",
        "2101": "机构碳中和",
        "2102": "赛会活动碳中和",
        "2103": "产品碳中和",
        "2104": "建筑碳中和",
        "3101": "公益注销",
        "3102": "生态环境损害赔偿",
        "4101": "积分兑换",
    },
    whole_months=True,
)

# A clerk's workbook: numbers as documents have them, purposes in words.
HEFEI = CityProfile(
    member="340100",
    registry="hefei-sandbox",
    name_zh="合肥市碳普惠台账（示例）",
    name_en="Hefei carbon-inclusive register (illustrative)",
    number_prefix="合碳示例",
    series_stem="DEMO-HF-TH",
    series_by_vintage=True,
    kg_per_serial=1,
    grid_factor=Decimal("0.6782"),
    purposes={
        "企业清缴配额": "配额清缴抵销",
        "本单位碳中和": "组织碳中和",
        "大型活动碳中和": "活动碳中和",
        "产品碳中和": "产品碳中和",
        "楼宇碳中和": "建筑碳中和",
        "公益自愿": "公益注销",
        "生态损害赔偿": "生态环境损害赔偿",
        "市民积分兑换": "积分兑换",
    },
    number_form="{prefix}〔{stem}〕{number:04d}号",
    number_stems=(
        ("methodology", "方法"),
        ("project", "项目"),
        ("verification", "核证"),
        ("issuance", "签发"),
        ("transfer_out", "转出"),
        ("retirement", "注销"),
        ("correction", "更正"),
        ("account", "账户"),
    ),
)

# Native numbers are <prefix>-<stem>-<five digits> where a city has no form of its own.
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
