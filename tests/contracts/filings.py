"""Methodologies and projects of our own making (illustrative), filed and registered by a member's first registrar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eth_utils.crypto import keccak

from tests.contracts.chain import Receipt
from tests.contracts.deployment import FOREVER, SHANGHAI, Deployment
from tests.contracts.ids import NO_ID, ZERO

CREDITING_START, CREDITING_END = 20_454, 24_106
"""2026-01-01 to 2035-12-31, days since 1970-01-01."""


def filing(hub: Deployment, code: str = "PV/1", **changed: Any) -> dict[str, Any]:
    """A Filing, in force from now on."""
    return {
        "request": hub.request(),
        "native": keccak(text=code),
        "document": keccak(text=f"document of {code}"),
        "definition": keccak(text=f"definition of {code}"),
        "validFrom": hub.chain.now,
        "validUntil": FOREVER,
        "supersedes": NO_ID,
        "lineage": ZERO,
    } | changed


def file(hub: Deployment, code: str = "PV/1", member: int = SHANGHAI, **changed: Any) -> bytes:
    """Files it; answers the methodology's id."""
    registrar = hub.members[member].registrars[0]
    return bytes(hub.methodologies.file(member, filing(hub, code, **changed), sender=registrar).value)


def registration(hub: Deployment, methodology: bytes, name: str = "roof 1", **changed: Any) -> dict[str, Any]:
    """A Registration under the methodology."""
    return {
        "request": hub.request(),
        "native": keccak(text=name),
        "methodology": methodology,
        "document": keccak(text=f"document of {name}"),
        "creditingStart": CREDITING_START,
        "creditingEnd": CREDITING_END,
        "declaration": keccak(text=f"declaration of {name}"),
    } | changed


def assets_named(*labels: str) -> list[bytes]:
    """Keyed hashes of assets."""
    return [keccak(text=f"asset {label}") for label in labels]


def register(
    hub: Deployment,
    methodology: bytes,
    name: str = "roof 1",
    member: int = SHANGHAI,
    assets: Sequence[bytes] = (),
    **changed: Any,
) -> Receipt:
    """Registers it; the receipt's value is the project's id."""
    registrar = hub.members[member].registrars[0]
    receipt: Receipt = hub.projects.register(
        member, registration(hub, methodology, name, **changed), list(assets), sender=registrar
    )
    return receipt


def project_of(hub: Deployment, name: str = "roof 1", assets: Sequence[bytes] = ()) -> bytes:
    """A project of Shanghai under a methodology of its own."""
    return bytes(register(hub, file(hub, f"methodology of {name}"), name, assets=assets).value)


def write_project(
    hub: Deployment, function: str, *arguments: object, member: int = SHANGHAI, request: bytes = b""
) -> Receipt:
    """A registrar's call, whose last argument is a request id."""
    method = getattr(hub.projects, function)
    receipt: Receipt = method(*arguments, request or hub.request(), sender=hub.members[member].registrars[0])
    return receipt
