"""Writes the skeleton of a new city: this folder's mapping, adapter, sample and tests, under the city's own name."""

from __future__ import annotations

import keyword
import re
import shutil
from pathlib import Path
from typing import Final

import adapters
from hub.errors import ConfigurationWrong

TRANSPORTS: Final = ("rest", "files", "sql")
_HERE: Final = Path(__file__).parent
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{1,39}", re.ASCII)

_PYPROJECT: Final = """[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "yrdhub-{name}"
version = "0.1.0"
description = "Adapter of the {name} registry for yrdhub"
requires-python = ">=3.11"
dependencies = ["yrdhub"]

[project.entry-points."yrdhub.adapters"]
{name} = "{package}.adapter:create"

[tool.setuptools]
packages = ["{package}"]

[tool.setuptools.package-data]
{package} = ["fixtures/*"]
"""


def is_inside(into: Path) -> bool:
    """Whether `into` is the folder of this project's own adapters."""
    return into.resolve() == Path(adapters.__file__).parent.resolve()


def package_of(name: str, into: Path) -> str:
    """The package that the skeleton of `name` becomes."""
    return f"adapters.{name}" if is_inside(into) else f"yrdhub_{name}"


def entry_point(name: str, into: Path) -> str:
    """The one line that registers the adapter (group `yrdhub.adapters`)."""
    return f'{name} = "{package_of(name, into)}.adapter:create"'


def write_skeleton(name: str, transport: str, into: Path) -> list[Path]:
    """Writes the folder `into`/`name` and gives its files. Raises ConfigurationWrong for a name that cannot be a
    package's, a transport there is none of, or a folder that is already there."""
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or name == "skeleton":
        raise ConfigurationWrong(
            f"{name!r} cannot be the name of an adapter",
            code="adapter_name_invalid",
            what=name,
            remedy="a name has 2 to 40 of a-z 0-9 _ and begins with a letter: the city in pinyin, say",
        )
    if transport not in TRANSPORTS:
        raise ConfigurationWrong(
            f"there is no transport {transport!r}",
            code="transport_unknown",
            what=transport,
            remedy=f"use one of {', '.join(TRANSPORTS)}",
        )
    folder = into / name
    if folder.exists():
        raise ConfigurationWrong(
            "the folder is there already, and nothing of it is written over",
            code="folder_exists",
            where=str(folder),
            remedy="choose another name or another folder with --into",
        )
    package = package_of(name, into)
    code = folder if is_inside(into) else folder / package
    (code / "fixtures").mkdir(parents=True)
    (folder / "tests").mkdir()

    def write(target: Path, content: str) -> None:
        target.write_text(_renamed(content, name, transport, package), encoding="utf-8")

    write(code / "__init__.py", f'"""The {name} registry: its adapter and its mapping."""\n')
    write(code / "mapping.py", (_HERE / "mapping.py").read_text(encoding="utf-8"))
    write(code / "adapter.py", (_HERE / f"{transport}_adapter.py").read_text(encoding="utf-8"))
    write(folder / "README.md", (_HERE / "city_readme.md").read_text(encoding="utf-8"))
    write(folder / "tests" / f"test_{name}.py", (_HERE / "sample_tests.py").read_text(encoding="utf-8"))
    if not is_inside(into):
        (folder / "pyproject.toml").write_text(_PYPROJECT.format(name=name, package=package), encoding="utf-8")
    for file in sorted((_HERE / "fixtures" / transport).iterdir()):
        shutil.copyfile(file, code / "fixtures" / file.name)
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _renamed(content: str, name: str, transport: str, package: str) -> str:
    for was, becomes in (
        (f"adapters.skeleton.{transport}_adapter", f"{package}.adapter"),
        ("adapters.skeleton.files_adapter", f"{package}.adapter"),
        ("adapters.skeleton.mapping", f"{package}.mapping"),
        (f'"fixtures" / "{transport}"', '"fixtures"'),
        ('"name": "skeleton"', f'"name": "{name}"'),
        ("{NAME}", name),
        ("{PACKAGE}", package),
        ("{TRANSPORT}", transport),
    ):
        content = content.replace(was, becomes)
    return content


def _tests_of(package: Path) -> list[Path]:
    """A city's own tests: in its folder inside the project, beside its package outside of it."""
    inside = is_inside(package.parent)
    if not inside and not (package.parent / "pyproject.toml").exists():
        return []  # installed among other packages: `tests` there are not its own
    return sorted((package if inside else package.parent).joinpath("tests").glob("test_*.py"))


def left_to_do(package: Path) -> list[str]:
    """Every line of a city's folder that is still marked as the skeleton's, as FILE:LINE: what."""
    found: list[str] = []
    for path in sorted(
        [*package.glob("*.py"), *package.glob("*.md"), *package.parent.glob("README.md"), *_tests_of(package)]
    ):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            _, mark, what = line.partition("TODO:")
            if mark:
                found.append(f"{path.name}:{number}: {what.strip()}")
    return list(dict.fromkeys(found))
