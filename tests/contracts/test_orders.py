"""The orders' types as the interfaces state them, and digests as wallets make them."""

from __future__ import annotations

import re

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from scripts.compile import ROOT
from tests.contracts import orders
from tests.contracts.chain import CHAIN_ID, Key

SOMEONE = Key.named("someone")
SAMPLES = {"uint": 7, "bytes32": b"\x05" * 32, "bytes12": b"\x06" * 12, "address": SOMEONE.address}


def sample(kind: str) -> object:
    if kind.endswith("[]"):
        return [sample(kind[:-2]), sample(kind[:-2])]
    return SAMPLES["uint"] if kind.startswith("uint") else SAMPLES[kind]


@pytest.mark.parametrize("order_type", sorted(orders.ORDERS))
def test_order__signed_by_eth_account__same_signature(order_type: str) -> None:
    order = {name: sample(kind) for kind, name in orders.fields_of(order_type)}
    domain = orders.domain_separator(CHAIN_ID, SOMEONE.address)
    message = encode_typed_data(full_message=orders.typed_data(CHAIN_ID, SOMEONE.address, order_type, order))
    signed = Account.from_key(SOMEONE.secret).sign_message(message)
    assert orders.sign(domain, order_type, order, SOMEONE) == bytes(signed.signature)


def test_orders__types__are_those_of_the_interfaces() -> None:
    stated = {}
    for path in (ROOT / "contracts" / "interfaces").glob("*.sol"):
        for name, fields in re.findall(r"EIP-712 `(\w+)\(([^)]*)\)`", path.read_text(encoding="utf-8")):
            stated[name] = fields
    assert stated == orders.ORDERS
