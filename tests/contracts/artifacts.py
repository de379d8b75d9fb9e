"""ABI and bytecode for the contract tests: the committed artifacts where they fit the sources, else a fresh build."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from scripts.compile import ROOT, CompilationFailed, Project, build_artifacts

Abi = dict[str, Any]


class Artifact(dict[str, Any]):
    """One contract as scripts/compile.py writes it."""

    @property
    def abi(self) -> list[Abi]:
        return list(self["abi"])

    def linked(self, address_of: Callable[[str], str]) -> bytes:
        """Creation code with the addresses of the libraries it calls put in."""
        code = self["bytecode"].removeprefix("0x")
        for libraries in self.get("linkReferences", {}).values():
            for name, places in libraries.items():
                address = address_of(name).removeprefix("0x").lower()
                for place in places:
                    at = place["start"] * 2
                    code = code[:at] + address + code[at + 40 :]
        return bytes.fromhex(code)

    def is_current(self) -> bool:
        """Whether it was built from the sources as they stand now."""
        for path, digest in self.get("sources", {}).items():
            file = ROOT / path if not path.startswith("@") else ROOT / "node_modules" / path
            if not file.exists() or hashlib.sha256(file.read_text(encoding="utf-8").encode()).hexdigest() != digest:
                return False
        return True


def load_artifacts(contracts: Iterable[str]) -> dict[str, Artifact]:
    """Every artifact by contract name; `contracts` are the ones that must be able to be deployed."""
    return _load(frozenset(contracts))


@cache
def _load(contracts: frozenset[str]) -> dict[str, Artifact]:
    folder = ROOT / "hub" / "chain" / "artifacts"
    committed = {path.stem: Artifact(json.loads(path.read_text(encoding="utf-8"))) for path in folder.glob("*.json")}
    if contracts <= committed.keys() and all(artifact.is_current() for artifact in committed.values()):
        return committed
    try:
        return _build(ROOT)
    except CompilationFailed:
        with tempfile.TemporaryDirectory() as scratch:
            for path in (ROOT / "contracts").rglob("*.sol"):
                if path.parent.name != "contracts" or path.stem in contracts or path.stem == "Register":
                    copy = Path(scratch) / path.relative_to(ROOT)
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    copy.write_bytes(path.read_bytes())
            return _build(Path(scratch))


def _build(root: Path) -> dict[str, Artifact]:
    built, _ = build_artifacts(Project(root, root / "contracts", root / "hub" / "chain" / "artifacts", ROOT))
    return {name: Artifact(artifact) for name, artifact in built.items()}
