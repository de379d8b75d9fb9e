"""A log of changes made by comparing readings: versions, what vanished, what stands twice, and a log that is lost."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.protocol import Fault
from adapters.transports.comparing import ChangeLog, Noticed, Position, Seen
from hub.errors import ConfigurationWrong


@pytest.fixture
def log(tmp_path: Path) -> ChangeLog:
    return ChangeLog(tmp_path / "readings.sqlite")


def seen(native_id: str, place: int = 1, rank: int = 0, kind: str = "签发", **payload: Any) -> Seen:
    return Seen(kind, native_id, payload, f"sheet {kind} row {place}", rank, place)


def read_on(log: ChangeLog, cursor: str) -> tuple[list[tuple[str, int]], list[tuple[str, str]], str]:
    """Number and version of the records, code and value of the notices, and the cursor behind them."""
    position = log.begin(Position.parse(cursor))
    records, faults, following = log.after(position, 1000)
    return [(r.native_id, r.version) for r in records], [(f.code, f.value) for f in faults], str(following)


def test_reading_compared__new_and_changed_only(log: ChangeLog) -> None:
    assert log.compare("a", [seen("1", kg=5), seen("2", 2, kg=6)]) == 2
    records, faults, cursor = read_on(log, "")
    assert (records, faults) == ([("1", 1), ("2", 1)], [])
    assert log.compare("b", [seen("0", 1, kg=1), seen("1", 2, kg=5), seen("2", 3, kg=7)]) == 2
    assert read_on(log, cursor)[0] == [("0", 1), ("2", 2)]
    assert read_on(log, "")[0] == [("1", 1), ("2", 1), ("0", 1), ("2", 2)]
    assert log.compare("b", [seen("0", 9, kg=1), seen("1", 8, kg=5), seen("2", 7, kg=7)]) == 0


def test_edited_back__is_a_version_of_its_own(log: ChangeLog) -> None:
    for content, kg in (("a", 5), ("b", 6), ("c", 5)):
        log.compare(content, [seen("1", kg=kg)])
    assert read_on(log, "")[0] == [("1", 1), ("1", 2), ("1", 3)]


def test_changes_of_one_reading__come_by_rank_and_place(log: ChangeLog) -> None:
    log.compare("a", [seen("c", 1, rank=2), seen("b", 9, rank=1), seen("a", 3, rank=1)])
    assert [name for name, _ in read_on(log, "")[0]] == ["a", "b", "c"]


def test_row_vanished__told_once_with_its_last_place(log: ChangeLog) -> None:
    log.compare("a", [seen("1"), seen("2", 2)])
    log.compare("b", [seen("2", 1), seen("1", 2)])
    _, _, cursor = read_on(log, "")
    for content in ("c", "d"):
        log.compare(content, [seen("2", 1)])
    position = log.begin(Position.parse(cursor))
    _, (fault,), _ = log.after(position, 10)
    assert (fault.code, fault.field, fault.value) == ("row_vanished", "签发", "1")
    assert fault.source == "sheet 签发 row 2 (no longer there at reading 3)"


def test_row_back__is_said_and_is_no_new_record(log: ChangeLog) -> None:
    log.compare("a", [seen("1", kg=5)])
    log.compare("b", [])
    _, _, cursor = read_on(log, "")
    log.compare("c", [seen("1", 7, kg=5)])
    records, faults, cursor = read_on(log, cursor)
    assert (records, faults) == ([], [("row_back", "1")])
    log.compare("d", [])
    log.compare("e", [seen("1", kg=6)])
    records, faults, _ = read_on(log, cursor)
    assert (records, faults) == ([("1", 2)], [("row_vanished", "1"), ("row_back", "1")])


def test_number_twice__differing_rows__neither_is_taken_until_one_goes(log: ChangeLog) -> None:
    log.compare("a", [seen("1", kg=5)])
    _, _, cursor = read_on(log, "")
    log.compare("b", [seen("1", 1, kg=5), seen("1", 2, kg=6)])
    records, faults, cursor = read_on(log, cursor)
    assert (records, faults) == ([], [("row_repeated_differently", "1")])
    log.compare("c", [seen("1", 2, kg=6)])
    assert read_on(log, cursor)[:2] == ([("1", 2)], [])


def test_number_twice__same_rows__taken_once(log: ChangeLog) -> None:
    log.compare("a", [seen("1", 1, kg=5), seen("1", 2, kg=5)])
    assert read_on(log, "")[:2] == ([("1", 1)], [("row_repeated", "1")])


def test_notice__told_while_it_stands_wherever_it_moves__and_again_when_it_comes_back(log: ChangeLog) -> None:
    def notice(row: int) -> Noticed:
        return Noticed("签发", Fault(f"row {row}", "签发编号", "x", "a row without number", "row_without_number"))

    log.compare("a", [notice(4)])
    log.compare("b", [notice(5)])
    log.compare("c", [])
    log.compare("d", [notice(5)])
    assert read_on(log, "")[1] == [("row_without_number", "x")] * 2


def test_reading_broken_off__leaves_no_trace(log: ChangeLog) -> None:
    log.compare("a", [seen("1", kg=5)])

    def broken() -> Iterator[Seen]:
        yield seen("2", kg=1)
        raise ConfigurationWrong("a sheet is gone", code="sheet_missing")

    with pytest.raises(ConfigurationWrong):
        log.compare("b", broken())
    assert (log.content(), log.readings()) == ("a", 1)
    assert read_on(log, "")[:2] == ([("1", 1)], [])


def test_log_lost__numbers_on_above_what_was_seen(tmp_path: Path) -> None:
    log = ChangeLog(tmp_path / "log.sqlite")
    for content, kg in (("a", 5), ("b", 6), ("c", 7)):
        log.compare(content, [seen("1", kg=kg), seen("2")])
    cursor = read_on(log, "")[2]
    (tmp_path / "log.sqlite").unlink()
    position = log.begin(Position.parse(cursor))
    log.compare("d", [seen("1", kg=8), seen("2")])
    records, _, following = log.after(position, 10)
    assert [(r.native_id, r.version) for r in records] == [("1", 4), ("2", 4)]
    assert log.begin(Position.parse(str(following))) == following


def test_log_put_back_from_a_backup__begins_anew_above_the_cursor(tmp_path: Path) -> None:
    file = tmp_path / "log.sqlite"
    log = ChangeLog(file)
    log.compare("a", [seen("1", kg=5)])
    backup = file.read_bytes()
    log.compare("b", [seen("1", kg=6)])
    cursor = read_on(log, "")[2]
    file.write_bytes(backup)
    position = log.begin(Position.parse(cursor))
    log.compare("c", [seen("1", kg=7)])
    assert [(r.native_id, r.version) for r in log.after(position, 10)[0]] == [("1", 3)]


def test_cursor__of_another_kind__refused_with_advice(log: ChangeLog) -> None:
    with pytest.raises(ConfigurationWrong) as refused:
        Position.parse("12:7")
    assert refused.value.code == "cursor_invalid"
    assert refused.value.remedy


def test_pages__of_any_size__give_the_same(log: ChangeLog) -> None:
    log.compare("a", [seen(str(number), number) for number in range(1, 24)])
    found, position = [], log.begin(None)
    while True:
        records, _, following = log.after(position, 7)
        if following == position:
            break
        found += [r.native_id for r in records]
        position = log.begin(Position.parse(str(following)))
    assert found == [str(number) for number in range(1, 24)]


def test_file__for_its_owner_alone__damage_is_named(tmp_path: Path, log: ChangeLog) -> None:
    log.compare("a", [seen("1")])
    file = tmp_path / "readings.sqlite"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_bytes(b"no database at all, though long enough to be looked at" * 40)
    with pytest.raises(ConfigurationWrong) as refused:
        log.content()
    assert refused.value.code == "change_log_damaged"
    assert str(file) in str(refused.value)
