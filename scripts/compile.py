"""Compile contracts/ with the pinned compiler and write (or check) the committed artifacts.

    python scripts/compile.py            write hub/chain/artifacts/<Contract>.json
    python scripts/compile.py --check    compare with what is committed; exit 1 and say what differs
    python scripts/compile.py --check-sources    the same by the hashes of sources and settings, without compiling

The settings come from foundry.toml, so that forge, slither and this script build the same bytecode. Answers of the
compiler are kept in .build/solc under a hash of everything that goes in: an unchanged tree is not compiled again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import solcx

ROOT = Path(__file__).resolve().parent.parent
LARGEST_RUNTIME_CODE = 24_576
"""Bytes of deployed code that EIP-170 allows."""

LARGEST_INIT_CODE = 49_152
"""Bytes of creation code that EIP-3860 allows (Shanghai and later; held here so that any engine takes it)."""

ALSO_DEPLOYED = {"@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol": ("ERC1967Proxy",)}
"""Contracts of others that a deployment creates, by source name."""

_NUMBERED_TYPE = re.compile(r"(t_(?:struct|enum|contract|userDefinedValueType)\([^()]*\))\d+")
"""A named type in a storage layout, with the compiler's number after it; the number after an array is its length."""

_IMPORT = re.compile(r"""^\s*import\s+(?:[^;"']*?from\s+)?["']([^"']+)["']\s*;""", re.MULTILINE | re.DOTALL)


class CompilationFailed(Exception):
    """The compiler reported an error, or a contract is too large; the message is meant for the terminal."""


@dataclass(frozen=True, slots=True)
class Project:
    """Where sources, libraries, compiler and results of one build stand."""

    root: Path
    sources: Path
    artifacts: Path
    toolchain: Path = ROOT

    @property
    def cache(self) -> Path:
        return self.root / ".build" / "solc"


@dataclass(frozen=True, slots=True)
class Compiler:
    """The compiler and its settings, as foundry.toml states them."""

    version: str
    binary: Path
    settings: dict[str, Any]
    remappings: dict[str, Path]

    @property
    def settings_that_shape_code(self) -> dict[str, Any]:
        """The settings without the list of wanted outputs."""
        return {key: value for key, value in self.settings.items() if key != "outputSelection"}


def read_compiler(toolchain: Path) -> Compiler:
    """Read [profile.default] of foundry.toml into the terms of solc's standard JSON."""
    profile = tomllib.loads((toolchain / "foundry.toml").read_text(encoding="utf-8"))["profile"]["default"]
    binary = toolchain / profile["solc"]
    version = binary.name.removeprefix("solc-v")
    settings = {
        "evmVersion": profile["evm_version"],
        "optimizer": {"enabled": profile["optimizer"], "runs": profile["optimizer_runs"]},
        "viaIR": profile["via_ir"],
        "metadata": {"bytecodeHash": profile["bytecode_hash"], "appendCBOR": profile["cbor_metadata"]},
        "outputSelection": {
            "*": {"*": ["abi", "evm.bytecode", "evm.deployedBytecode", "storageLayout", "evm.methodIdentifiers"]}
        },
    }
    remappings = {}
    for line in profile["remappings"]:
        prefix, _, target = line.partition("=")
        remappings[prefix] = toolchain / target
    return Compiler(version, binary, settings, remappings)


def collect_sources(project: Project, compiler: Compiler) -> dict[str, str]:
    """Every source by the name the compiler knows it under: ours by path from the root, a library's by import name."""
    waiting = [path.relative_to(project.root).as_posix() for path in sorted(project.sources.rglob("*.sol"))]
    waiting += ALSO_DEPLOYED
    found: dict[str, str] = {}
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found[name] = _read_source(project, compiler, name)
        for imported in _IMPORT.findall(found[name]):
            waiting.append(_resolve(name, imported))
    return dict(sorted(found.items()))


def _read_source(project: Project, compiler: Compiler, name: str) -> str:
    for prefix, folder in compiler.remappings.items():
        if name.startswith(prefix):
            path = folder / name.removeprefix(prefix)
            break
    else:
        path = project.root / name
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise CompilationFailed(f"{name}: imported, but there is no {path}") from None


def _resolve(importer: str, imported: str) -> str:
    if not imported.startswith("."):
        return imported
    parts = importer.split("/")[:-1]
    for step in imported.split("/"):
        if step == "..":
            parts.pop()
        elif step != ".":
            parts.append(step)
    return "/".join(parts)


def compile_sources(project: Project, compiler: Compiler, sources: dict[str, str]) -> dict[str, Any]:
    """Compile through py-solc-x, or take the kept answer for exactly this input."""
    request = {
        "language": "Solidity",
        "sources": {name: {"content": text} for name, text in sources.items()},
        "settings": compiler.settings,
    }
    key = hashlib.sha256(json.dumps([compiler.version, request], sort_keys=True).encode()).hexdigest()
    kept = project.cache / f"{key}.json"
    if kept.exists():
        return dict(json.loads(kept.read_text(encoding="utf-8")))
    if not compiler.binary.exists():
        raise CompilationFailed(f"no compiler at {compiler.binary}: run `make setup`")
    try:
        answer = solcx.compile_standard(request, solc_binary=compiler.binary)
    except solcx.exceptions.SolcError as failed:
        raise CompilationFailed(_messages(failed)) from None
    answer.pop("sources", None)
    project.cache.mkdir(parents=True, exist_ok=True)
    for old in sorted(project.cache.glob("*.json"), key=lambda path: path.stat().st_mtime)[:-8]:
        old.unlink()
    unfinished = kept.with_suffix(".new")
    unfinished.write_text(json.dumps(answer), encoding="utf-8")
    unfinished.replace(kept)
    return dict(answer)


def _messages(failed: solcx.exceptions.SolcError) -> str:
    try:
        errors = json.loads(failed.stdout_data or "")["errors"]
    except (TypeError, KeyError, ValueError):
        return str(failed)
    return "\n".join(error["formattedMessage"] for error in errors if error["severity"] == "error")


def build_artifacts(project: Project) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Artifacts by contract name, and the compiler's warnings.

    Deployable contracts of ours and ALSO_DEPLOYED carry code and storage layout; interfaces, abstract contracts and
    libraries of internal functions carry only their ABI (for its errors and events). Raises CompilationFailed, also for
    a contract over the size limits.
    """
    compiler = read_compiler(project.toolchain)
    sources = collect_sources(project, compiler)
    answer = compile_sources(project, compiler, sources)
    hashes = _hashes(sources)
    artifacts: dict[str, dict[str, Any]] = {}
    for source, name, output in _contracts(answer, project):
        if name in artifacts:
            raise CompilationFailed(f"two contracts are called {name}: {artifacts[name]['source']} and {source}")
        artifact: dict[str, Any] = {
            "contract": name,
            "source": source,
            "abi": output["abi"],
            "compiler": {"version": compiler.version} | compiler.settings_that_shape_code,
            "sources": {path: hashes[path] for path in sorted(_closure(source, sources))},
        }
        if _is_deployable(output):
            artifact |= {
                "bytecode": _code(output["evm"]["bytecode"]),
                "deployedBytecode": _code(output["evm"]["deployedBytecode"]),
                "linkReferences": output["evm"]["bytecode"]["linkReferences"],
                "immutableReferences": output["evm"]["deployedBytecode"].get("immutableReferences", {}),
                "methodIdentifiers": output["evm"].get("methodIdentifiers", {}),
                "storageLayout": _stable_layout(output.get("storageLayout", {})),
            }
        artifacts[name] = artifact
    _check_sizes(artifacts)
    warnings = [
        error["formattedMessage"]
        for error in answer.get("errors", [])
        if not error.get("sourceLocation", {}).get("file", "").startswith("@")
    ]
    return dict(sorted(artifacts.items())), warnings


def _contracts(answer: dict[str, Any], project: Project) -> Iterator[tuple[str, str, dict[str, Any]]]:
    ours = project.sources.relative_to(project.root).as_posix() + "/"
    for source, contracts in sorted(answer["contracts"].items()):
        for name, output in sorted(contracts.items()):
            is_ours = source.startswith(ours) and output["abi"]
            if is_ours or name in ALSO_DEPLOYED.get(source, ()):
                yield source, name, output


def _is_deployable(output: dict[str, Any]) -> bool:
    """Whether somebody can deploy and call it; a library of internal functions compiles to an empty shell."""
    entrances = {"constructor", "fallback", "receive", "function"}
    return bool(output["evm"]["bytecode"]["object"]) and any(entry["type"] in entrances for entry in output["abi"])


def _code(bytecode: dict[str, Any]) -> str:
    return "0x" + str(bytecode["object"])


def _stable_layout(layout: dict[str, Any]) -> dict[str, Any]:
    """The storage layout without the compiler's internal numbers, which change when unrelated code does."""

    def stable(type_name: str) -> str:
        return _NUMBERED_TYPE.sub(r"\1", type_name)

    variables = [
        {
            "label": variable["label"],
            "slot": variable["slot"],
            "offset": variable["offset"],
            "type": stable(variable["type"]),
        }
        for variable in layout.get("storage", [])
    ]
    types: dict[str, Any] = {}
    for type_name, description in (layout.get("types") or {}).items():
        shown = {key: value for key, value in description.items() if key != "members"}
        shown = {key: stable(value) if isinstance(value, str) else value for key, value in shown.items()}
        if "members" in description:
            shown["members"] = [
                {key: member[key] for key in ("label", "slot", "offset")} | {"type": stable(member["type"])}
                for member in description["members"]
            ]
        if types.setdefault(stable(type_name), shown) != shown:
            raise CompilationFailed(f"two types in storage are both called {stable(type_name)}: rename one")
    return {"storage": variables, "types": dict(sorted(types.items()))}


def _closure(source: str, sources: dict[str, str]) -> set[str]:
    reached: set[str] = set()
    waiting = [source]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += [_resolve(name, imported) for imported in _IMPORT.findall(sources[name])]
    return reached


def _bytes_in(code: str) -> int:
    return (len(code) - 2) // 2


def _check_sizes(artifacts: dict[str, dict[str, Any]]) -> None:
    over = []
    for name, artifact in artifacts.items():
        for key, limit in (("deployedBytecode", LARGEST_RUNTIME_CODE), ("bytecode", LARGEST_INIT_CODE)):
            size = _bytes_in(artifact.get(key, "0x"))
            if size > limit:
                over.append(f"{name}: {key} is {size:,} bytes, the limit is {limit:,}")
    if over:
        raise CompilationFailed("\n".join(over))


def as_text(artifact: dict[str, Any]) -> str:
    """The committed form: sorted, indented, one final newline."""
    return json.dumps(artifact, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def write_artifacts(folder: Path, artifacts: dict[str, dict[str, Any]]) -> list[str]:
    """Write what changed, remove what no longer exists; return the names of changed files."""
    folder.mkdir(parents=True, exist_ok=True)
    changed = compare_artifacts(folder, artifacts)
    for name, artifact in artifacts.items():
        if f"{name}.json" in changed:
            (folder / f"{name}.json").write_text(as_text(artifact), encoding="utf-8")
    for stale in folder.glob("*.json"):
        if stale.stem not in artifacts:
            stale.unlink()
    return changed


def compare_artifacts(folder: Path, artifacts: dict[str, dict[str, Any]]) -> list[str]:
    """Names of files that are missing, stale, or differ from a fresh build."""
    committed = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    fresh = {f"{name}.json": as_text(artifact) for name, artifact in artifacts.items()}
    return sorted(name for name in committed.keys() | fresh.keys() if committed.get(name) != fresh.get(name))


def compare_sources(project: Project) -> list[str]:
    """Names of artifacts made from other sources or settings than these, and of sources in no artifact.

    Needs no compiler and takes no time, but does not see an artifact that was edited by hand: `compare_artifacts` does.
    """
    compiler = read_compiler(project.toolchain)
    now = _hashes(collect_sources(project, compiler))
    settings = {"version": compiler.version} | compiler.settings_that_shape_code
    stale, seen = [], set()
    for path in sorted(project.artifacts.glob("*.json")):
        artifact = json.loads(path.read_text(encoding="utf-8"))
        seen |= artifact.get("sources", {}).keys()
        made_from_these = all(now.get(name) == digest for name, digest in artifact.get("sources", {}).items())
        if artifact.get("compiler") != settings or not made_from_these:
            stale.append(path.name)
    return stale + sorted(now.keys() - seen)


def _hashes(sources: dict[str, str]) -> dict[str, str]:
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in sources.items()}


def size_table(artifacts: dict[str, dict[str, Any]]) -> Iterator[str]:
    """One line per deployable contract: runtime bytes and how much of the limit is left."""
    for name, artifact in artifacts.items():
        if size := _bytes_in(artifact.get("deployedBytecode", "0x")):
            yield f"{name:<28} {size:>7,} bytes, {LARGEST_RUNTIME_CODE - size:>7,} left"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Compile the contracts and write or check their artifacts.")
    parser.add_argument("--check", action="store_true", help="compare with the committed artifacts only")
    parser.add_argument("--check-sources", action="store_true", help="as --check, by source hashes: no compiler")
    parser.add_argument("--sizes", action="store_true", help="print the size of each contract")
    parser.add_argument("--root", type=Path, default=ROOT, help="folder that holds contracts/")
    parser.add_argument("--artifacts", type=Path, help="folder of the artifacts [hub/chain/artifacts]")
    chosen = parser.parse_args(arguments)
    root = chosen.root.resolve()
    project = Project(root, root / "contracts", chosen.artifacts or root / "hub" / "chain" / "artifacts")
    try:
        if chosen.check_sources:
            return _tell_difference(compare_sources(project))
        artifacts, warnings = build_artifacts(project)
    except CompilationFailed as failed:
        print(failed, file=sys.stderr)
        return 1
    for warning in warnings:
        print(warning, file=sys.stderr)
    if chosen.sizes:
        print(*size_table(artifacts), sep="\n")
    if chosen.check:
        return _tell_difference(compare_artifacts(project.artifacts, artifacts))
    changed = write_artifacts(project.artifacts, artifacts)
    print(f"{len(artifacts)} artifacts, {len(changed)} changed")
    return 0


def _tell_difference(different: list[str]) -> int:
    if different:
        print(f"artifacts differ from contracts/: {', '.join(different)}; run `make artifacts`", file=sys.stderr)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
