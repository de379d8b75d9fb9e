"""What one city publishes and another takes into its own work (`yrdhub share`), with the reading on record."""

from __future__ import annotations

import time

from hub.chain.enums import Role
from hub.demo.cities import HANGZHOU, SHANGHAI, City
from hub.demo.samples import shared_parameters
from hub.demo.steps import Step, expect
from hub.demo.world import World
from hub.documents.audience import Reader
from hub.sharing.checking import Checked, check
from hub.sharing.exchange import Fetched, LocalExchange
from hub.sharing.importing import Form, import_document
from hub.sharing.own_store import open_own_store
from hub.sharing.publishing import Item, publish
from mutual_recognition.documents import DocumentKind

RECORD = "DEMO-SH-PV-EF"


def share_parameters(world: World) -> Step:
    """Shanghai shares parameters with all members, Hangzhou makes a draft of its own of them."""
    item = Item(RECORD, shared_parameters(SHANGHAI), "the demo")
    registrar = world.key(SHANGHAI, "registrar")
    at_home = _exchange(world, SHANGHAI)
    (shared,) = publish(
        at_home, registrar, SHANGHAI.member, SHANGHAI.registry, DocumentKind.PARAMETERS, "members", [item]
    )
    folder = world.home / "sharing"
    folder.mkdir(exist_ok=True)
    file = folder / f"{HANGZHOU.name}-{RECORD}.json"
    with open_own_store(world.home, HANGZHOU.member) as store:
        draft = import_document(
            store,
            _exchange(world, HANGZHOU),
            lambda fetched: _check(world, fetched),
            shared.digest,
            Form.PARAMETERS_DRAFT,
            file,
        )
    world.index.documents.accesses.flush()
    rows, _ = at_home.accesses({"digest": shared.digest}, 0, 50)
    readings = [(row["member"], row["how"]) for row in rows]
    expect((HANGZHOU.member, "import") in readings, "the import to be on record", readings)
    lines = (
        f"Shanghai shares {RECORD} version {shared.version} with the members, sealed by its registrar: {shared.digest}",
        f"Hangzhou checks the seal against the chain and imports it as a draft that names the original ({file.name}); "
        "Shanghai sees who read and imported it, for three years",
    )
    data = {
        "document": shared.digest,
        "readings": [list(one) for one in readings],
        "lineage": draft["lineage"],
        "file": str(file),
    }
    return Step("sharing", "Shared: parameters, from one city to another 信息共享", lines, data=data)


def _exchange(world: World, city: City) -> LocalExchange:
    reader = Reader(world.key(city, "registrar").address, city.member, Role.REGISTRAR)
    return LocalExchange(world.index.reader, world.index.documents, world.deployment.domain, reader)


def _check(world: World, fetched: Fetched) -> Checked:
    with world.index.reader.connect() as connection:
        return check(connection, world.deployment, fetched, HANGZHOU.member, int(time.time()))
