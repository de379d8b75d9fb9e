"""Serial texts of public programmes: the forms that their files really hold."""

from __future__ import annotations

import pytest

from adapters.observed.serial_texts import (
    against_quantity,
    read_cdm,
    read_gold_standard,
    read_prefixed,
    read_stated,
    read_verra,
)
from mutual_recognition.observed import Programme, SerialFault, capacity_in, methodology_codes


@pytest.mark.parametrize(
    ("text", "party", "first", "last", "project", "mended"),
    [
        ("CN-5-971181543-2-2-0-2898 - CN-5-971190304-2-2-0-2898", "CN", 971181543, 971190304, "2898", ""),
        (
            "CN-5-971181543-2-2-0-2898\u00c2\u00a0 - CN-5-971190304-2-2-0-2898\u00c2\u00a0",
            "CN", 971181543, 971190304, "2898", "characters damaged by a wrong encoding",
        ),
        ("CN-5-862838623-1-1-0-4079-CN-5-862966308-1-1-0-4079", "CN", 862838623, 862966308, "4079", ""),
        ("IN-5-174966980-1-1-0-362 to IN-5-174975716-1-1-0-362", "IN", 174966980, 174975716, "362", ""),
        (
            "HN-05-00-37743-01-01-000-0000492 - HN-05-00-44927-01-01-000-0000492",
            "HN", 37743, 44927, "492", "",
        ),
        (
            "NP-5-3767403-2-2-09572 - NP-5-3771712-2-2-09572",
            "NP", 3767403, 3771712, "9572", "two fields run together",
        ),
        (
            "IN-5-255145692-2-2-0-7379 - IN-255171762-2-2-0-7379",
            "IN", 255145692, 255171762, "7379", "a unit type is missing",
        ),
        (
            "N-5-237485259-2-2-0-10288     - IN-5-237492845-2-2-0-10288",
            "IN", 237485259, 237492845, "10288", "party N and IN taken for IN",
        ),
        ("522953 - 537700", "", 522953, 537700, "", "the text states no party"),
    ],
)  # fmt: skip
def test_cdm_serials__in_every_form_that_gold_standard_wrote_them(
    text: str, party: str, first: int, last: int, project: str, mended: str
) -> None:
    read = read_gold_standard(text, is_cer=True)
    assert (read.programme, read.series, read.first, read.last, read.project) == (
        Programme.CDM, party, first, last, project,
    )  # fmt: skip
    assert read.fault is SerialFault.NONE
    assert read.mended == mended


def test_serials_upside_down__are_told_with_both_ends() -> None:
    read = read_cdm(" NG-5-3641298-2-2-0-2711 -  NG-5-3636057-2-2-0-2711")
    assert (read.fault, read.first, read.last) == (SerialFault.INVERTED, 3641298, 3636057)


def test_serials_of_two_parties_or_projects__are_no_range() -> None:
    assert read_cdm("CN-5-10-2-2-0-1 - IN-5-20-2-2-0-1").fault is SerialFault.HALVES_DIFFER
    assert read_cdm("CN-5-10-2-2-0-1 - CN-5-20-2-2-0-2").fault is SerialFault.HALVES_DIFFER


@pytest.mark.parametrize("text", ["", "CN", "CN-5-10-2-2-0-1", "CN-5-1 - CN-5-2", "n/a", "=1-2"])
def test_text_that_is_no_range__is_said_to_be_none(text: str) -> None:
    assert read_cdm(text).fault is SerialFault.NOT_A_RANGE


def test_quantity_that_the_range_does_not_hold__faults_it() -> None:
    read = read_gold_standard("GS1-1-CN-GS1011-4-2012-4574-1-2311", is_cer=False)
    assert (read.series, read.first, read.last, read.project) == ("GS1-1-CN-GS1011-4-2012-4574", 1, 2311, "1011")
    assert against_quantity(read, 2_311_000) == read
    assert against_quantity(read, 2_310_000).fault is SerialFault.DISAGREES


def test_a_voluntary_row_with_cdm_serials__is_not_taken_for_one() -> None:
    read = read_gold_standard("CN-5-971181543-2-2-0-2898 - CN-5-971190304-2-2-0-2898", is_cer=False)
    assert read.fault is SerialFault.NOT_A_RANGE


def test_other_programmes__name_series_and_ends() -> None:
    verra = read_verra("19385-941467007-941467431-VCS-VCU-1507-VER-ET-14-1340-01012020-31122020-1")
    assert (verra.series, verra.first, verra.last, verra.project) == ("VCS-VCU", 941467007, 941467431, "1340")
    acr = read_prefixed("ACR-US-1185-2025-3078-1 to 85847", Programme.ACR)
    assert (acr.series, acr.first, acr.last) == ("ACR-US-1185-2025-3078", 1, 85847)
    stated = read_stated(Programme.CERCARBONO, "CDC_1_1_1_321_14_1_2009", "4426", "4971")
    assert (stated.series, stated.first, stated.last) == ("CDC_1_1_1_321_14_1_2009", 4426, 4971)
    assert read_stated(Programme.CERCARBONO, "CDC_1", "0", "999").fault is SerialFault.IMPLAUSIBLE
    assert read_stated(Programme.CERCARBONO, "CDC_1", "9", "3").fault is SerialFault.INVERTED


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("AMS-I.D. ver. 4", ("AMS-I.D",)),
        ("AMS-III.AR. Substituting fossil fuel", ("AMS-III.AR",)),
        ("ACM0002 Grid-connected; VM0007", ("ACM0002", "VM0007")),
        ("CDM - AR-ACM0003: Afforestation", ("AR-ACM0003",)),
        ("GS TPDDTEC v3.1", ("GS-TPDDTEC",)),
        ("Forest Carbon", ()),
    ],
)
def test_methodology_codes__in_one_spelling_without_versions(text: str, codes: tuple[str, ...]) -> None:
    assert methodology_codes(text) == codes


@pytest.mark.parametrize(
    ("name", "watts"),
    [
        ("7.25 MW wind energy project", 7_250_000),
        ("1,400 MW Station", 1_400_000_000),
        ("2x5MW Hydro", None),
        ("10 MW and 20 MW", None),
        ("100 MWh of storage", None),
        ("A biogas plant", None),
    ],
)
def test_capacity__only_where_the_name_states_exactly_one(name: str, watts: int | None) -> None:
    assert capacity_in(name) == watts
