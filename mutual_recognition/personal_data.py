"""Personal data that can be recognised in what a member is about to share. None of it may go (law L7; PIPL Art. 4).

Recognised are names of fields that hold such data (户号, 手机号, id_card ...), and values of a form that only a
person's number has: resident identity cards by their check digit, mobile numbers, e-mail addresses, number plates,
household numbers that are called so. What has no form of its own (a person's name, a home's address among other words)
cannot be recognised: keeping it out stays the publisher's duty.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stdnum.cn import ric

from mutual_recognition.refusal import Refusal


class PersonalData(Refusal):
    """Content with something of a person in it. The value is told with its middle left out."""

    code = "personal_data"


@dataclass(frozen=True, slots=True)
class Recognised:
    """Where something of a person stands, what it looks like, and the value with its middle left out."""

    path: str
    kind: str
    shown: str


_FIELDS = {
    "户号": "a household number",
    "门牌": "a home's address",
    "住址": "a home's address",
    "家庭地址": "a home's address",
    "身份证": "an identity card number",
    "证件号": "an identity card number",
    "姓名": "a person's name",
    "户主": "a person's name",
    "联系人": "a person's name",
    "手机": "a telephone number",
    "电话": "a telephone number",
    "车牌": "a number plate",
    "银行卡": "a bank card number",
    "微信": "a personal account",
    "邮箱": "an e-mail address",
    "householdid": "a household number",
    "householdno": "a household number",
    "householdnumber": "a household number",
    "homeaddress": "a home's address",
    "idcard": "an identity card number",
    "idnumber": "an identity card number",
    "nationalid": "an identity card number",
    "personname": "a person's name",
    "fullname": "a person's name",
    "contactname": "a person's name",
    "phone": "a telephone number",
    "mobileno": "a telephone number",
    "mobilenumber": "a telephone number",
    "telephone": "a telephone number",
    "licenceplate": "a number plate",
    "licenseplate": "a number plate",
    "platenumber": "a number plate",
    "bankcard": "a bank card number",
    "openid": "a personal account",
    "accountdid": "a personal account",
    "wechat": "a personal account",
    "email": "an e-mail address",
}
"""Parts of field names, without case, spaces and underscores, and what stands under them."""

_EDGE = r"(?<![0-9A-Za-z])"
_PATTERNS = (
    ("a mobile telephone number", re.compile(_EDGE + r"(?:\+?86[ -]?)?1[3-9][0-9](?:[ -]?[0-9]{4}){2}(?![0-9A-Za-z])")),
    ("an e-mail address", re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")),
    (
        "a number plate",
        re.compile(
            r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-HJ-NP-Z]"
            r"[ ·.]?[A-HJ-NP-Z0-9]{4,5}[A-HJ-NP-Z0-9挂学警](?![0-9A-Za-z])"
        ),
    ),
    ("a household number", re.compile(r"(?:户号|household (?:id|no\.?|number))[:： ]*[0-9A-Za-z-]{4,}", re.IGNORECASE)),
)
_CARD = re.compile(_EDGE + r"[1-9][0-9]{16}[0-9Xx](?![0-9A-Za-z])")
_DECIMAL = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


def personal_data_in(content: Any, numbers: frozenset[str] = frozenset(), path: str = "") -> Iterator[Recognised]:
    """What of a person can be recognised in JSON `content`.

    `numbers` names fields that hold measured quantities as decimal strings: eleven digits of kilowatt-hours are no
    telephone number.
    """
    if isinstance(content, dict):
        for name, value in content.items():
            here = f"{path}.{name}" if path else str(name)
            folded = "".join(c for c in unicodedata.normalize("NFKC", str(name)).casefold() if c.isalnum())
            for part, kind in _FIELDS.items():
                # `mobile` alone is a telephone; in `mobile_combustion` it is not
                if (part in folded or folded == "mobile") and value not in (None, "", [], {}):
                    yield Recognised(here, kind, _shown(str(value)))
                    break
            else:
                if not (name in numbers and isinstance(value, str) and _DECIMAL.fullmatch(value)):
                    yield from personal_data_in(value, numbers, here)
    elif isinstance(content, list):
        for place, value in enumerate(content):
            yield from personal_data_in(value, numbers, f"{path}[{place}]")
    elif isinstance(content, str | int) and not isinstance(content, bool):
        yield from _in_text(unicodedata.normalize("NFKC", str(content)), path)


def refuse_personal_data(content: Any, numbers: frozenset[str] = frozenset(), where: str = "") -> None:
    """Raises PersonalData for the first thing of a person that is recognised; the reason names its field and kind."""
    for found in personal_data_in(content, numbers):
        reason = (
            f"{found.path} looks like {found.kind}: nothing of a person is shared (L7); leave it out, or share a count"
        )
        raise PersonalData(found.shown, reason, where)


def _in_text(text: str, path: str) -> Iterator[Recognised]:
    for card in _CARD.findall(text):
        if ric.is_valid(card):
            yield Recognised(path, "an identity card number", _shown(card))
    for kind, pattern in _PATTERNS:
        if found := pattern.search(text):
            yield Recognised(path, kind, _shown(found[0]))


def _shown(value: str) -> str:
    return value[:2] + "..." if len(value) > 3 else "..."
