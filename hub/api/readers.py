"""Who is asking: `Authorization: Yrdhub <address>:<expires>:<signature>`, signed anew for every few minutes.

The signature is EIP-712, `ReadOrder(address reader,uint40 expires)` in the Consortium's domain, so that nothing that is
signed here can move anything on the chain. Without the header only what is public is read.
"""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Security
from fastapi.security import APIKeyHeader
from sqlalchemy import Connection

from hub.api.hub import Hub
from hub.api.problems import NotIdentified
from hub.documents.audience import PUBLIC, Reader, identify
from hub.documents.messages import ReadOrder
from hub.errors import RecordRefused

_FORM = re.compile(r"Yrdhub (0x[0-9a-fA-F]{40}):([0-9]{1,12}):(0x[0-9a-fA-F]{130})")

_SCHEME = APIKeyHeader(
    name="Authorization",
    scheme_name="Reading order",
    description="`Yrdhub <address>:<expires>:<signature>`: EIP-712 `ReadOrder(address reader,uint40 expires)` in the "
    "Consortium's domain, at most 10 minutes ahead. Without it only public documents are read.",
    auto_error=False,
)

Authorization = Annotated[str | None, Security(_SCHEME)]
"""The header as it came, or None."""


def reader_of(connection: Connection, hub: Hub, authorization: str | None) -> Reader:
    """Who signed the header, or the public without one. Raises NotIdentified: a wrong header is never read as none."""
    if authorization is None:
        return PUBLIC
    matched = _FORM.fullmatch(authorization.strip())
    if matched is None:
        raise NotIdentified(
            "the Authorization header cannot be read",
            where="header Authorization",
            remedy="send `Yrdhub <address>:<expires>:<signature>`, or leave it out",
            code="authorization_malformed",
        )
    order = ReadOrder(matched[1].lower(), int(matched[2]))
    if order.expires >= 2**40:
        raise NotIdentified(
            "the time of expiry is no time", where="header Authorization", code="authorization_malformed"
        )
    try:
        return identify(connection, hub.deployment.domain, order, bytes.fromhex(matched[3][2:]), hub.clock())
    except RecordRefused as refused:
        raise NotIdentified(
            refused.message, where="header Authorization", remedy=refused.remedy, code=refused.code
        ) from refused
