"""What the demo's registries file. Of our own making and labelled so; only what is cited here was ever published.

Shanghai's photovoltaic factor of 0.42 kgCO2/kWh and its check value (1,100,000 kWh gives 462 t) are those of
沪环气候〔2024〕45号; that Suzhou's published example works out at 0.77 or more is why the cities differ here.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from adapters.sandbox.city import ILLUSTRATIVE
from adapters.sandbox.samples import sample_uscc
from hub.demo.cities import City

_FACTORS = {
    "shanghai": ("0.42", "沪环气候〔2024〕45号"),
    "suzhou": ("0.77", ILLUSTRATIVE),
    "hangzhou": ("0.55", ILLUSTRATIVE),
    "hefei": ("0.6782", ILLUSTRATIVE),
}
_STEMS = {"shanghai": "DEMO-SH", "suzhou": "DEMO-SZ", "hangzhou": "DEMO-HZ", "hefei": "DEMO-HF"}


def conversion_ppm(home: City, destination: City) -> int:
    """What a photovoltaic tonne of `home` counts for at `destination`, in ppm: the same kilowatt-hours by the
    destination's own factor, rounded down, and never more than it was. Illustrative."""
    there, here = (Decimal(_FACTORS[city.name][0]) for city in (home, destination))
    return min(1_000_000, int(here * 1_000_000 / there))


def methodology_code(city: City) -> str:
    """Code of the city's photovoltaic methodology in the demo."""
    return f"{_STEMS[city.name]}-PV-01"


def methodology(city: City) -> dict[str, Any]:
    """The city's photovoltaic methodology, as its registry files it."""
    factor, source = _FACTORS[city.name]
    return {
        "code": methodology_code(city),
        "version": "V1",
        "title_zh": "分布式光伏发电碳普惠方法学（示例）",
        "title_en": "Distributed photovoltaic generation (illustrative)",
        "issuer": f"{city.title_zh}（示例）",
        "applicability": "并网的分布式光伏发电；申请人为投资建设方；不在控排企业场址；未参与其他减排机制",
        "boundary": "光伏组件、逆变器及并网计量点",
        "baseline": "所发电量由电网供给；项目非法律强制要求",
        "formula": "activity_kwh * EF",
        "monitoring": "并网计量电表，逐月抄表，电网结算单交叉核对",
        "parameters": [
            {
                "name": "电网排放因子",
                "symbol": "EF",
                "value": factor,
                "unit": "kgCO2/kWh",
                "valid_from": "2023-01-01",
                "source": source,
            }
        ],
        "crediting_years": 10,
        "lineage": f"AMS-I.F., {ILLUSTRATIVE}",
        "filed_on": "2023-01-05",
        "valid_from": "2023-01-01",
        "document": f"{ILLUSTRATIVE}\n{methodology_code(city)} V1\n减排量 = 上网及自用电量 x {factor} kgCO2/kWh",
    }


_SITES = {
    "shanghai": (
        ("示例崇明渔光互补分布式光伏项目", "Chongming fishery PV", "示例崇明新能源有限公司", "121.3970", "31.6230"),
        ("示例松江物流园屋顶光伏项目", "Songjiang logistics rooftop PV", "示例松江物流有限公司", "121.2280", "31.0320"),
    ),
    "suzhou": (
        ("示例吴江纺织厂屋顶光伏项目", "Wujiang textile mill PV", "示例吴江纺织有限公司", "120.6450", "31.1390"),
        ("示例太仓冷库屋顶光伏项目", "Taicang cold store PV", "示例太仓冷链有限公司", "121.1300", "31.4580"),
    ),
    "hangzhou": (
        ("示例余杭仓储屋顶光伏项目", "Yuhang warehouse PV", "示例余杭仓储有限公司", "119.9980", "30.2740"),
        ("示例桐庐农业大棚光伏项目", "Tonglu greenhouse PV", "示例桐庐农业有限公司", "119.6850", "29.7970"),
    ),
    "hefei": (
        ("示例肥东渔光互补光伏项目", "Feidong fishery PV", "示例肥东新能源有限公司", "117.4690", "31.8880"),
        ("示例庐阳学校屋顶光伏项目", "Luyang school PV", "示例庐阳教育服务有限公司", "117.2650", "31.8780"),
    ),
}

GENERATION_KWH = {
    "shanghai": ("1100000", "467000"),
    "suzhou": ("1300000", "371200"),
    "hangzhou": ("921400", "229600"),
    "hefei": ("1043500", "301200"),
}
"""Metered generation of 2024, by project."""


def projects(city: City) -> list[dict[str, Any]]:
    """The city's projects, as its registry registers them."""
    return [
        {
            "name_zh": name_zh,
            "name_en": f"{name_en} (illustrative)",
            "proponent": proponent,
            "uscc": sample_uscc(f"{city.member}", number),
            "site": f"{city.title_zh}示例路{number}号",
            "longitude": longitude,
            "latitude": latitude,
            "capacity_kw": "990" if number == 1 else "420",
            "methodology": f"{methodology_code(city)}/V1",
            "grid_date": "2023-01-01",
            "life_years": 25,
            "crediting_start": "2023-01-01",
            "crediting_end": "2032-12-31",
            "assets": [f"{_STEMS[city.name]}-METER-{number:04d}"],
            "registered_on": "2023-02-15",
        }
        for number, (name_zh, name_en, proponent, longitude, latitude) in enumerate(_SITES[city.name], start=1)
    ]


def verification(project: str, kwh: str) -> dict[str, Any]:
    """The year 2024 of a project, verified."""
    return {
        "project": project,
        "period_start": "2024-01-01",
        "period_end": "2024-12-31",
        "activity_kwh": kwh,
        "report": f"{ILLUSTRATIVE} {project} 2024",
        "verified_on": "2025-03-15",
    }


PURPOSE_OF_AN_EVENT = {"shanghai": "03", "suzhou": "ZH-HD", "hangzhou": "2102", "hefei": "大型活动碳中和"}
"""Each registry's own code for the carbon neutrality of an event (活动碳中和)."""


def shared_parameters(city: City) -> dict[str, Any]:
    """The grid factor that the city's methodology computes with, as it is shared with other cities (`yrdhub share`)."""
    value, source = _FACTORS[city.name]
    return {
        "title_zh": f"{city.title_zh}光伏方法学参数（示例）",
        "title_en": f"Parameters of {city.title}'s photovoltaic methodology (illustrative)",
        "parameters": [
            {
                "symbol": "EF",
                "title_zh": "电网排放因子",
                "title_en": "grid emission factor",
                "value": value,
                "unit": "kgCO2/kWh",
                "effective_from": "2023-01-01",
                "source": source,
                "status": "illustrative",
            }
        ],
    }
