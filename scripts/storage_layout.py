"""Where each register keeps its state, as a committed snapshot that an upgrade may only append to.

    python -m scripts.storage_layout            compare with contracts/storage-layout.json; exit 1 and say what differs
    python -m scripts.storage_layout --write    write it, where everything it says still holds

A register is upgraded behind its proxy, and its new code reads the slots that the old code wrote. So a variable, or a
field of a structure in storage, is never moved, renamed, retyped or removed: a new one comes after the last. What the
compiler reports is kept one line a variable, so that a change shows in review. Three things it does not report:
OpenZeppelin's own state (ERC-1967 and ERC-7201 slots, away from these), the order of an enum's names, and what
types/UnitBlocks.sol and types/Tallies.sol pack into one word by hand, which tests/contracts/test_storage_layout.py
reads back from the slot.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.compile import ROOT, Project, compare_sources

SNAPSHOT = ROOT / "contracts" / "storage-layout.json"
REGISTERS = ("Consortium", "CreditLedger", "Holds", "Methodologies", "Projects", "Recognition")

Layout = dict[str, list[str]]
"""Of one register: lines `slot+byte name: type, size` under VARIABLES and under each structure in its storage."""

VARIABLES = "storage"


def layout_of(artifact: Mapping[str, Any]) -> Layout:
    """The layout of an artifact of scripts/compile.py, in the snapshot's form."""
    types = artifact["storageLayout"]["types"]

    def lines(fields: Sequence[Mapping[str, Any]]) -> list[str]:
        return [
            f"{field['slot']}+{field['offset']} {field['label']}: {types[field['type']]['label']}, "
            f"{types[field['type']]['numberOfBytes']} bytes"
            for field in fields
        ]

    structures = {kind["label"]: lines(kind["members"]) for kind in types.values() if "members" in kind}
    return {VARIABLES: lines(artifact["storageLayout"]["storage"])} | dict(sorted(structures.items()))


def committed_layouts(artifacts: Path) -> dict[str, Layout]:
    """The layout of each register, from its committed artifact."""
    return {name: layout_of(json.loads((artifacts / f"{name}.json").read_text(encoding="utf-8"))) for name in REGISTERS}


def read_snapshot() -> dict[str, Layout]:
    """What is committed; empty where nothing is."""
    return dict(json.loads(SNAPSHOT.read_text(encoding="utf-8"))) if SNAPSHOT.exists() else {}


def as_text(layouts: Mapping[str, Layout]) -> str:
    """The committed form."""
    return json.dumps(layouts, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def broken_promises(before: Mapping[str, Layout], now: Mapping[str, Layout]) -> list[str]:
    """Each way in which `now` is more than `before` with something appended, by register, place and line; none: [].

    A structure may grow where each stands alone (the value of a mapping). It may not within an array, where the next
    element follows; where it stands among variables or in another structure, its larger size shows there.
    """
    faults = []
    for register, layout in before.items():
        for place, old in layout.items():
            new = now.get(register, {}).get(place)
            if new is None:
                faults.append(f"{register}, {place}: no longer there")
                continue
            for at, line in enumerate(old):
                if at >= len(new) or new[at] != line:
                    found = f"now {new[at]}" if at < len(new) else "no longer there"
                    faults.append(f"{register}, {place}: was {line}; {found}")
            if len(new) > len(old) and _stands_in_an_array(place, layout):
                faults.append(f"{register}, {place}: has grown, and stands in an array")
    return faults


def _stands_in_an_array(structure: str, layout: Layout) -> bool:
    return any(f"{structure}[" in line for lines in layout.values() for line in lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Compare the registers' storage with what was committed.")
    parser.add_argument("--write", action="store_true", help="write the snapshot, if it is only appended to")
    chosen = parser.parse_args(arguments)
    project = Project(ROOT, ROOT / "contracts", ROOT / "hub" / "chain" / "artifacts")
    if compare_sources(project):
        print("the artifacts are not those of contracts/: run `make artifacts` first", file=sys.stderr)
        return 1
    before, now = read_snapshot(), committed_layouts(project.artifacts)
    if faults := broken_promises(before, now):
        print("an upgrade may only append to storage:", *faults, sep="\n  ", file=sys.stderr)
        print("append instead; or, if no hub was ever deployed with it, remove the snapshot first", file=sys.stderr)
        return 1
    if chosen.write:
        SNAPSHOT.write_text(as_text(now), encoding="utf-8")
    elif before != now:
        print("storage was appended to: run `python -m scripts.storage_layout --write`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
