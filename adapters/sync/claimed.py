"""A meter that serves another project already, by its number: the chain knows both by hashes alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hub.errors import ChainRefused
from mutual_recognition.identifiers import asset_key, member_of
from mutual_recognition.records import ProjectRegistration, Record

ERROR = "AssetClaimed"


def name_asset(
    refused: ChainRefused, records: Iterable[Record], key: bytes, name_of: Callable[[bytes], str | None]
) -> None:
    """Puts the refusal ERROR of a project among `records` into the registry's own words: which of its assets, and which
    project has it (`name_of` its id). `key`: the consortium's asset key. The hashes stay in its arguments."""
    wanted = bytes.fromhex(str(refused.arguments["asset"]).removeprefix("0x"))
    by = bytes.fromhex(str(refused.arguments["by"]).removeprefix("0x"))
    assets = [asset for record in records if isinstance(record, ProjectRegistration) for asset in record.assets]
    for asset in assets:
        if asset_key(key, asset.kind, asset.identifier) == wanted:
            project = name_of(by) or "0x" + by.hex()
            refused.message = (
                f"{asset.kind} {asset.identifier} already serves project {project} of member {member_of(by)}; "
                "an asset serves one project at a time"
            )
            refused.remedy = "correct its number at the registry, or have it leave that project first"
