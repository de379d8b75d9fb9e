"""The cities' sandbox registries with some life in them, and the adapters on them, for the tests of this folder."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from adapters.city.sql_books import SqlBooksAdapter
from adapters.hangzhou.adapter import create as open_hangzhou
from adapters.hefei.adapter import HefeiAdapter
from adapters.hefei.adapter import create as open_hefei
from adapters.protocol import Effect, EffectKind
from adapters.sandbox.process import SandboxProcess
from adapters.shanghai.adapter import ShanghaiAdapter
from adapters.shanghai.adapter import create as open_shanghai
from adapters.suzhou.adapter import SuzhouAdapter
from adapters.suzhou.adapter import create as open_suzhou
from mutual_recognition.records import SeriesName
from mutual_recognition.serials import SerialRange

SHANGHAI, SUZHOU, HANGZHOU, HEFEI = 310000, 320500, 330100, 340100
REGISTRY = {
    SHANGHAI: "shanghai-sandbox",
    SUZHOU: "suzhou-sandbox",
    HANGZHOU: "hangzhou-sandbox",
    HEFEI: "hefei-sandbox",
}
BENEFICIARY = "示例受益人张三"


def shanghai_adapter(process: SandboxProcess, **settings: Any) -> ShanghaiAdapter:
    return open_shanghai(
        {
            "name": "shanghai",
            "member": SHANGHAI,
            "registry": REGISTRY[SHANGHAI],
            "url": process.url,
            "token_file": str(process.token_file),
            "secret_file": str(process.home.parent / "shanghai.secret"),
            "peers": {"320500": REGISTRY[SUZHOU]},
            "page_size": 7,
            "read_seconds": 2,
            "attempts": 2,
            "longest_wait": 1,
            **settings,
        }
    )


def suzhou_adapter(process: SandboxProcess, **settings: Any) -> SuzhouAdapter:
    return open_suzhou(
        {
            "name": "suzhou",
            "member": SUZHOU,
            "registry": REGISTRY[SUZHOU],
            "folder": str(process.folder),
            "secret_file": str(process.home.parent / "suzhou.secret"),
            "peers": {"310000": REGISTRY[SHANGHAI]},
            "page_size": 7,
            "patience": 1,
            "answer_seconds": 8,
            "silence_seconds": 3,
            **settings,
        }
    )


def hangzhou_adapter(process: SandboxProcess, **settings: Any) -> SqlBooksAdapter:
    return open_hangzhou(
        {
            "name": "hangzhou",
            "member": HANGZHOU,
            "registry": REGISTRY[HANGZHOU],
            **process.configuration(),
            "secret_file": str(process.home.parent / "hangzhou.secret"),
            "peers": {"310000": REGISTRY[SHANGHAI], "320500": REGISTRY[SUZHOU]},
            "page_size": 7,
            "statement_seconds": 2,
            "operation_seconds": 8,
            "answer_seconds": 8,
            **settings,
        }
    )


def hefei_adapter(process: SandboxProcess, **settings: Any) -> HefeiAdapter:
    return open_hefei(
        {
            "name": "hefei",
            "member": HEFEI,
            "registry": REGISTRY[HEFEI],
            **process.configuration(),
            "secret_file": str(process.home.parent / "hefei.secret"),
            "memory_file": str(process.home.parent / "hefei.readings.sqlite"),
            "peers": {"310000": REGISTRY[SHANGHAI], "320500": REGISTRY[SUZHOU]},
            "page_size": 7,
            **settings,
        }
    )


def account_of(process: SandboxProcess) -> str:
    return str(next(row["account"] for row in process.holdings()["holdings"] if row["status"] == "available"))


def live(process: SandboxProcess, purpose: str, other: str) -> None:
    """A retirement, a transfer that waits, one withdrawn by its city, a correction with its reissue, an edited
    project."""
    account = account_of(process)
    process.control(
        "retire", account=account, quantity_kg=2000, purpose=purpose, beneficiary=BENEFICIARY, compliance_year=2025
    )
    waiting = process.control("request-transfer", account=account, quantity_kg=3000, to_member=other)
    process.control("review-transfer", native_id=waiting["native_id"], reviewer="示例复核人")
    regretted = process.control("request-transfer", account=account, quantity_kg=1000, to_member=other)
    process.control("withdraw-transfer", native_id=regretted["native_id"])
    wrong = process.records("issuance")[-1]
    process.control("correct", issuance=wrong["native_id"], reason="示例更正", reissue_kg=1000)
    project = process.records("project")[0]
    process.control("edit-project", native_id=project["native_id"], changes={"co_benefits": "示例协同效益"})


def proposed(process: SandboxProcess, to: int) -> Effect:
    """The effect that tells a registry of its own transfer, proposed on the chain; the serials are locked first."""
    transfer = process.control("request-transfer", account=account_of(process), quantity_kg=1000, to_member=str(to))
    (units,) = transfer["ranges"]
    home = int(units["home_member"])
    reference = "0x" + transfer["native_id"].encode().hex().rjust(64, "0")
    return Effect(
        key=f"transfer_proposed:{reference[-40:]}",
        kind=EffectKind.TRANSFER_PROPOSED,
        series=SeriesName(code=units["series"], member=home, registry=REGISTRY[home]),
        serials=SerialRange(units["first"], units["last"]),
        detail={
            "transfer": reference,
            "from": home,
            "to": to,
            "native_id": f"{transfer['native_id']}#1",
            "kg_per_serial": units["kg_per_serial"],
        },
        block_number=7,
        occurred_at="2026-11-22T10:00:00+00:00",
    )


def references(process: SandboxProcess) -> int:
    """How many references of the hub's the registry's transfers carry: one a booking of a proposal."""
    return sum(len(transfer["references"]) for transfer in process.records("transfer_out"))


def until(condition: Callable[[], Any], seconds: float = 15) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return found


def wait_for_exports(process: SandboxProcess, settled: float = 1.0) -> None:
    """Until no batch has come for a while."""
    folder: Path = process.folder / "out"
    seen, since = -1, time.monotonic()
    until((folder / "清单_000001.csv").exists)
    while time.monotonic() - since < settled:
        count = len(list(folder.glob("清单_*.csv")))
        if count != seen:
            seen, since = count, time.monotonic()
        time.sleep(0.05)
