"""Illustrative sample data for a sandbox registry: deterministic, of our own making, official nowhere.

Only the Shanghai photovoltaic factor (0.42 kgCO2/kWh, 沪环气候〔2024〕45号) and the two check values that go with it
(1,100,000 kWh gives 462 t, 467,000 kWh gives 196.14 t) were published. Every name, code and meter number is invented.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from adapters.sandbox import requests as ask
from adapters.sandbox.city import ILLUSTRATIVE, CityProfile
from adapters.sandbox.records import Methodology, Parameter, Project
from adapters.sandbox.registry import Registry

_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def sample_uscc(division: str, number: int) -> str:
    """An invented 统一社会信用代码 with right check characters (GB 32100-2015, GB 11714)."""
    body = f"MAXX{number:04d}"
    weights = (3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(w * (int(c) if c.isdigit() else ord(c) - 55) for w, c in zip(weights, body, strict=True))
    check = (11 - total % 11) % 11
    code = f"91{division}{body}{'X' if check == 10 else check}"
    rest = sum(_USCC_ALPHABET.index(c) * pow(3, i, 31) for i, c in enumerate(code)) % 31
    return code + _USCC_ALPHABET[(31 - rest) % 31]


@dataclass(frozen=True, slots=True)
class _Site:
    name_zh: str
    name_en: str
    proponent: str
    site: str
    longitude: str
    latitude: str
    capacity_kw: str
    grid_date: date
    kwh_by_year: tuple[tuple[int, str], ...]
    methodology: int = 0
    rural: bool = False


_SITES = {
    "310000": (
        _Site(
            "示例崇明渔光互补分布式光伏项目",
            "Chongming fishery-complementary PV (illustrative)",
            "示例崇明新能源有限公司",
            "上海市崇明区示例路1号",
            "121.3970",
            "31.6230",
            "990",
            date(2023, 3, 1),
            ((2023, "910000"), (2024, "1100000")),
            rural=True,
        ),
        _Site(
            "示例松江物流园屋顶光伏项目",
            "Songjiang logistics park rooftop PV (illustrative)",
            "示例松江物流有限公司",
            "上海市松江区示例路18号",
            "121.2280",
            "31.0320",
            "420",
            date(2023, 6, 15),
            ((2024, "467000"),),
        ),
        _Site(
            "示例临港学校屋顶光伏项目",
            "Lingang school rooftop PV (illustrative)",
            "示例临港教育服务有限公司",
            "上海市浦东新区示例路66号",
            "121.9090",
            "30.9010",
            "300",
            date(2023, 1, 10),
            ((2023, "318500"), (2024, "322750.5")),
        ),
        _Site(
            "示例奉贤菜场屋顶光伏项目",
            "Fengxian market rooftop PV (illustrative)",
            "示例奉贤农贸有限公司",
            "上海市奉贤区示例路7号",
            "121.4740",
            "30.9180",
            "180",
            date(2024, 1, 1),
            ((2024, "189900"),),
            rural=True,
        ),
        _Site(
            "示例静安公共建筑照明改造项目",
            "Jing'an public-building lighting retrofit (illustrative)",
            "示例静安楼宇节能有限公司",
            "上海市静安区示例路100号",
            "121.4480",
            "31.2290",
            "0",
            date(2023, 1, 1),
            ((2023, "240000"), (2024, "251300")),
            methodology=1,
        ),
    ),
    "320500": (
        _Site(
            "示例吴江纺织厂屋顶光伏项目",
            "Wujiang textile mill rooftop PV (illustrative)",
            "示例吴江纺织有限公司",
            "苏州市吴江区示例路9号",
            "120.6450",
            "31.1390",
            "999",
            date(2023, 1, 1),
            ((2023, "1264000"), (2024, "1300000")),
        ),
        _Site(
            "示例昆山工业园屋顶光伏项目",
            "Kunshan industrial park rooftop PV (illustrative)",
            "示例昆山园区服务有限公司",
            "昆山市示例路21号",
            "120.9810",
            "31.3850",
            "600",
            date(2023, 4, 1),
            ((2024, "655400"),),
        ),
        _Site(
            "示例太仓冷库屋顶光伏项目",
            "Taicang cold store rooftop PV (illustrative)",
            "示例太仓冷链有限公司",
            "太仓市示例路3号",
            "121.1300",
            "31.4580",
            "350",
            date(2023, 9, 1),
            ((2024, "371200"),),
            rural=True,
        ),
        _Site(
            "示例姑苏公共建筑照明改造项目",
            "Gusu public-building lighting retrofit (illustrative)",
            "示例姑苏节能服务有限公司",
            "苏州市姑苏区示例路55号",
            "120.6170",
            "31.3360",
            "0",
            date(2023, 1, 1),
            ((2023, "198000"), (2024, "204500")),
            methodology=1,
        ),
    ),
    "330100": (
        _Site(
            "示例余杭仓储屋顶光伏项目",
            "Yuhang warehouse rooftop PV (illustrative)",
            "示例余杭仓储有限公司",
            "杭州市余杭区示例路5号",
            "119.9980",
            "30.2740",
            "880",
            date(2023, 2, 1),
            ((2023, "803000"), (2024, "921400")),
        ),
        _Site(
            "示例萧山印染厂屋顶光伏项目",
            "Xiaoshan dye works rooftop PV (illustrative)",
            "示例萧山印染有限公司",
            "杭州市萧山区示例路30号",
            "120.2700",
            "30.1620",
            "640",
            date(2023, 7, 1),
            ((2024, "688200.5"),),
        ),
        _Site(
            "示例桐庐农业大棚光伏项目",
            "Tonglu greenhouse PV (illustrative)",
            "示例桐庐农业有限公司",
            "杭州市桐庐县示例村1号",
            "119.6850",
            "29.7970",
            "220",
            date(2023, 1, 1),
            ((2023, "215000"), (2024, "229600")),
            rural=True,
        ),
        _Site(
            "示例西湖公共建筑照明改造项目",
            "Xihu public-building lighting retrofit (illustrative)",
            "示例西湖楼宇节能有限公司",
            "杭州市西湖区示例路88号",
            "120.1300",
            "30.2590",
            "0",
            date(2023, 1, 1),
            ((2023, "176000"), (2024, "181500")),
            methodology=1,
        ),
    ),
    "340100": (
        _Site(
            "示例肥东渔光互补分布式光伏项目",
            "Feidong fishery-complementary PV (illustrative)",
            "示例肥东新能源有限公司",
            "合肥市肥东县示例路3号",
            "117.4690",
            "31.8880",
            "960",
            date(2023, 1, 1),
            ((2023, "1012000"), (2024, "1043500.5")),
            rural=True,
        ),
        _Site(
            "示例庐阳学校屋顶光伏项目",
            "Luyang school rooftop PV (illustrative)",
            "示例庐阳教育服务有限公司",
            "合肥市庐阳区示例路12号",
            "117.2650",
            "31.8780",
            "280",
            date(2023, 5, 1),
            ((2023, "176400"), (2024, "301200")),
        ),
        _Site(
            "示例经开区厂房屋顶光伏项目",
            "Economic zone plant rooftop PV (illustrative)",
            "示例经开制造有限公司",
            "合肥市经开区示例路40号",
            "117.2210",
            "31.7760",
            "700",
            date(2023, 9, 1),
            ((2024, "742600"),),
        ),
        _Site(
            "示例蜀山公共建筑照明改造项目",
            "Shushan public-building lighting retrofit (illustrative)",
            "示例蜀山楼宇节能有限公司",
            "合肥市蜀山区示例路8号",
            "117.2590",
            "31.8510",
            "0",
            date(2023, 1, 1),
            ((2024, "188300"),),
            methodology=1,
        ),
    ),
}

_CODE_STEM = {"310000": "DEMO-SH", "320500": "DEMO-SZ", "330100": "DEMO-HZ", "340100": "DEMO-HF"}


def _methodologies(city: CityProfile) -> list[Methodology]:
    stem = _CODE_STEM[city.member]
    factor = Parameter(
        name="电网排放因子",
        symbol="EF",
        value=city.grid_factor,
        unit="kgCO2/kWh",
        valid_from=date(2023, 1, 1),
        source="沪环气候〔2024〕45号" if city.member == "310000" else ILLUSTRATIVE,
    )
    photovoltaic = Methodology(
        code=f"{stem}-PV-01",
        version="V1",
        title_zh="分布式光伏发电碳普惠方法学（示例）",
        title_en="Distributed photovoltaic generation (illustrative)",
        issuer=city.name_zh,
        applicability="并网的分布式光伏发电；申请人为投资建设方；不在控排企业场址；未参与其他减排机制",
        boundary="光伏组件、逆变器及并网计量点",
        baseline="所发电量由电网供给；项目非法律强制要求",
        formula="activity_kwh * EF",
        monitoring="并网计量电表，逐月抄表，电网结算单交叉核对",
        parameters=[factor],
        crediting_years=10,
        lineage="AMS-I.F., " + ILLUSTRATIVE,
        filed_on=date(2023, 1, 5),
        valid_from=date(2023, 1, 1),
        document=f"{ILLUSTRATIVE}\n{stem}-PV-01 V1\n减排量 = 上网及自用电量 x {city.grid_factor} kgCO2/kWh",
    )
    lighting = photovoltaic.model_copy(
        update={
            "code": f"{stem}-LED-01",
            "title_zh": "公共建筑照明节能改造碳普惠方法学（示例）",
            "title_en": "Lighting retrofit of public buildings (illustrative)",
            "applicability": "既有公共建筑的照明节能改造；改造前后有分项计量",
            "boundary": "改造范围内的照明回路",
            "baseline": "改造前照明系统在相同使用时间下的用电",
            "monitoring": "照明回路分项电表，改造前基线不少于十二个月",
            "crediting_years": 5,
            "lineage": "AMS-II.C., " + ILLUSTRATIVE,
            "document": f"{ILLUSTRATIVE}\n{stem}-LED-01 V1\n减排量 = 节电量 x {city.grid_factor} kgCO2/kWh",
        }
    )
    return [photovoltaic, lighting]


def load_samples(registry: Registry) -> dict[str, int]:
    """File the city's sample methodologies, projects, verifications and issuances, in one transaction."""
    city = registry.city
    made = {"methodologies": 0, "projects": 0, "verifications": 0, "issuances": 0}
    with registry.storage.transaction():
        filings = [registry.file_methodology(filing) for filing in _methodologies(city)]
        made["methodologies"] = len(filings)
        for number, site in enumerate(_SITES[city.member], start=1):
            filing = filings[site.methodology]
            end = date(site.grid_date.year + filing.crediting_years, site.grid_date.month, site.grid_date.day)
            project = registry.register_project(
                Project(
                    name_zh=site.name_zh,
                    name_en=site.name_en,
                    proponent=site.proponent,
                    uscc=sample_uscc(city.member, number),
                    site=site.site,
                    longitude=Decimal(site.longitude),
                    latitude=Decimal(site.latitude),
                    capacity_kw=Decimal(site.capacity_kw),
                    methodology=filing.native_id,
                    grid_date=site.grid_date,
                    life_years=25 if site.methodology == 0 else 10,
                    crediting_start=site.grid_date,
                    crediting_end=end - timedelta(days=1),
                    assets=[
                        f"{_CODE_STEM[city.member]}-METER-{number:04d}A",
                        f"{_CODE_STEM[city.member]}-METER-{number:04d}B",
                    ],
                    rural=site.rural,
                    co_benefits="乡村振兴" if site.rural else "",
                    registered_on=site.grid_date + timedelta(days=45),
                )
            )
            made["projects"] += 1
            for year, kwh in site.kwh_by_year:
                verification = registry.verify(
                    ask.Verify(
                        project=project.native_id,
                        period_start=max(site.grid_date, date(year, 1, 1)),
                        period_end=date(year, 12, 31),
                        activity_kwh=Decimal(kwh),
                        report=f"{ILLUSTRATIVE} {project.native_id} {year}",
                        verified_on=date(year + 1, 3, 15),
                    )
                )
                registry.issue(ask.Issue(verification=verification.native_id, issued_on=date(year + 1, 4, 2)))
                made["verifications"] += 1
                made["issuances"] += 1
    return made
