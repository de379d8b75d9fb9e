"""Small exports of our own making (示例, illustrative) under the headings that programmes really use."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from adapters.observed.source import ObservedSource

VERRA_PROJECTS: tuple[dict[str, str], ...] = (
    {
        "ID": "9001",
        "Name": "示例 Illustrative 7.5 MW Wind Farm",
        "Proponent": "示例能源有限公司",
        "Project Type": "Energy industries (renewable/non-renewable sources)",
        "Methodology": "ACM0002",
        "Status": "Registered",
        "Country/Area": "China",
        "Estimated Annual Emission Reductions": "12,345",
        "Region": "Asia",
        "Project Registration Date": "2024-05-06",
        "Crediting Period Start Date": "2023-01-01",
        "Crediting Period End Date": "2029-12-31",
    },
    {
        "ID": "9002",
        "Name": "示例 Illustrative forest",
        "Proponent": "Illustrative Ltd.",
        "Project Type": "Agriculture Forestry and Other Land Use",
        "AFOLU Activities": "ARR",
        "Methodology": "VM0047",
        "Status": "Under validation",
        "Country/Area": "Panama",
        "Estimated Annual Emission Reductions": "2,523",
        "Region": "Latin America",
    },
    {
        "ID": "9003",
        "Name": "示例 Illustrative biogas",
        "Proponent": "Illustrative Ltd.",
        "Project Type": "Waste handling and disposal",
        "Methodology": "AMS-III.H.",
        "Status": "Under development",
        "Country/Area": "Indonesia",
        "Estimated Annual Emission Reductions": "560",
        "Region": "Asia",
    },
)


def headings_of(source: ObservedSource) -> list[str]:
    return [column.heading for column in source.columns]


def csv_text(headings: Sequence[str], rows: Iterable[Mapping[str, str]]) -> str:
    """CSV as programmes write it; cells that a row lacks are empty."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(headings)
    writer.writerows([row.get(heading, "") for heading in headings] for row in rows)
    return text.getvalue()


def write_export(
    file: Path, source: ObservedSource, rows: Iterable[Mapping[str, str]], headings: Sequence[str] | None = None
) -> Path:
    """`rows` as a file of `source`, under its own headings or others."""
    file.write_text(csv_text(headings or headings_of(source), rows), encoding="utf-8")
    return file


REAL_FILES: dict[str, str] = {
    "cdm-projects": "cdm/projects.csv",
    "cdm-issuances": "cdm/issuances_2023-08.xlsx",
    "cdm-voluntary-cancellations": "cdm/voluntary_cancellations_2023-08.xlsx",
    "cdm-administrative-cancellations": "cdm/administrative_cancellations_2023-08.xlsx",
    "gold-standard-projects": "gold_standard/projects_2026-06-04.csv",
    "gold-standard-issuances-2021": "gold_standard/issuances_2021.csv",
    "gold-standard-issuances": "programme_samples/gold-standard/issuances.csv",
    "gold-standard-retirements": "programme_samples/gold-standard/retirements.csv",
    "verra-projects": "verra/verra_projects_2026-06-16.csv",
    "verra-transactions": "programme_samples/verra/transactions.csv",
    "arb-issuances": "programme_samples/arb/nc-arboc_issuance_sheet3.csv",
    "vrod-projects-2021": "vrod/projects_2021.csv",
    "vrod-verra-issuances-2021": "vrod/vcs_issuances_2021.csv",
    **{
        f"{source}-{kind}": f"programme_samples/{folder}/{kind}.csv"
        for source, folder in (
            ("acr", "american-carbon-registry"),
            ("car", "climate-action-reserve"),
            ("art-trees", "art-trees"),
        )
        for kind in ("projects", "issuances", "retirements", "cancellations")
    },
    **{
        f"{source}-{kind}": f"programme_samples/{source}/{kind}.csv"
        for source in ("cercarbono", "isometric")
        for kind in ("projects", "issuances", "retirements")
    },
}
"""Every source with a real file in the data folder; the two of the Gold Standard API have none."""
