"""An illustrative city as large as wanted, as the CSV batches that a registry of Suzhou's form exports.

Of our own making (示例): no such project, company or serial exists. A project has a meter, a verified year, three
issuances of 100 serials of 1 t, and seven retirements of five serials each: ten issuance and retirement records. The
registry exported it long ago, in batches of 1,000 projects, and exports one batch a day from then on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adapters.sandbox.suzhou_files import HEARTBEAT_HEADER, MANIFEST_HEADER, digest, encode_csv, record_header, serial

MEMBER = 320500
SERIES = "ILL-SZ-2024"
ISSUANCES, RETIREMENTS = 3, 7
"""Of a project."""
RECORDS = ISSUANCES + RETIREMENTS
PROJECTS_A_BATCH = 1_000

_SERIALS, _PIECE, _DAY_PIECE = 100, 5, 5
_SPREAD = 7_919
"""A prime: the projects of a day's changes lie all over the city."""
_LABEL = "示例数据 / illustrative sample"
_AT = "2025/3/5 14:03:07"
_COMPANY = "91320500MAXX000011"
_METHODOLOGY = "ILL-SZ-PV-01"
_REPORT = hashlib.sha256(_LABEL.encode()).hexdigest()
_KINDS = {
    "方法学": "methodology",
    "项目": "project",
    "核证": "verification",
    "签发": "issuance",
    "注销": "retirement",
}


@dataclass(slots=True)
class IllustrativeCity:
    """The registry's side: writes batches into `folder`/out, and knows what it wrote.

    `projects` are those of the first export; `native` counts the records that it holds.
    """

    folder: Path
    projects: int
    _change: int = 0
    _batch: int = 0
    _next_serial: int = 0
    _edits: dict[int, int] = field(default_factory=dict)
    _issued: int = 0
    _retired: int = 0

    def export_all(self) -> int:
        """The whole city, in batches; returns how many records these have (the methodology is one)."""
        for name in ("out", "in", "receipts"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self._export({"方法学": [_methodology()]})
        written = 1
        for begin in range(0, self.projects, PROJECTS_A_BATCH):
            some = range(begin, min(begin + PROJECTS_A_BATCH, self.projects))
            rows = {
                "项目": [(1, _project(number, 0)) for number in some],
                "核证": [(1, _verification(number)) for number in some],
                "签发": [(1, _issuance(number, *issued)) for number in some for issued in _issued_at_first(number)],
                "注销": [
                    (1, _retirement(number, *retired)) for number in some for retired in _retired_at_first(number)
                ],
            }
            self._export(rows)
            written += sum(map(len, rows.values()))
        self._next_serial = self.projects * ISSUANCES * _SERIALS + 1
        return written

    def export_day(self, changes: int) -> int:
        """A day's batch of so many changes: a tenth are edited projects, three tenths issuances, the rest retirements.

        No project is issued to or retired from twice, so a city has no more days than its projects allow.
        """
        edited, issued = max(1, changes // 10), max(1, changes * 3 // 10)
        retired = changes - edited - issued
        self._export(
            {
                "项目": [self._edit() for _ in range(edited)],
                "签发": [self._issue() for _ in range(issued)],
                "注销": [self._retire() for _ in range(retired)],
            }
        )
        return changes

    def _edit(self) -> tuple[int, list[str]]:
        place = sum(self._edits.values())
        number = place * _SPREAD % self.projects
        self._edits[number] = self._edits.get(number, 0) + 1
        return self._edits[number] + 1, _project(number, self._edits[number])

    def _issue(self) -> tuple[int, list[str]]:
        number = self._issued * _SPREAD % self.projects
        self._issued += 1
        first = self._next_serial
        self._next_serial += _DAY_PIECE
        return 1, _issuance(number, ISSUANCES, first, first + _DAY_PIECE - 1)

    def _retire(self) -> tuple[int, list[str]]:
        number = self._retired * _SPREAD % self.projects
        self._retired += 1
        first = _first_of(number, 0) + _SERIALS // 2
        return 1, _retirement(number, RETIREMENTS, first, first + _PIECE - 1)

    def _export(self, by_kind: Mapping[str, Sequence[tuple[int, list[str]]]]) -> None:
        """One batch: a file for each kind, the manifest that names them, and the heartbeat."""
        self._batch += 1
        out, manifest = self.folder / "out", [MANIFEST_HEADER]
        for kind, versions in by_kind.items():
            if not versions:
                continue
            first = self._change + 1
            rows = [record_header(_KINDS[kind])]
            for version, cells in versions:
                self._change += 1
                rows.append([str(self._change), str(version), _AT, *cells, _LABEL])
            content = encode_csv(rows)
            name = f"{kind}_{self._batch:06d}.csv"
            (out / name).write_bytes(content)
            manifest.append(
                [str(self._batch), name, str(len(versions)), str(first), str(self._change), digest(content)]
            )
        (out / f"清单_{self._batch:06d}.csv").write_bytes(encode_csv(manifest))
        heartbeat = [HEARTBEAT_HEADER, [_AT, str(self._change), str(self._batch)]]
        (out / "心跳.csv").write_bytes(encode_csv(heartbeat))


def _first_of(project: int, issuance: int) -> int:
    return (project * ISSUANCES + issuance) * _SERIALS + 1


def _issued_at_first(project: int) -> Iterator[tuple[int, int, int]]:
    for number in range(ISSUANCES):
        first = _first_of(project, number)
        yield number, first, first + _SERIALS - 1


def _retired_at_first(project: int) -> Iterator[tuple[int, int, int]]:
    """Pieces from inside the issuances, each of which leaves something on both sides."""
    for number in range(RETIREMENTS):
        first = _first_of(project, number % ISSUANCES) + (number // ISSUANCES + 1) * 2 * _PIECE
        yield number, first, first + _PIECE - 1


def _methodology() -> tuple[int, list[str]]:
    document = f"{_LABEL}\n{_METHODOLOGY} V1"
    parameter = "电网排放因子|EF|0.77|kgCO2/kWh|2023/1/1||示例参数 / illustrative sample"
    return 1, [
        *(f"{_METHODOLOGY}/V1", _METHODOLOGY, "V1", "分布式光伏发电碳普惠方法学（示例）"),
        *("Distributed photovoltaic generation (illustrative)", "示例单位", "示例", "示例", "CO2", "示例"),
        *("activity_kwh * EF", "示例", parameter, "10", "", "", "2023/1/5", "2023/1/1", ""),
        *(document, hashlib.sha256(document.encode()).hexdigest(), "已备案"),
    ]


def _project(number: int, edit: int) -> list[str]:
    site = f"示例路{number}号" + (f"（第{edit}次更正）" if edit else "")
    return [
        *(_project_id(number), f"示例屋顶光伏项目{number}", f"Rooftop PV {number} (illustrative)", "示例有限公司"),
        *(_COMPANY, site, "120.6450", "31.1390", "1,250.5", f"{_METHODOLOGY}/V1", "2023/1/1", "25", "2023/1/1"),
        *("2032/12/31", f"ILL-METER-{number:07d}", "无", "否", "是", "", "2023/2/15", "已登记"),
    ]


def _verification(number: int) -> list[str]:
    return [
        *(f"ILL-HZ-{number:07d}", _project_id(number), "2024/1/1", "2024/12/31", "40.000000", "0.77", "308,000"),
        *("示例核查机构有限公司", _REPORT, "2025/3/15", "有效"),
    ]


def _issuance(project: int, number: int, first: int, last: int) -> list[str]:
    quantity = f"{(last - first + 1) * 1000:,}"
    return [
        *(f"ILL-QF-{project:07d}-{number}", _project_id(project), f"ILL-HZ-{project:07d}", "2024", quantity, SERIES),
        *("1,000", serial(first), serial(last), _COMPANY, "2025/4/2", "", "已签发"),
    ]


def _retirement(project: int, number: int, first: int, last: int) -> list[str]:
    units = f"{MEMBER}/{SERIES}:{serial(first)}-{serial(last)}*1000"
    quantity = f"{(last - first + 1) * 1000:,}"
    return [
        *(f"ILL-ZX-{project:07d}-{number}", _COMPANY, units, quantity, "ZH-HD", "示例受益方", "", "", "示例"),
        "2025/4/3",
    ]


def _project_id(number: int) -> str:
    return f"ILL-XM-{number:07d}"
