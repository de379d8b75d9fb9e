"""Every adapter passes the acceptance suite: Shanghai and Suzhou on their running registries, the CDM on its reports.

A check that does not apply to an adapter is listed here with its reason; a skip that is not listed fails.
"""

from __future__ import annotations

import csv
import hashlib
import io
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from adapters.acceptance import CHECKS, Check, Drift, Result, Spoiled, Trial, instructing, run_checks
from adapters.cdm.adapter import CdmAdapter
from adapters.cdm.sample import write_sample
from adapters.protocol import NativeRecord
from adapters.sandbox.process import SandboxProcess
from mutual_recognition.identifiers import FIRST_PROGRAMME
from tests.adapters.city_registries import (
    BENEFICIARY,
    SHANGHAI,
    SUZHOU,
    hangzhou_adapter,
    hefei_adapter,
    live,
    proposed,
    references,
    shanghai_adapter,
    suzhou_adapter,
    wait_for_exports,
)

SKIPPED = {
    ("cdm", "push_twice_has_one_effect_and_lookup_tells_it"): "the registry takes no messages",
    ("cdm", "effects_it_cannot_book_get_a_refused_receipt"): "the registry takes no messages",
    ("hefei", "push_twice_has_one_effect_and_lookup_tells_it"): "the registry takes no messages",
    ("hefei", "effects_it_cannot_book_get_a_refused_receipt"): "the registry takes no messages",
}
SKIPPED |= {
    (name, check.name): "a programme: nobody there is told anything"
    if name == "cdm"
    else "the adapter itself tells this registry"
    for name in ("cdm", "shanghai", "suzhou", "hangzhou")
    for check in instructing.CHECKS
}


def spoilt(record: NativeRecord, at: Sequence[str], **changes: Any) -> NativeRecord:
    """The record with fields of its content (under the path `at`) changed."""
    if not at:
        return replace(record, payload={**record.payload, **changes})
    (name,) = at
    return replace(record, payload={**record.payload, name: {**record.payload[name], **changes}})


def spoil_city(fields: dict[str, dict[str, Any]], at: Sequence[str]) -> Callable[..., Sequence[Spoiled]]:
    def spoil(records: Sequence[NativeRecord]) -> Sequence[Spoiled]:
        first: dict[str, NativeRecord] = {}
        for record in records:
            first.setdefault(record.kind, record)
        return [
            Spoiled(spoilt(first[kind], at, **{name: value}), name)
            for kind, changes in fields.items()
            for name, value in changes.items()
        ]

    return spoil


@contextmanager
def stopped(process: SandboxProcess, silence: float = 0.0) -> Iterator[None]:
    process.stop()
    time.sleep(silence)
    yield
    process.start()


def shanghai_trial(home: Path) -> Iterator[Trial]:
    with SandboxProcess("shanghai", home / "registry") as process:
        live(process, "02", "320500")

        @contextmanager
        def drifted() -> Iterator[Drift]:
            process.fault("renamed_field", times=None, **{"from": "减排量_吨", "to": "减排量_公斤"})
            yield Drift(shanghai_adapter(process), "减排量_吨", "减排量_公斤")
            process.clear_faults()

        yield Trial(
            open=lambda: shanghai_adapter(process),
            effect=lambda: proposed(process, SUZHOU),
            effects_booked=lambda: references(process),
            down=lambda: stopped(process),
            drifted=drifted,
            private=lambda record: [BENEFICIARY] if record.kind == "注销" else [],
            spoil=spoil_city(
                {
                    "签发": {"减排量_吨": "1.5", "终止号": "0", "数据说明": 7.5},
                    "核证": {"监测期起": "2024-13-01", "核证量_吨": "999999.000"},
                    "注销": {"注销用途代码": "99"},
                    "项目": {"其他机制申报": "CCER", "是否控排企业场址": "maybe"},
                },
                ["内容"],
            ),
            may_write=True,
        )


def suzhou_trial(home: Path) -> Iterator[Trial]:
    with SandboxProcess("suzhou", home / "registry") as process:
        live(process, "ZH-ZZ", "310000")
        wait_for_exports(process)

        @contextmanager
        def drifted() -> Iterator[Drift]:
            changed = home / "changed"
            shutil.copytree(process.folder, changed)
            rename_column(changed / "out", "签发", "签发量(kg)", "签发量(t)")
            yield Drift(suzhou_adapter(process, folder=str(changed)), "签发量(kg)", "签发量(t)")

        yield Trial(
            open=lambda: suzhou_adapter(process),
            effect=lambda: proposed(process, SHANGHAI),
            effects_booked=lambda: references(process),
            down=lambda: stopped(process, silence=3.5),
            reads_while_down=True,
            drifted=drifted,
            private=lambda record: [BENEFICIARY] if record.kind == "注销" else [],
            spoil=spoil_city(
                {
                    "签发": {"签发量(kg)": "=SUM(A1)", "起号": "12-3", "止号": "０"},
                    "核证": {"电量(万千瓦时)": "1.2E+3", "核证时间": "去年"},
                    "注销": {"号段": "320500/DEMO-SZ-TPH-2024:1-2", "用途代码": "??"},
                    "项目": {"参与其他机制": "VCS", "社会信用代码": ""},
                },
                [],
            ),
            may_write=True,
        )


def hangzhou_trial(home: Path) -> Iterator[Trial]:
    with SandboxProcess("hangzhou", home / "registry") as process:
        live(process, "2101", "310000")

        @contextmanager
        def drifted() -> Iterator[Drift]:
            process.fault("renamed_field", times=None, **{"from": "签发量_千克", "to": "签发量_吨"})
            yield Drift(hangzhou_adapter(process), "签发量_千克", "签发量_吨")
            process.clear_faults()

        process.control("publish")
        yield Trial(
            open=lambda: hangzhou_adapter(process),
            effect=lambda: proposed(process, SHANGHAI),
            effects_booked=lambda: references(process),
            down=lambda: stopped(process),
            drifted=drifted,
            private=lambda record: [BENEFICIARY] if record.kind == "核销" else [],
            spoil=spoil_city(
                {
                    "签发": {"签发量_千克": "1.5", "止号": "WB000000000001", "减排年度": "二〇二四"},
                    "核查": {"监测起月": 202413, "核定量_千克": "999999999.000"},
                    "核销": {"用途码": "9999", "核销日": 20240230},
                    "减排项目": {"其他机制": "CCER", "控排场址": 2, "状态码": 7},
                },
                [],
            ),
            may_write=True,
        )


def hefei_trial(home: Path) -> Iterator[Trial]:
    with SandboxProcess("hefei", home / "registry") as process:
        live(process, "本单位碳中和", "310000")
        process.control("save-workbook")

        @contextmanager
        def drifted() -> Iterator[Drift]:
            changed = home / "changed.xlsx"
            shutil.copy(process.workbook, changed)
            assert rename_cell(changed, "签发量(吨)", "签发量(公斤)", "签发")
            memory = str(home / "changed.sqlite")
            adapter = hefei_adapter(process, workbook=str(changed), memory_file=memory)
            yield Drift(adapter, "签发量(吨)", "签发量(公斤)")

        @contextmanager
        def away() -> Iterator[None]:
            process.stop()  # it would write the workbook anew
            process.workbook.rename(home / "away.xlsx")
            yield
            (home / "away.xlsx").rename(process.workbook)
            process.start()

        yield Trial(
            open=lambda: hefei_adapter(process),
            effect=lambda: proposed(process, SHANGHAI),
            type_row=lambda told: process.control("type-booking", row=told["row"]),
            effects_booked=lambda: references(process),
            down=away,
            drifted=drifted,
            private=lambda record: [BENEFICIARY] if record.kind == "注销" else [],
            spoil=spoil_city(
                {
                    "签发": {
                        "签发量(吨)": "=SUM(E4:E9)",
                        "起号": {"unusable": "number_damaged", "shown": "12345678901234567168"},
                        "签发日": "2024年2月30日",
                        "每号千克": {"unusable": "error_in_cell", "shown": "#REF!"},
                    },
                    "核证": {"电量(兆瓦时)": "1.2E+3", "核证日": "去年", "核证量(吨)": "1,01.5"},
                    "注销": {"号段": "DEMO-HF-TH-2024：1至2", "用途": "做好事"},
                    "项目": {"其他机制": "VCS", "控排场址": "不详", "统一社会信用代码": ""},
                    "转出": {"接收地": "某市"},
                },
                [],
            ),
            may_write=True,
        )


def cdm_trial(home: Path) -> Iterator[Trial]:
    folder = home / "reports"
    folder.mkdir()
    write_sample(folder)

    @contextmanager
    def drifted() -> Iterator[Drift]:
        changed = home / "changed"
        shutil.copytree(folder, changed)
        gone, new = "serial range", "SERIAL INTERVAL"
        renamed = [path for path in changed.glob("*.xlsx") if rename_cell(path, gone.upper(), new)]
        assert renamed
        yield Drift(CdmAdapter(changed, member=FIRST_PROGRAMME), gone, new)

    @contextmanager
    def away() -> Iterator[None]:
        folder.rename(home / "away")
        yield
        (home / "away").rename(folder)

    yield Trial(
        open=lambda: CdmAdapter(folder, member=FIRST_PROGRAMME),
        drifted=drifted,
        down=away,
        reads_while_down=True,  # a folder without reports is a registry that has published none
    )


TRIALS: dict[str, Callable[[Path], Iterator[Trial]]] = {
    "shanghai": shanghai_trial,
    "suzhou": suzhou_trial,
    "hangzhou": hangzhou_trial,
    "hefei": hefei_trial,
    "cdm": cdm_trial,
}


def rename_column(folder: Path, kind: str, old: str, new: str) -> None:
    """As a registry that changes its export: header and manifest agree."""
    for manifest in sorted(folder.glob("清单_*.csv")):
        rows = list(csv.reader(io.StringIO(manifest.read_bytes().decode("gb18030"), newline="")))
        for row in rows[1:]:
            if row[1].startswith(kind):
                content = (folder / row[1]).read_bytes().decode("gb18030").replace(old, new, 1).encode("gb18030")
                (folder / row[1]).write_bytes(content)
                row[5] = hashlib.sha256(content).hexdigest()
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\r\n").writerows(rows)
        manifest.write_bytes(text.getvalue().encode("gb18030"))


def rename_cell(path: Path, old: str, new: str, sheet: str = "") -> bool:
    book = openpyxl.load_workbook(path)
    found = False
    for row in (book[sheet] if sheet else book.worksheets[0]).iter_rows(max_row=10):
        for cell in row:
            if cell.value == old:
                cell.value, found = new, True
    book.save(path)
    return found


@pytest.fixture(scope="module", params=sorted(TRIALS))
def trial(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Trial]]:
    name = str(request.param)
    opened: AbstractContextManager[Trial] = contextmanager(TRIALS[name])(tmp_path_factory.mktemp(name))
    with opened as it:
        yield name, it


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_adapter__as_every_adapter_must(trial: tuple[str, Trial], check: Check) -> None:
    name, subject = trial
    (outcome,) = run_checks(subject, [check.name])
    expected = SKIPPED.get((name, check.name))
    if expected is None:
        assert outcome.result is Result.PASSED, outcome.reason
    else:
        assert (outcome.result, outcome.reason) == (Result.SKIPPED, expected)


@pytest.mark.slow
def test_cdm__on_the_published_reports__passes_what_one_reading_shows(published_data: Path) -> None:
    subject = Trial(open=lambda: CdmAdapter(published_data / "cdm", member=FIRST_PROGRAMME))
    names = ["profile_is_sane", "versions_rise", "foundations_come_first", "quantities_agree_with_ranges"]
    outcomes = list(run_checks(subject, names))
    assert [(o.check.name, o.result, o.reason) for o in outcomes] == [(name, Result.PASSED, "") for name in names]
    assert len(subject.records()) > 39_000
