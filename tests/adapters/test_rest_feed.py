"""An adapter over HTTP made of mapping and form alone, and what it does when its registry misbehaves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.city.rest_feed import RestFeedAdapter
from adapters.protocol import Effect, EffectKind
from adapters.samples.sample_rest import SampleRegistry, read_lines, serving
from adapters.skeleton.mapping import MAPPING
from adapters.skeleton.rest_adapter import FORM, create
from hub.errors import ConfigurationWrong, RetryLater
from mutual_recognition.documents import Json
from mutual_recognition.records import SeriesName
from mutual_recognition.serials import SerialRange

FIXTURES = Path(__file__).parents[2] / "adapters" / "skeleton" / "fixtures" / "rest"


class Misbehaving(SampleRegistry):
    """The sample with answers of a test's own, each for the next request of that method and path."""

    def __init__(self) -> None:
        super().__init__(FORM, MAPPING, read_lines(FIXTURES / "feed.jsonl"), read_lines(FIXTURES / "books.jsonl"))
        self.instead: list[tuple[str, str, int, Json]] = []
        self.book_first = False
        self.asked: list[str] = []

    def answer(
        self, method: str, path: str, query: Mapping[str, list[str]], headers: Any, body: Any
    ) -> tuple[int, Json]:
        self.asked.append(f"{method} {path}")
        for place, (wanted, at, status, told) in enumerate(self.instead):
            if (wanted, at) == (method, path):
                del self.instead[place]
                if self.book_first:
                    super().answer(method, path, query, headers, body)
                return status, told
        return super().answer(method, path, query, headers, body)


@pytest.fixture
def registry() -> Misbehaving:
    return Misbehaving()


@contextmanager
def opened(registry: Misbehaving, tmp_path: Path, **more: Any) -> Iterator[RestFeedAdapter]:
    token = tmp_path / "token"
    token.write_text(registry.token)
    with serving(registry) as url:
        settings = {"name": "demo", "member": 990000, "registry": "sample", "url": url, "token_file": str(token)}
        settings |= {"secret_file": str(tmp_path / "secret"), "page_size": 4, "attempts": 2, "longest_wait": 0.2}
        with closing(create(settings | more)) as adapter:
            yield adapter


def names(adapter: RestFeedAdapter) -> list[str]:
    return [record.native_id for page in adapter.read("") for record in page.records]


def an_effect(series: str = "DEMO-2024", key: str = "retired_elsewhere:1") -> Effect:
    detail = {"holder": 310000, "purpose": 3, "kg_per_serial": 1000, "kg": 2000}
    name = SeriesName(code=series, member=990000, registry="sample")
    return Effect(key, EffectKind.RETIRED_ELSEWHERE, name, SerialRange(20, 21), detail, 7, "2026-01-01T00:00:00+00:00")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_passing_trouble__is_asked_again(registry: Misbehaving, tmp_path: Path, status: int) -> None:
    registry.instead = [("GET", "changes", status, {})]
    with opened(registry, tmp_path) as adapter:
        assert len(names(adapter)) == 10
    registry.instead = [("GET", "changes", status, {})] * 2
    with opened(registry, tmp_path) as adapter, pytest.raises(RetryLater):
        names(adapter)


def test_page_that_does_not_lead_on__is_asked_again(registry: Misbehaving, tmp_path: Path) -> None:
    registry.instead = [("GET", "changes", 200, {"items": [], "next": "0", "more": True})]
    with opened(registry, tmp_path) as adapter:
        assert len(names(adapter)) == 10


def test_field_renamed__stops_there_and_names_both__what_came_before_is_given(
    registry: Misbehaving, tmp_path: Path
) -> None:
    content = registry.feed[2]["content"]
    content["verified_kg"] = content.pop("verified_t")
    with opened(registry, tmp_path) as adapter:
        pages = adapter.read("")
        assert len(next(pages).records) == 2
        with pytest.raises(ConfigurationWrong, match=r"gone: verified_t; new: verified_kg"):
            next(pages)
        content["verified_t"] = content.pop("verified_kg")
        assert len(names(adapter)) == 10


@pytest.mark.parametrize("told", [[], {"items": {}, "next": "1", "more": False}, {"items": [], "more": False}])
def test_page_of_another_form__is_a_schema_that_changed(registry: Misbehaving, tmp_path: Path, told: Json) -> None:
    registry.instead = [("GET", "changes", 200, told)]
    with opened(registry, tmp_path) as adapter, pytest.raises(ConfigurationWrong) as caught:
        names(adapter)
    assert caught.value.code == "schema_changed"


def test_item_that_cannot_be_named__is_a_fault_and_the_others_go_on(registry: Misbehaving, tmp_path: Path) -> None:
    registry.feed[1] = registry.feed[1] | {"version": "second"}
    registry.feed[-1] = "not an object"
    with opened(registry, tmp_path) as adapter:
        pages = list(adapter.read(""))
    assert len([record for page in pages for record in page.records]) == 8
    assert {fault.value for page in pages for fault in page.faults} == {"second", "not an object"}


@pytest.mark.parametrize("booked", [True, False])
def test_answer_to_a_write_lost__the_key_tells_whether_it_is_booked(
    registry: Misbehaving, tmp_path: Path, booked: bool
) -> None:
    registry.instead, registry.book_first = [("POST", "effects", 503, {})], booked
    with opened(registry, tmp_path) as adapter:
        if booked:
            (receipt,) = adapter.push([an_effect()])
            assert receipt.accepted
        else:
            with pytest.raises(RetryLater):
                adapter.push([an_effect()])
        assert len(registry.booked) == int(booked)
        assert adapter.push([an_effect()])[0].accepted
        assert len(registry.booked) == 1


def test_push__of_several__gives_what_was_answered_and_refusals_with_their_reason(
    registry: Misbehaving, tmp_path: Path
) -> None:
    with opened(registry, tmp_path) as adapter:
        first, second = adapter.push([an_effect(), an_effect("OTHER", "retired_elsewhere:2")])
        assert (first.accepted, second.accepted) == (True, False)
        assert "units_unknown" in second.reason
        registry.instead = [("POST", "effects", 500, {})]
        untold = replace(an_effect(key="retired_elsewhere:3"), serials=None)
        (given,) = adapter.push([untold, an_effect(key="retired_elsewhere:4")])
        assert (given.key, given.accepted) == (untold.key, False)  # the one behind it was not answered


def test_health__of_a_registry_that_refuses_or_is_away(registry: Misbehaving, tmp_path: Path) -> None:
    with opened(registry, tmp_path) as adapter:
        assert adapter.health().facts == {"latest_change": 10}
        registry.instead = [("GET", "status", 404, {"code": "gone", "message": "moved"})]
        assert "gone: moved" in adapter.health().detail
    with opened(registry, tmp_path, url="http://127.0.0.1:9/") as nobody:
        assert not nobody.health().reachable
