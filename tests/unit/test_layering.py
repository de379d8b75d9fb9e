"""Imports point one way (design.md, "Python"): every rule below is read from the source, lazy imports included."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("mutual_recognition", "hub", "adapters")

ADAPTERS_MAY_USE = (
    "adapters",
    "mutual_recognition",
    "hub.chain",
    "hub.db.engine",
    "hub.settings",
    "hub.errors",
)
SIGNERS = ("hub.chain.keys", "eth_account", "eth_keys", "coincurve")
WIRING = ("hub.cli", "hub.commands", "hub.bootstrap", "hub.replay", "hub.demo", "hub.by_hand")
"""Where parts are put together: they may import everything, and only each other imports them."""


def module_name(path: Path, root: Path = ROOT) -> str:
    parts = list(path.relative_to(root).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def our_modules() -> dict[str, Path]:
    return {module_name(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}


def imports_in(source: str, module: str, *, is_package: bool, known: frozenset[str]) -> Iterator[str]:
    """Every module that `source` imports, at whatever depth; `from a import b` is a.b when that is a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                here = module.split(".")
                above = here[: len(here) - node.level + is_package]
                base = ".".join(above + ([base] if base else []))
            for alias in node.names:
                deeper = f"{base}.{alias.name}"
                yield deeper if deeper in known else base


@cache
def imports_of(module: str) -> frozenset[str]:
    path = our_modules()[module]
    known = frozenset(our_modules())
    found = imports_in(path.read_text(encoding="utf-8"), module, is_package=path.name == "__init__.py", known=known)
    return frozenset(found)


def is_in(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)


def reached_from(module: str) -> dict[str, str]:
    """Every module of ours or others' that `module` imports in the end, with the module that does."""
    reached: dict[str, str] = {}
    waiting = [module]
    while waiting:
        importer = waiting.pop()
        for imported in imports_of(importer):
            if imported not in reached:
                reached[imported] = importer
                if imported in our_modules():
                    waiting.append(imported)
    return reached


def modules_in(*packages: str) -> list[str]:
    return [module for module in our_modules() if is_in(module, packages)]


def test_mutual_recognition__imports_nothing_of_ours() -> None:
    wrong = {
        (module, imported)
        for module in modules_in("mutual_recognition")
        for imported in imports_of(module)
        if is_in(imported, ("hub", "adapters"))
    }
    assert not wrong


def test_adapters__import_only_what_a_city_may_run() -> None:
    wrong = {
        (module, imported)
        for module in modules_in("adapters")
        for imported in imports_of(module)
        if is_in(imported, PACKAGES) and not is_in(imported, ADAPTERS_MAY_USE)
    }
    assert not wrong


@pytest.mark.parametrize("room", ["hub.api", "hub.web"])
def test_api_and_console__reach_no_adapter_and_import_no_signer(room: str) -> None:
    for module in modules_in(room):
        signers = {imported for imported in imports_of(module) if is_in(imported, SIGNERS)}
        assert not signers, f"{module} imports {signers}"
        adapters = {name: by for name, by in reached_from(module).items() if is_in(name, ("adapters",))}
        assert not adapters, f"{module} reaches {adapters}"


def test_wiring__alone_knows_adapters_and_is_known_by_nobody_else() -> None:
    for module in modules_in(*PACKAGES):
        if is_in(module, WIRING):
            continue
        forbidden = WIRING if is_in(module, ("adapters",)) else (*WIRING, "adapters")
        wrong = {imported for imported in imports_of(module) if is_in(imported, forbidden)}
        assert not wrong, f"{module} imports {wrong}"


def test_chain_client__knows_nothing_of_database_index_and_api() -> None:
    for module in modules_in("hub.chain"):
        above = {
            name for name in reached_from(module) if is_in(name, ("hub.db", "hub.index", "hub.api", "hub.network"))
        }
        assert not above, f"{module} reaches {above}"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import hub.index.store", "hub.index.store"),
        ("from hub import index", "hub.index"),
        ("def later():\n    from hub.index import follow", "hub.index"),
        ("from ..index import follow", "hub.index"),
        ("from . import codec", "hub.chain"),
    ],
)
def test_reading_of_imports__sees_every_way_to_write_one(source: str, found: str) -> None:
    known = frozenset({"hub", "hub.index", "hub.index.store", "hub.chain", "hub.chain.connection"})
    assert set(imports_in(source, "hub.chain.connection", is_package=False, known=known)) == {found}
