"""What the commands that share work with: the city's index, whoever reads or signs, and the hub they speak to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from hub.bootstrap import OpenIndex
from hub.chain.enums import Role
from hub.chain.keys import LocalSigner, parse_address
from hub.commands.acting import signer_of, writing
from hub.commands.open_node import keys_folder
from hub.db import tables as t
from hub.documents.audience import PUBLIC, Reader
from hub.errors import ConfigurationWrong, RecordRefused
from hub.index.queries import find
from hub.keys_at_hand import OfficerKey, choose_officer, unlock
from hub.sharing.checking import Checked, check
from hub.sharing.exchange import Exchange, Fetched, HubExchange, LocalExchange
from hub.terminal import Terminal

_HUB_ANSWERS_WITHIN = 30.0
_READERS = (Role.AUDITOR, Role.REGISTRAR, Role.VOTER, Role.ETS_AUTHORITY, Role.FINANCIAL_INSTITUTION)
"""Whose key reads, where several are at hand: an auditor may read most."""


@dataclass(frozen=True, slots=True)
class Desk:
    """One city at its desk. `member` 0: no key of an officer is at hand, and what is public is read."""

    index: OpenIndex
    exchange: Exchange
    member: int
    signer: LocalSigner | None = None

    def check(self, fetched: Fetched) -> Checked:
        """See `hub.sharing.checking.check`, against this city's own index and now."""
        with self.index.reader.connect() as connection:
            return check(connection, self.index.deployment, fetched, self.member, int(time.time()))

    def require_member(self) -> int:
        """The member that acts. Raises ConfigurationWrong where no officer's key is at hand."""
        if not self.member:
            raise ConfigurationWrong(
                "it is not said which city this is: no officer's key is at hand, or several cities' are",
                remedy="name it with --member or --key; `yrdhub keys new` makes a key",
                code="key_missing",
            )
        return self.member

    def require_signer(self) -> LocalSigner:
        """The registrar's key. Raises ConfigurationWrong."""
        if self.signer is None:
            raise ConfigurationWrong("a registrar's key seals what is shared", code="key_missing")
        return self.signer


@contextmanager
def reading_desk(terminal: Terminal, hub: str | None, member: int | None, key: str | None) -> Iterator[Desk]:
    """A desk that reads, by whichever officer's key is at hand (an auditor's before others)."""
    with writing(terminal) as index:
        officer = _reader_at_hand(terminal, index, member, key)
        domain = index.deployment.domain
        if hub is None:
            reader = PUBLIC if officer is None else Reader(officer.keystore.address, officer.member, officer.roles)
            exchange = LocalExchange(index.reader, index.documents, domain, reader)
            yield Desk(index, exchange, reader.member)
            index.documents.accesses.flush()
            return
        signer = None if officer is None else unlock(terminal.settings, officer)
        with httpx.Client(base_url=hub, timeout=_HUB_ANSWERS_WITHIN) as client:
            over_http = HubExchange(client, domain, signer)
            yield Desk(index, over_http, 0 if officer is None else officer.member, signer)


@contextmanager
def sealing_desk(terminal: Terminal, hub: str | None, member: int | None, key: str | None) -> Iterator[Desk]:
    """A desk that seals, by a registrar's key."""
    with writing(terminal) as index:
        signer, acting_for = signer_of(terminal, index, Role.REGISTRAR, member, key)
        domain = index.deployment.domain
        if hub is None:
            reader = Reader(signer.address, acting_for, Role.REGISTRAR)
            yield Desk(index, LocalExchange(index.reader, index.documents, domain, reader), acting_for, signer)
            return
        with httpx.Client(base_url=hub, timeout=_HUB_ANSWERS_WITHIN) as client:
            yield Desk(index, HubExchange(client, domain, signer), acting_for, signer)


def audience_named(desk: Desk, text: str) -> str:
    """An audience as it stands in a document. Raises RecordRefused: none such, or for one that is no member."""
    if text in {"public", "members", "auditors"}:
        return text
    word, colon, code = text.partition(":")
    if word != "member" or not colon or not code.isdigit():
        raise RecordRefused(
            "an audience is public, members, auditors, or member:CODE",
            code="audience_invalid",
            field="--audience",
            value=text,
        )
    with desk.index.reader.connect() as connection:
        row = find(connection, t.members, int(code))
    if row is None or row["left_at"]:
        raise RecordRefused(
            f"{code} is no member", code="audience_invalid", field="--audience", value=text, remedy="yrdhub member list"
        )
    return f"member:{int(code)}"


def _reader_at_hand(terminal: Terminal, index: OpenIndex, member: int | None, key: str | None) -> OfficerKey | None:
    wanted = None if key is None else parse_address(key, "--key")
    folder = keys_folder(terminal.settings)
    for role in _READERS:
        try:
            return choose_officer(folder, index.node, index.deployment, role, member=member, key=wanted)
        except ConfigurationWrong as missing:
            if missing.code == "key_ambiguous" and member is None and key is None:
                terminal.note("[dim]several cities' keys are here: reading as the public; name one with --member[/dim]")
                return None
            if missing.code != "key_missing":
                raise
    if member is None and key is None:
        return None
    raise ConfigurationWrong(
        "no key of this home is an officer's as named", what=key or member, where=str(folder), code="key_missing"
    )
