"""The API over a real chain and its index: every projection, pages, ETags, problems."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from sqlalchemy import update

from hub.api.app import RESOURCES, create_app
from hub.api.resources import health
from hub.chain.connection import Node
from hub.db import tables as t
from hub.errors import PROBLEM_MEDIA_TYPE
from hub.network.embedded import EmbeddedChain
from mutual_recognition import identifiers as ids
from tests.integration.api_world import (
    FIRST,
    HANGZHOU,
    HEFEI,
    LAST,
    SHANGHAI,
    SUZHOU,
    World,
    build_world,
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("api")
    with EmbeddedChain(folder, port=0) as chain, Node(chain.rpc_url, chain.chain_id) as node:
        yield build_world(node, folder)


def get(world: World, path: str, **headers: str) -> Any:
    answer = world.client.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


# -------------------------------------------------------------------- what is told


def test_members__with_kinds_names_and_officers(world: World) -> None:
    members = get(world, "/v1/members")["items"]
    assert [member["member"] for member in members] == [SHANGHAI, SUZHOU, HANGZHOU, HEFEI]
    assert members[0]["name_zh"] == "上海市"
    assert members[0]["kind"] == {"code": "full", "zh": "正式成员", "en": "full member"}
    assert members[2]["officers"] == 2
    officers = get(world, f"/v1/officers?member={HANGZHOU}")["items"]
    assert {role["code"] for officer in officers for role in officer["roles"]} == {"voter", "registrar", "auditor"}
    assert all(officer["valid"] for officer in officers)


def test_ballot__votes_tally_outcome_and_its_calls_in_words(world: World) -> None:
    ballot = get(world, f"/v1/ballots/{world.ballot}")
    assert ballot["outcome"]["code"] == "executed"
    assert ballot["tally"] == {"electorate": 4, "yes": 3, "no": 1, "abstain": 0}
    assert {vote["member"]: vote["choice"]["code"] for vote in ballot["votes"]}[HANGZHOU] == "no"
    [action] = ballot["actions"]
    assert (action["register"], action["function"]) == ("Recognition", "recognise")
    assert [entry["member"] for entry in action["arguments"]["entries"]] == [SUZHOU, HANGZHOU]
    assert get(world, "/v1/ballots?kind=recognition")["items"] == [ballot]
    assert get(world, "/v1/ballots?kind=pause")["items"] == []


def test_names__come_from_public_documents_everywhere(world: World) -> None:
    methodology = get(world, f"/v1/methodologies/{world.methodology}")["methodology"]
    assert methodology["code"] == "SH-EXAMPLE-01 1"
    assert methodology["title_zh"] == "分布式光伏（示例）"
    project = get(world, f"/v1/projects?member={SHANGHAI}&status=registered")["items"][0]
    assert project["project"]["title_en"] == "Roof PV (illustrative)"
    assert project["methodology"] == methodology
    assert project["crediting_start"] == "2024-01-01"
    issuance = get(world, f"/v1/issuances?project={world.project}&vintage=2025")["items"][0]
    assert (issuance["series"]["code"], issuance["project"]["record"]) == ("PV", "PV-1")
    assert get(world, f"/v1/series?member={SHANGHAI}&registry=illustrative&code=PV")["items"][0]["member"] == SHANGHAI


def test_project__its_assets_and_verifications(world: World) -> None:
    [asset] = get(world, f"/v1/assets?project={world.project}")["items"]
    assert asset["asset"] == "0x" + ids.asset_key(b"k" * 32, "meter", "illustrative-1").hex()
    [verification] = get(world, f"/v1/verifications?project={world.project}&voided=false")["items"]
    assert (verification["verified_kg"], verification["drawn_kg"]) == (200_000, 100_000)
    assert (verification["period_start"], verification["period_end"]) == ("2025-01-01", "2025-06-30")
    assert get(world, f"/v1/verifications/{verification['verification']}") == verification


def test_matrix__recognised_on_terms_declined_home_and_none(world: World) -> None:
    [row] = get(world, "/v1/recognitions/matrix?kind=methodology")["items"]
    assert row["subject"]["record"]["title_en"] == "Distributed PV (illustrative)"
    states = {cell["member"]: cell["state"]["code"] for cell in row["cells"]}
    assert states == {SHANGHAI: "home", SUZHOU: "recognised", HANGZHOU: "declined", HEFEI: "none"}
    cells = {cell["member"]: cell for cell in row["cells"]}
    assert cells[HANGZHOU]["declined_ballot"] == world.ballot
    terms = cells[SUZHOU]["terms"]
    assert (terms["factor_ppm"], terms["annual_cap_kg"], terms["arrived_this_year_kg"]) == (800_000, 500_000, 20_000)
    assert terms["en"].startswith("80 % of the quantity counts; for every use; from 2020-09-13 until ")
    assert terms["en"].endswith("at most 500000 kg a year; every project covered")
    assert "按 80% 计；用途不限" in terms["zh"]
    [recognition] = get(world, f"/v1/recognitions?member={SUZHOU}")["items"]
    assert recognition["state"]["code"] == "recognised"
    assert get(world, f"/v1/recognitions/matrix?home={SUZHOU}")["items"] == []


def test_transfer__arrived_less_the_cut(world: World) -> None:
    transfer = get(world, f"/v1/transfers/{world.transfer}")
    assert transfer["status"]["code"] == "accepted"
    assert transfer["serials"] == {"first": 1021, "last": 1040, "count": 20}
    assert (transfer["kept_last"], transfer["arriving_kg"]) == (1036, 20_000)
    assert get(world, f"/v1/transfers?from={SHANGHAI}&to={SUZHOU}")["items"] == [transfer]
    assert get(world, f"/v1/transfers?member={SUZHOU}&status=accepted")["items"] == [transfer]
    assert get(world, f"/v1/transfers?member={HEFEI}")["items"] == []


def test_serial__its_whole_life_and_its_end(world: World) -> None:
    life = get(world, f"/v1/serials/{world.series}/1023")
    assert [event["event"] for event in life["events"]] == [
        "issued",
        "transfer_proposed",
        "transfer_accepted",
        "retired",
    ]
    assert (life["block"]["holder"], life["block"]["status"]["code"]) == (SUZHOU, "retired")
    assert life["retirement"]["purpose"] == {
        "code": "event_neutrality",
        "zh": "活动碳中和",
        "en": "carbon neutrality of an event",
    }
    assert life["retirement"]["claimant"] == SUZHOU
    assert life["issuance"]["serials"]["first"] == FIRST
    cut = get(world, f"/v1/serials/{world.series}/1040")
    assert cut["cancellation"]["purpose"]["code"] == "conversion_cut"
    assert cut["events"][-1]["event"] == "cut"
    held = get(world, f"/v1/serials/{world.series}/{FIRST}")
    assert (held["block"]["held"], held["events"][-1]["event"]) == (1, "held")
    assert (held["retirement"], held["cancellation"]) == (None, None)


def test_serial_never_issued__not_found(world: World) -> None:
    answer = world.client.get(f"/v1/serials/{world.series}/{LAST + 1000}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == PROBLEM_MEDIA_TYPE
    assert f"there is no issued serial {LAST + 1000}" in answer.json()["detail"]


@pytest.mark.parametrize(
    "by", [["status"], ["home", "status"], ["holder", "status", "purpose"], ["series", "issuance"]]
)
def test_totals__every_grouping_adds_up_to_what_was_issued(world: World, by: list[str]) -> None:
    query = "&".join(f"by={group}" for group in by)
    totals = get(world, f"/v1/totals?{query}")
    assert totals["balance"]["adds_up"] is True
    assert sum(item["kg"] for item in totals["items"]) == totals["balance"]["issued_kg"]
    assert sum(item["serials"] for item in totals["items"]) == totals["balance"]["issued_serials"]


def test_totals__say_where_each_kilogram_is(world: World) -> None:
    totals = get(world, f"/v1/totals?by=holder&by=status&series={world.series}")
    where = {(item["holder"], item["status"]["code"]): item["kg"] for item in totals["items"]}
    assert where[SUZHOU, "retired"] == 5_000
    assert where[SUZHOU, "available"] == 11_000
    assert where[SHANGHAI, "cancelled"] == 4_000
    assert where[SHANGHAI, "available"] >= 80_000


def test_retirements_cancellations_holds__listed_by_their_filters(world: World) -> None:
    [retirement] = get(world, f"/v1/retirements?holder={SUZHOU}&purpose=event_neutrality")["items"]
    assert retirement["kg"] == 5_000
    assert get(world, "/v1/retirements?purpose=voluntary")["items"] == []
    [cut] = get(world, "/v1/cancellations?purpose=conversion_cut")["items"]
    assert (cut["serials"]["first"], cut["serials"]["last"]) == (1037, 1040)
    [hold] = get(world, f"/v1/holds?member={HEFEI}&standing=true")["items"]
    assert (hold["hold"], hold["reason"]["code"]) == (world.hold, "suspected_duplicate")
    assert hold["subjects"][0]["first_serial"] == FIRST
    assert get(world, f"/v1/holds/{world.hold}") == hold


def test_request__tells_what_was_carried_out(world: World) -> None:
    found = get(world, f"/v1/requests/{world.issue_request}")["carried_out"]
    assert [(one["member"], one["contract"], one["event"]) for one in found] == [(SHANGHAI, "CreditLedger", "Issued")]
    assert world.client.get("/v1/requests/0x" + "00" * 32).status_code == 404


def test_rules__as_the_constitution_says(world: World) -> None:
    rules = get(world, "/v1/rules")
    assert {rule["kind"]["code"]: rule["delay"] for rule in rules["ballots"]}["upgrade"] == 86_400
    assert rules["transfers"]["cosign_above_kg"] == 10_000_000
    assert {register["register"] for register in rules["registers"]} == set(world.deployment.addresses)
    allowed = {(call["register"], call["function"]): call["kind"]["code"] for call in rules["allowed_calls"]}
    assert allowed["Recognition", "recognise"] == "recognition"


def test_index__block_head_lag_and_digest(world: World) -> None:
    status = get(world, "/v1/index?digest=true")
    assert status["as_of"]["block"]["number"] == world.indexer.block()
    assert status["digest"]["total"] == world.indexer.digest().total
    assert status["head"]["lag_blocks"] == status["head"]["number"] - world.indexer.block()
    assert status["rows"]["members"] == 4


def test_reads__do_not_wait_for_the_indexer(world: World) -> None:
    with world.writing.begin() as connection:
        connection.execute(update(t.members).values(seat=99))
        started = time.monotonic()
        assert 99 not in {member["seat"] for member in get(world, "/v1/members")["items"]}
        assert time.monotonic() - started < 5
        connection.rollback()


# -------------------------------------------------------------------- pages


def pages_of(world: World, path: str) -> Iterator[dict[str, Any]]:
    following: str | None = path
    while following:
        page = get(world, following)
        yield page
        following = page["next"]


@pytest.mark.parametrize("order", ["oldest", "newest"])
@pytest.mark.parametrize("listing", ["members", "blocks", "officers", "documents"])
def test_pages__one_by_one__the_same_as_all_at_once(world: World, listing: str, order: str) -> None:
    whole = get(world, f"/v1/{listing}?order={order}")["items"]
    assert len(whole) > 2
    pages = list(pages_of(world, f"/v1/{listing}?limit=1&order={order}"))
    assert [item for page in pages for item in page["items"]] == whole


def test_totals__paged__the_same_as_all_at_once(world: World) -> None:
    path = "/v1/totals?by=status&by=holder"
    whole = get(world, path)["items"]
    assert [item for page in pages_of(world, path + "&limit=1") for item in page["items"]] == whole


def test_pages__rows_that_arrive_between_two__shift_nothing(world: World) -> None:
    drawn_on = ids.verification_id(SHANGHAI, "illustrative", "V-1")
    world.issue(901, 910, predecessor=0, drawn_on=drawn_on)
    world.indexer.follow()
    # blocks are in the order of serials, so that what comes is put before and between what is there
    by_serial = get(world, f"/v1/blocks?series={world.series}&limit=2")
    by_place = get(world, "/v1/issuances?limit=1")
    before = get(world, f"/v1/blocks?series={world.series}")["items"]
    world.issue(801, 810, predecessor=0, drawn_on=drawn_on)
    world.issue(911, 920, predecessor=901, drawn_on=drawn_on)
    world.indexer.follow()
    rest = [item for page in pages_of(world, by_serial["next"]) for item in page["items"]]
    assert [item for item in rest if item["serials"]["first"] != 911] == before[2:]
    issued = [item for page in pages_of(world, by_place["next"]) for item in page["items"]]
    assert [item["serials"]["first"] for item in issued] == [901, 801, 911]


@pytest.mark.parametrize(
    "cursor", ["", "x", "W10", "bm90IGpzb24", "WyJhIiwxXQ", "eyJhIjoxfQ", "MQ", "W251bGxd", "____", "WyJhIl0==="]
)
def test_cursor__made_up__refused(world: World, cursor: str) -> None:
    answer = world.client.get("/v1/members", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:yrdhub:problem:cursor_invalid")


def test_cursor__of_another_filter_or_listing__refused(world: World) -> None:
    following = get(world, "/v1/blocks?limit=1")["next"]
    cursor = following.split("cursor=")[1]
    for path in (f"/v1/blocks?status=retired&cursor={cursor}", f"/v1/members?cursor={cursor}"):
        assert world.client.get(path).json()["type"] == "urn:yrdhub:problem:cursor_invalid"


def test_next_page__also_in_the_link_header(world: World) -> None:
    answer = world.client.get("/v1/blocks?limit=1")
    assert answer.headers["link"] == f'<{answer.json()["next"]}>; rel="next"'


# -------------------------------------------------------------------- ETags


def test_etag__unchanged_index__not_modified_without_a_body(world: World) -> None:
    answer = world.client.get("/v1/members")
    etag = answer.headers["etag"]
    again = world.client.get("/v1/members", headers={"If-None-Match": f'"other", {etag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert world.client.get("/v1/members", headers={"If-None-Match": 'W/"other"'}).status_code == 200


def test_etag__changes_with_the_index(world: World) -> None:
    etag = world.client.get("/v1/members").headers["etag"]
    request = world.request(HEFEI)
    world.send(HEFEI, "CreditLedger", "registerSeries", [HEFEI, ids.native_key("illustrative", "HF"), 1, request])
    world.indexer.follow()
    answer = world.client.get("/v1/members", headers={"If-None-Match": etag})
    assert answer.status_code == 200
    assert answer.headers["etag"] != etag


# -------------------------------------------------------------------- problems


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/members?limit=0", 422, "request_invalid"),
        ("/v1/members?limit=201", 422, "request_invalid"),
        ("/v1/members?kind=emperor", 400, "code_unknown"),
        ("/v1/transfers?statuss=accepted", 400, "parameter_unknown"),
        ("/v1/rules?limit=1", 400, "parameter_unknown"),
        ("/v1/transfers/0x12", 422, "request_invalid"),
        ("/v1/transfers/0x" + "00" * 32, 404, "not_found"),
        ("/v1/series?code=PV", 400, "series_name_incomplete"),
        ("/v1/totals?by=colour", 422, "request_invalid"),
        ("/v1/totals?by=home&by=home", 400, "groups_repeated"),
        ("/v1/nothing", 404, "not_found"),
        ("/v1/members/", 404, "not_found"),
        (f"/v1/serials/0x{'00' * 12}/{2**70}", 422, "request_invalid"),
    ],
)
def test_problems__by_rfc_9457(world: World, path: str, status: int, code: str) -> None:
    answer = world.client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == PROBLEM_MEDIA_TYPE
    assert answer.headers["cache-control"] == "no-store"
    problem = answer.json()
    assert (problem["type"], problem["status"]) == (f"urn:yrdhub:problem:{code}", status)
    assert problem["instance"] == path.partition("?")[0]


def test_method_not_allowed__a_problem_that_says_what_is(world: World) -> None:
    answer = world.client.delete("/v1/members")
    assert (answer.status_code, answer.headers["content-type"]) == (405, PROBLEM_MEDIA_TYPE)
    assert answer.headers["allow"] == "GET"


def test_body_too_large__refused_before_it_is_read(world: World) -> None:
    answer = world.client.post("/v1/orders", content=b"x" * 2_000_001)
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:yrdhub:problem:body_too_large")

    def pieces() -> Iterator[bytes]:
        for _ in range(30):
            yield b" " * 100_000

    answer = world.client.post("/v1/orders", content=pieces())
    assert (answer.status_code, answer.json()["status"]) == (413, 413)


def test_answers__carry_security_headers_and_no_cors(world: World) -> None:
    answer = world.client.get("/v1/members", headers={"Origin": "https://example.org"})
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not [name for name in answer.headers if name.startswith("access-control")]


# -------------------------------------------------------------------- health


def test_ready__each_fact_for_itself(world: World) -> None:
    world.indexer.follow()
    facts = get(world, "/readyz")
    assert facts["ready"]
    assert {name for name, fact in facts.items() if name != "ready" and fact["ok"]} == {
        "database",
        "migrations",
        "chain",
        "index",
    }
    assert get(world, "/healthz") == {"status": "alive"}


def test_chain_away__reads_go_on_and_ready_says_so(world: World) -> None:
    with Node("http://127.0.0.1:9", world.deployment.chain_id, timeout=1.0) as nowhere:
        from fastapi.testclient import TestClient

        from hub.api.hub import Hub

        hub = Hub(world.hub.reading, world.writing, world.deployment, nowhere)
        client = TestClient(create_app(hub))
        assert client.get("/v1/members").status_code == 200
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["database"]["ok"]
        assert not answer.json()["chain"]["ok"]
        assert "127.0.0.1:9" not in answer.text
        assert client.get("/v1/index").json()["head"] is None


def test_metrics__block_head_lag_and_counts(world: World) -> None:
    world.indexer.follow()
    text = world.client.get("/metrics").text
    assert f"yrdhub_index_block {float(world.indexer.block())}" in text
    assert 'yrdhub_index_rows{projection="members"} 4.0' in text
    assert "yrdhub_index_lag_blocks" in text
    assert "yrdhub_chain_reachable 1.0" in text


# -------------------------------------------------------------------- OpenAPI


def test_openapi__every_operation_says_its_audience_and_has_an_example_that_fits(world: World) -> None:
    specification = get(world, "/v1/openapi.json")
    assert specification["openapi"].startswith("3.1")
    operations = [
        (path, method, operation)
        for path, methods in specification["paths"].items()
        for method, operation in methods.items()
    ]
    assert len(operations) > 35
    for reference in set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(specification))):
        assert reference.removeprefix("#/components/schemas/") in specification["components"]["schemas"]
    names = [operation["operationId"] for _, _, operation in operations]
    assert len(set(names)) == len(names)
    for path, method, operation in operations:
        assert "Audience:" in operation["description"], path
        done = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
        examples = [kind.get("example") for answer in done for kind in answer["content"].values()]
        assert examples, (path, method)
        assert all(example is not None for example in examples), (path, method)


def test_examples__validate_against_the_models_they_show(world: World) -> None:
    paths = get(world, "/v1/openapi.json")["paths"]
    routes = [("/v1", route) for resource in RESOURCES for route in resource.router.routes]
    routes += [("", route) for route in health.router.routes]
    assert "HTTPValidationError" not in json.dumps(paths)
    shown = 0
    for prefix, route in routes:
        assert isinstance(route, APIRoute)
        [method] = route.methods or set()
        operation = paths[prefix + route.path][method.lower()]
        for status, answer in operation["responses"].items():
            if status.startswith("2") and route.response_model is not None:
                example = answer["content"]["application/json"]["example"]
                TypeAdapter(route.response_model).validate_python(example)
                assert not _default_texts(example), (route.path, example)
                shown += 1
    assert shown > 30


def _default_texts(example: Any) -> list[Any]:
    """Values that nobody chose: example_of falls back on them where a field has no example of its own."""
    if isinstance(example, dict):
        return [found for value in example.values() for found in _default_texts(value)]
    if isinstance(example, list):
        return [found for value in example for found in _default_texts(value)]
    return [example] if example == "text" else []
