"""CDM parties by CAD Trust's names of countries: a CDM serial is unique within its party."""

from __future__ import annotations

from typing import Final

_CODES: Final = """
AL Albania|DZ Algeria|AR Argentina|AM Armenia|AZ Azerbaijan|BS Bahamas|BD Bangladesh|BZ Belize|BT Bhutan|BO Bolivia|
BA Bosnia and Herzegovina|BW Botswana|BR Brazil|BF Burkina Faso|BI Burundi|KH Cambodia|CM Cameroon|CV Cabo Verde|
CL Chile|CN China|CO Colombia|CG Congo|CD Democratic Republic of Congo|CR Costa Rica|CI Cote d'Ivoire|CU Cuba|
CY Cyprus|DO Dominican Republic|EC Ecuador|EG Egypt|SV El Salvador|ET Ethiopia|FJ Fiji|GA Gabon|GM Gambia|
GE Georgia|GH Ghana|GT Guatemala|GY Guyana|HN Honduras|IN India|ID Indonesia|IR Iran|IR Iran (Islamic Republic of)|
IL Israel|JM Jamaica|JO Jordan|KE Kenya|KP Democratic People's Republic of Korea|KR Republic of Korea|
LA Lao People's Democratic Republic|LB Lebanon|LS Lesotho|LR Liberia|LY Libya|MG Madagascar|MW Malawi|MY Malaysia|
ML Mali|MT Malta|MR Mauritania|MU Mauritius|MX Mexico|MD Moldova|MD Republic of Moldova|MN Mongolia|ME Montenegro|
MA Morocco|MZ Mozambique|MM Myanmar|NA Namibia|NP Nepal|NI Nicaragua|NE Niger|NG Nigeria|MK North Macedonia|
MK The Former Yugoslav Republic of Macedonia|PK Pakistan|PA Panama|PG Papua New Guinea|PY Paraguay|PE Peru|
PH Philippines|QA Qatar|RW Rwanda|SA Saudi Arabia|SN Senegal|RS Serbia|SG Singapore|ZA South Africa|LK Sri Lanka|
SD Sudan|SZ Swaziland|SZ Eswatini|SY Syria Arab Republic|TJ Tajikistan|TZ United Republic of Tanzania|TH Thailand|
TG Togo|TN Tunisia|UG Uganda|AE United Arab Emirates|UY Uruguay|UZ Uzbekistan|VU Vanuatu|VN Viet Nam|YE Yemen|
ZM Zambia|ZW Zimbabwe
"""

PARTIES: Final[dict[str, str]] = {
    entry[3:]: entry[:2] for line in _CODES.split("\n") for entry in line.split("|") if entry
}
"""Name: ISO 3166 code, which is the party's in serials."""
