"""Picklists of the data model: which values a field may have. Governance of CAD Trust changes them, so a file may say.

The values here are a snapshot (README.md, "Where each fact is from"). A live node's own, from
`GET /v1/governance/meta/pickList`, are read with `read_picklists` and take the place of those here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from adapters.transports.snapshots import DEFAULT_LIMITS, snapshot
from adapters.transports.spreadsheets import Worker
from hub.errors import ConfigurationWrong

UNIT_STATUS = (
    "Held",
    "Retired",
    "Cancelled",
    "Expired",
    "Inactive",
    "Buffer",
    "Exported",
    "Rejected",
    "Pending Export",
)
UNIT_TYPE = (
    "Avoidance",
    "Reduction - nature",
    "Reduction - technical",
    "Removal - nature",
    "Removal - technical",
    "Not Determined",
)
PROJECT_STATUS = (
    "Listed",
    "Validated",
    "Registered",
    "Approved",
    "Authorized",
    "Completed",
    "Inactive",
    "Withdrawn",
    "Rejected",
    "De-registered",
)
# the entries of this list, and how it calls them, are CAD Trust's
_COUNTRIES = """
Afghanistan|Albania|Algeria|Andorra|Angola|Antigua and Barduba|Argentina|Armenia|Australia|Austria|Azerbaijan|Bahamas|
Bahrain|Bangladesh|Barbados|Belarus|Belgium|Belize|Benin|Bhutan|Bolivia|Bosnia and Herzegovina|Botswana|Brazil|
Brunei Darussalam|Bulgaria|Burkina Faso|Burundi|Cabo Verde|Cambodia|Cameroon|Canada|Central African Republic|Chad|Chile|
China|Colombia|Comoros|Congo|Cook Islands|Costa Rica|Cote d'Ivoire|Croatia|Cuba|Cyprus|Czech Republic|
Democratic People's Republic of Korea|Democratic Republic of Congo|Denmark|Djibouti|Dominica|Dominican Republic|Ecuador|
Egypt|El Salvador|Equatorial New Guinea|Eritrea|Estonia|Eswatini|Ethiopia|European Union|Fiji|Finland|France|Gabon|
Gambia|Georgia|Germany|Ghana|Greece|Grenada|Guatemala|Guinea|Guinea-Bissau|Guyana|Haiti|Holy See|Honduras|
Hong Kong S.A.R.|Hungary|Iceland|India|Indonesia|Iran (Islamic Republic of)|Iraq|Ireland|Israel|Italy|Jamaica|Japan|
Jordan|Kazakhstan|Kenya|Kiribati|Kuwait|Kyrgyzstan|Lao People's Democratic Republic|Latvia|Lebanon|Lesotho|Liberia|
Libya|Liechtenstein|Lithuania|Luxembourg|Macau S.A.R.|Madagascar|Malawi|Malaysia|Maldives|Mali|Malta|Marshall Islands|
Mauritania|Mauritius|Mexico|Micronesia (Federated States of)|Monaco|Mongolia|Montenegro|Morocco|Mozambique|Myanmar|
Namibia|Nauru|Nepal|Netherlands (Kingdom of the)|New Zealand|Nicaragua|Niger|Nigeria|Niue|North Macedonia|Norway|Oman|
Pakistan|Palau|Panama|Papua New Guinea|Paraguay|Peru|Philippines|Poland|Portugal|Puerto Rico|Qatar|Republic of Korea|
Republic of Moldova|Romania|Russian Federation|Rwanda|Samoa|San Marino|Sao Tome and Principe|Saudi Arabia|Senegal|
Serbia|Seychelles|Sierra Leone|Singapore|Slovakia|Slovenia|Solomon Islands|Somalia|South Africa|South Sudan|Spain|
Sri Lanka|
St. Kitts and Nevis|St. Lucia|St. Vincent and the Grenadines|State of Palestine|Sudan|Suriname|Swaziland|Sweden|
Switzerland|Syria Arab Republic|Taiwan|Tajikistan|Thailand|Timor-Leste|Togo|Tonga|Trinidad and Tobago|Tunisia|Turkey|
Turkmenistan|Tuvalu|Uganda|Ukraine|United Arab Emirates|United Kingdom of Great Britain and Northern Ireland|
United Republic of Tanzania|United States of America|Uruguay|Uzbekistan|Vanuatu|Venezuela (Bolivarian Republic of)|
Viet Nam|Western Sahara|Yemen|Zambia|Zimbabwe|Not Specified
"""
_COUNTRIES_BEFORE = """
Bosnia and  Herzegovina|Domincan Republic|Guinea Bissau|Iran|Micronesia|Netherlands|Saint Kitts and Nevis|Saint Lucia|
Saint Vincent and the Grenadines|The Former Yugoslav Republic of Macedonia|United Kingdom|Venezuela
"""
"""Spellings of the older list, with its own slips, which records uploaded before the change still have."""

SDGS = (
    "SDG 1 - No poverty",
    "SDG 2 - Zero hunger",
    "SDG 3 - Good health and well-being",
    "SDG 4 - Quality education",
    "SDG 5 - Gender equality",
    "SDG 6 - Clean water and sanitation",
    "SDG 7 - Affordable and clean energy",
    "SDG 8 - Decent work and economic growth",
    "SDG 9 - Industry innovation and infrastructure",
    "SDG 10 - Reduced inequalities",
    "SDG 11 - Sustainable cities and communities",
    "SDG 12 - Responsible consumption and production",
    "SDG 13 - Climate action",
    "SDG 14 - Life below water",
    "SDG 15 - Life on land",
    "SDG 16 - Peace and justice strong institutions",
    "SDG 17 - Partnerships for the goals",
)


def _names(text: str) -> frozenset[str]:
    return frozenset(name for line in text.split("\n") for name in line.split("|") if name)


_BUILT_IN: dict[str, frozenset[str]] = {
    "countries": _names(_COUNTRIES) | _names(_COUNTRIES_BEFORE),
    "coveredByNDC": frozenset(("Inside NDC", "Outside NDC", "Unknown")),
    "projectStatusValues": frozenset(PROJECT_STATUS),
    "unitMetric": frozenset(("tCO2e",)),
    "unitType": frozenset(UNIT_TYPE),
    "unitStatus": frozenset(UNIT_STATUS),
    "correspondingAdjustmentDeclaration": frozenset(("Committed", "Not Required", "Unknown")),
    "correspondingAdjustmentStatus": frozenset(("Not Applicable", "Not Started", "Pending", "Completed")),
    "labelType": frozenset(("Endorsement", "Letter of Qualification", "Certification")),
    "ratingType": frozenset(("CDP", "CCQI")),
    "coBenefits": frozenset(SDGS),
}


@dataclass(frozen=True, slots=True)
class Picklists:
    """The values of each picklist by the name that CAD Trust's governance gives it."""

    values: Mapping[str, frozenset[str]] = field(default_factory=lambda: _BUILT_IN)
    source: str = "built in"

    def allows(self, name: str, value: str) -> bool:
        """Whether `value` is in the list; a list that is not known here allows everything."""
        known = self.values.get(name)
        return known is None or value in known


BUILT_IN = Picklists()


def read_picklists(file: Path) -> Picklists:
    """Those built in, replaced where `file` says otherwise.

    A JSON object of lists as a node answers at `/v1/governance/meta/pickList`; or a workbook whose one column is headed
    Country. Raises ConfigurationWrong (`picklists_unreadable`) for anything else.
    """
    found = _from_workbook(file) if file.suffix.lower() == ".xlsx" else _from_json(file)
    return Picklists(_BUILT_IN | found, file.name)


def _from_json(file: Path) -> dict[str, frozenset[str]]:
    try:
        told = json.loads(file.read_text(encoding="utf-8-sig"))
        if not isinstance(told, dict):
            raise TypeError("not an object")
        return {
            str(name): frozenset(str(value) for value in values)
            for name, values in told.items()
            if isinstance(values, list)
        }
    except (OSError, ValueError, TypeError) as unreadable:
        raise _unreadable(file, str(unreadable)) from unreadable


def _from_workbook(file: Path) -> dict[str, frozenset[str]]:
    with snapshot(file) as copy, Worker(copy, DEFAULT_LIMITS) as worker:
        for sheet in worker.sheets():
            if sheet.rows and [str(cell).casefold() for cell in sheet.rows[0]] == ["country"]:
                rows = worker.rows(sheet.position)
                return {"countries": frozenset(str(cells[0]) for number, cells in rows if number > 1)}
    raise _unreadable(file, "no sheet has the one column Country")


def _unreadable(file: Path, why: str) -> ConfigurationWrong:
    return ConfigurationWrong(
        f"the picklists cannot be read: {why}",
        code="picklists_unreadable",
        where=str(file),
        remedy="give the JSON of GET /v1/governance/meta/pickList, or a workbook with the one column Country",
    )
