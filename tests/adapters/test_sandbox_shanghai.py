"""The Shanghai sandbox as a running process: paging, idempotent write-back, limits, and each fault."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.sandbox.errors import RegistryRefusal
from adapters.sandbox.process import SandboxNotRunning, SandboxProcess

KINDS = ("fangfaxue", "xiangmu", "hezheng", "qianfa", "zhuanchu", "zhuanru", "zhuxiao", "gengzheng")


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess("shanghai", tmp_path_factory.mktemp("shanghai")) as process:
        yield process


@pytest.fixture
def client(city: SandboxProcess) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {city.token_file.read_text()}"}
    with httpx.Client(base_url=f"{city.url}/api/v1", headers=headers, timeout=10, trust_env=False) as client:
        yield client
    city.clear_faults()


def pages(client: httpx.Client, path: str, limit: int, cursor: str = "0") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    more = True
    while more:
        answer = client.get(path, params={"youbiao": cursor, "tiaoshu": limit})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        found += body["数据"]
        cursor, more = body["下一游标"], body["还有更多"]
    return found


def lock_some(city: SandboxProcess, kg: int = 1000) -> dict[str, Any]:
    account = next(row["account"] for row in city.holdings()["holdings"] if row["status"] == "available")
    return dict(city.control("request-transfer", account=account, quantity_kg=kg, to_member="320500"))


def accepted(transfer: dict[str, Any]) -> dict[str, Any]:
    kept = [
        {
            "归属地": units["home_member"],
            "系列号": units["series"],
            "每号千克": units["kg_per_serial"],
            "起始号": str(units["first"]),
            "终止号": str(units["last"]),
        }
        for units in transfer["ranges"]
    ]
    return {
        "事项": "转出完成",
        "发生时间": "2026-03-05T14:00:00+08:00",
        "链上凭证": "0x01",
        "转移编号": transfer["native_id"],
        "对方代码": "320500",
        "保留区段": kept,
    }


def test_feed__in_pages_of_any_size__is_the_same_in_commit_order(city: SandboxProcess, client: httpx.Client) -> None:
    whole = pages(client, "biangeng", 500)
    assert whole == pages(client, "biangeng", 3)
    sequences = [int(line["变更序号"]) for line in whole]
    assert sequences == sorted(set(sequences))
    by_kind = [line for path in KINDS for line in pages(client, path, 2)]
    assert {(line["类别"], line["编号"]) for line in by_kind} == {(line["类别"], line["编号"]) for line in whole}


def test_feed__after_a_change__carries_it_after_the_old_cursor(city: SandboxProcess, client: httpx.Client) -> None:
    cursor = client.get("biangeng", params={"tiaoshu": 500}).json()["下一游标"]
    transfer = lock_some(city)
    (line,) = pages(client, "biangeng", 10, cursor)
    assert (line["类别"], line["编号"], line["版本"]) == ("转出", transfer["native_id"], 1)
    assert line["内容"]["数量_吨"] == "1.000"
    one = client.get(f"zhuanchu/{transfer['native_id']}").json()
    assert one["内容"] == line["内容"]


def test_holdings__in_pages__are_what_the_operators_see(city: SandboxProcess, client: httpx.Client) -> None:
    served = pages(client, "chiyou", 2)
    kept = city.holdings()["holdings"]
    assert sum(int(row["数量_吨"].replace(".", "")) for row in served) == sum(row["quantity_kg"] for row in kept)
    assert len(served) == len(kept)
    assert city.state()["consistent"]


def test_read__unchanged__304(client: httpx.Client) -> None:
    first = client.get("qianfa")
    again = client.get("qianfa", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("biangeng?youbiao=abc", 422, "BAD_CURSOR"),
        ("biangeng?youbiao=99999999", 409, "CURSOR_AHEAD"),
        ("biangeng?tiaoshu=501", 422, "BAD_REQUEST"),
        ("xiangmu/nowhere", 404, "UNKNOWN_RECORD"),
        ("huixie/never-used-key", 404, "NOT_BOOKED"),
    ],
)
def test_read__wrong__names_what_is_wrong(client: httpx.Client, path: str, status: int, code: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json()["错误代码"]) == (status, code)


def test_token__wrong_or_rotated__401(city: SandboxProcess, client: httpx.Client) -> None:
    assert client.get("zhuangtai", headers={"Authorization": "Bearer x"}).status_code == 401
    city.control("rotate-token")
    assert client.get("zhuangtai").status_code == 401
    client.headers["Authorization"] = f"Bearer {city.token_file.read_text()}"
    assert client.get("zhuangtai").status_code == 200


def test_write__same_key_twice__one_effect(city: SandboxProcess, client: httpx.Client) -> None:
    transfer = lock_some(city)
    body, headers = accepted(transfer), {"Idempotency-Key": "twice-0001"}
    first = client.post("huixie", json=body, headers=headers)
    after = city.holdings()
    again = client.post("huixie", json=body, headers=headers)
    assert (first.status_code, first.json()["结果"]) == (201, "已入账")
    assert (again.status_code, again.json()["结果"]) == (200, "重复")
    assert again.json()["变更序号"] == first.json()["变更序号"]
    assert city.holdings() == after
    assert client.get("huixie/twice-0001").json()["变更序号"] == first.json()["变更序号"]


def test_write__same_key_from_eight_senders_at_once__one_effect(city: SandboxProcess, client: httpx.Client) -> None:
    body, headers = accepted(lock_some(city)), {"Idempotency-Key": "at-once-0001"}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.post("huixie", json=body, headers=headers), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["变更序号"] for answer in answers}) == 1


def test_write__same_key_other_body__409(city: SandboxProcess, client: httpx.Client) -> None:
    headers = {"Idempotency-Key": "other-body-1"}
    assert client.post("huixie", json=accepted(lock_some(city)), headers=headers).status_code == 201
    other = lock_some(city)
    answer = client.post("huixie", json=accepted(other), headers=headers)
    assert (answer.status_code, answer.json()["错误代码"]) == (409, "KEY_REUSED")
    assert other["native_id"] in {row["reference"] for row in city.holdings()["holdings"] if row["status"] == "locked"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"事项": "转出"}, "事项"),
        ({"链上凭证": ""}, "链上凭证"),
        ({"发生时间": "昨天"}, "发生时间"),
        ({"保留区段": [{"起始号": "1"}]}, "保留区段"),
        ({"备注": "x"}, "备注"),
    ],
)
def test_write__bad_effect__names_the_field(
    city: SandboxProcess, client: httpx.Client, change: dict[str, Any], field: str
) -> None:
    body = {**accepted(lock_some(city)), **change}
    answer = client.post("huixie", json=body, headers={"Idempotency-Key": "bad-effect-1"})
    assert (answer.status_code, answer.json()["错误代码"]) == (422, "BAD_EFFECT")
    assert answer.json()["字段"].split(".")[0] == field


def test_budget__used_up__429_with_retry_after(tmp_path: Path) -> None:
    with SandboxProcess("shanghai", tmp_path, options=("--requests-per-second", "2")) as slow:
        headers = {"Authorization": f"Bearer {slow.token_file.read_text()}"}
        answers = [httpx.get(f"{slow.url}/api/v1/zhuangtai", headers=headers, trust_env=False) for _ in range(4)]
        limited = [answer for answer in answers if answer.status_code == 429]
        assert limited
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in limited)


def test_fault__timeout_before_write__nothing_booked(city: SandboxProcess, client: httpx.Client) -> None:
    body, headers = accepted(lock_some(city)), {"Idempotency-Key": "before-0001"}
    city.fault("timeout_before_write", seconds=5)
    with pytest.raises(httpx.ReadTimeout):
        client.post("huixie", json=body, headers=headers, timeout=0.3)
    assert client.get("huixie/before-0001").status_code == 404
    assert client.post("huixie", json=body, headers=headers).status_code == 201


def test_fault__timeout_after_write__booked_once(city: SandboxProcess, client: httpx.Client) -> None:
    body, headers = accepted(lock_some(city)), {"Idempotency-Key": "after-00001"}
    city.fault("timeout_after_write", seconds=5)
    with pytest.raises(httpx.ReadTimeout):
        client.post("huixie", json=body, headers=headers, timeout=1)
    assert client.get("huixie/after-00001").status_code == 200
    assert client.post("huixie", json=body, headers=headers).json()["结果"] == "重复"


def test_fault__rate_limited__429_then_well(city: SandboxProcess, client: httpx.Client) -> None:
    city.fault("rate_limited", retry_after=7)
    answer = client.get("qianfa")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert client.get("qianfa").status_code == 200


def test_fault__server_error_on_writes__leaves_reads(city: SandboxProcess, client: httpx.Client) -> None:
    city.fault("server_error", times=2, on="write")
    body, headers = accepted(lock_some(city)), {"Idempotency-Key": "error-00001"}
    assert client.get("qianfa").status_code == 200
    statuses = [client.post("huixie", json=body, headers=headers).status_code for _ in range(3)]
    assert statuses == [500, 500, 201]


def test_fault__truncated_page__is_not_json(city: SandboxProcess, client: httpx.Client) -> None:
    city.fault("truncated_page")
    # Half a page may end inside a character too, which is a decoding error before it is a JSON error.
    with pytest.raises(ValueError, match=r"Expecting|Unterminated|Invalid|decode"):
        json.loads(client.get("biangeng").content)
    assert client.get("biangeng").json()["数据"]


def test_fault__repeated_page__serves_the_page_before(city: SandboxProcess, client: httpx.Client) -> None:
    first = client.get("biangeng", params={"tiaoshu": 2}).json()
    city.fault("repeated_page")
    asked = {"tiaoshu": 2, "youbiao": first["下一游标"]}
    assert client.get("biangeng", params=asked).json() == first
    assert client.get("biangeng", params=asked).json() != first


def test_fault__renamed_field__until_cleared(city: SandboxProcess, client: httpx.Client) -> None:
    city.fault("renamed_field", times=None, **{"from": "减排量_吨", "to": "减排数量"})
    for _ in range(2):
        content = client.get("qianfa").json()["数据"][0]["内容"]
        assert "减排数量" in content
        assert "减排量_吨" not in content
    city.clear_faults()
    assert "减排量_吨" in client.get("qianfa").json()["数据"][0]["内容"]


def test_fault__slow_and_hanging_reads(city: SandboxProcess, client: httpx.Client) -> None:
    city.fault("slow", seconds=0.4)
    started = time.monotonic()
    assert client.get("qianfa").status_code == 200
    assert time.monotonic() - started >= 0.4
    city.fault("timeout_on_read", seconds=5)
    with pytest.raises(httpx.ReadTimeout):
        client.get("qianfa", timeout=0.3)


def test_fault__clock_skew__moves_the_clock(city: SandboxProcess, client: httpx.Client) -> None:
    before = client.get("zhuangtai").json()["系统时间"]
    city.fault("clock_skew", times=None, seconds=-86_400)
    assert client.get("zhuangtai").json()["系统时间"] < before


def test_fault__unknown__refused(city: SandboxProcess) -> None:
    with pytest.raises(RegistryRefusal, match="truncated_page"):
        city.fault("truncated_csv")


def test_restore__from_backup__cursor_is_ahead(city: SandboxProcess, client: httpx.Client) -> None:
    city.control("backup", name="week")
    lock_some(city)
    cursor = client.get("zhuangtai").json()["最新变更序号"]
    city.control("restore", name="week")
    answer = client.get("biangeng", params={"youbiao": cursor})
    assert (answer.status_code, answer.json()["错误代码"]) == (409, "CURSOR_AHEAD")
    assert city.state()["consistent"]


def test_process__killed_and_started_again__kept_everything(tmp_path: Path) -> None:
    process = SandboxProcess("shanghai", tmp_path).start()
    try:
        lock_some(process, 5000)
        before = process.holdings()
        process.kill()
        with pytest.raises(SandboxNotRunning):
            process.state()
        process.start()
        assert process.holdings() == before
    finally:
        process.stop()
    assert not (tmp_path / "endpoints.json").exists()
    assert process.log.read_text() == ""


def test_process__does_not_start__says_why(tmp_path: Path) -> None:
    (tmp_path / "registry.sqlite").write_text("not a database, and longer than a page header would be" * 4)
    with pytest.raises(SandboxNotRunning, match="not a database"):
        SandboxProcess("shanghai", tmp_path).start()
