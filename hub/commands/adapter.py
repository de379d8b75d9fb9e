"""`yrdhub adapter`: a new city's adapter, whether it does what every adapter must, and which there are."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from adapters.acceptance import CHECKS, Outcome, Result, Trial, run_checks
from adapters.acceptance.advice import ADVICE, NEEDS_A_STAND_IN
from adapters.acceptance.tally import KindTally
from adapters.city.effect_words import WORDS, examples
from adapters.protocol import Effect, EffectKind, RegistryAdapter, RegistryProfile
from adapters.registry import configured, factory, installed, open_adapter, read_configuration
from adapters.skeleton.copying import TRANSPORTS, entry_point, is_inside, left_to_do, write_skeleton
from hub.errors import ConfigurationWrong
from hub.terminal import Terminal
from mutual_recognition.documents import Json

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Adapters of city registries: begin, check, list.")

SAMPLE_MEMBER = 990000
"""The member's code in a skeleton's sample; no division has it."""
WRITING = ("push_twice_has_one_effect_and_lookup_tells_it", "effects_it_cannot_book_get_a_refused_receipt")
"""Checks that put something into the registry."""

_COLOUR = {Result.PASSED: "green", Result.FAILED: "red", Result.SKIPPED: "yellow"}


@app.command()
def new(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The city in pinyin, say: a-z 0-9 _")],
    transport: Annotated[str, typer.Option("--transport", help=f"How it is reached: {', '.join(TRANSPORTS)}")],
    into: Annotated[Path | None, typer.Option("--into", help="Folder to write NAME/ into (default: here)")] = None,
) -> None:
    """Write a working adapter to begin from: mapping, sample, tests. `adapters/GUIDE.md` walks through it."""
    terminal = Terminal.of(context)
    folder = (into or Path.cwd()).expanduser().absolute()
    if name in installed():
        raise ConfigurationWrong(
            f"an adapter {name!r} is installed already",
            code="adapter_exists",
            what=installed()[name].value,
            remedy="choose another name; several registries may use one adapter, by `adapter` in their configuration",
        )
    files = write_skeleton(name, transport, folder)
    inside = is_inside(folder)
    line = entry_point(name, folder)
    steps = [
        f'add to pyproject.toml, under [project.entry-points."yrdhub.adapters"]: {line}'
        if inside
        else f"{sys.executable} -m pip install --no-build-isolation --no-deps -e {folder / name}",
        *(["make setup"] if inside else []),
        f"yrdhub adapter check {name}",
        f"pytest {folder / name / 'tests'}",
        f"fill in mapping.py and adapter.py, then write HOME/adapters/{name}.json: adapters/GUIDE.md says how",
    ]
    told = {"name": name, "folder": str(folder / name), "files": [str(file) for file in files], "entry_point": line}
    lines = [f"written to {folder / name}:", *(f"  {file.relative_to(folder / name)}" for file in files), "next:"]
    lines += [f"  {step}" for step in steps]
    terminal.answer(told | {"next": steps}, *(escape(line) for line in lines))


@app.command("list")
def list_adapters(context: typer.Context) -> None:
    """List the adapters that are installed, and the registries that are configured to use each."""
    terminal = Terminal.of(context)
    home = terminal.settings.home
    users: dict[str, list[str]] = {}
    for registry in configured(home):
        users.setdefault(str(read_configuration(home, registry)["adapter"]), []).append(registry)
    told: list[dict[str, Any]] = []
    for name, point in sorted(installed().items()):
        try:
            factory(name)
            trouble = ""
        except ConfigurationWrong as wrong:
            trouble = wrong.message
        told.append({"name": name, "from": point.value, "registries": users.pop(name, []), "trouble": trouble or None})
    told += [
        {"name": name, "from": None, "registries": registries, "trouble": "not installed"}
        for name, registries in sorted(users.items())
    ]
    table = Table("adapter", "from", "registries here", "trouble", box=None, pad_edge=False)
    for one in told:
        cells = (one["name"], one["from"] or "", ", ".join(one["registries"]) or "none", one["trouble"] or "")
        table.add_row(*map(escape, cells))
    terminal.answer(told, table)


@app.command()
def check(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of the registry: HOME/adapters/NAME.json; or of an adapter")],
    write: Annotated[
        bool, typer.Option("--write", help="Also run the checks that put something into the registry")
    ] = False,
    sample: Annotated[
        bool, typer.Option("--sample", help="Use the sample the adapter comes with, not the registry")
    ] = False,
) -> None:
    """Run the acceptance suite against the registry as it is configured, and say what passes and what is to do.

    It reads the whole registry several times. With --write it books one notice without serials and offers effects that
    the registry must refuse: use a registry for trial. Without a configuration the adapter's own sample is checked.
    Exit code 1 when a check fails.
    """
    terminal = Terminal.of(context)
    with ExitStack() as stack:
        live, settings, opener = stack.enter_context(_opened(terminal.settings.home, name, sample=sample))
        with closing(opener()) as adapter:
            profile = adapter.profile
            uninteresting: Mapping[str, str] = getattr(adapter, "uninteresting", {})
            private = getattr(adapter, "private_words", None)
        waiting = terminal.settings.home / "adapters" / f"{name}.notice"
        offered = frozenset({waiting.read_text(encoding="utf-8").strip()} if live and waiting.exists() else ())
        key = next(iter(offered), f"acceptance:{time.time_ns():x}")
        trial = Trial(
            open=opener,
            effect=lambda: _notice(profile, key),
            offered_before=offered,
            private=private,
            uninteresting=uninteresting,
            may_write=write,
        )
        outcomes: list[Outcome] = []
        with terminal.progress() as bar:
            task = bar.add_task(f"checking {name}", total=len(CHECKS))
            for outcome in run_checks(trial):
                outcomes.append(outcome)
                bar.advance(task)
        kinds = trial.tallies()
        if live and write:
            _remember(waiting, key, outcomes)
    rows = [_row(outcome, write) for outcome in outcomes]
    written = name in configured(terminal.settings.home)
    to_do = _to_do(name, live, written, settings, profile, rows, kinds)
    counts = {result.value: sum(row["result"] == result.value for row in rows) for result in Result}
    where = "the registry as configured" if live else "the sample that the adapter comes with (示例), not your registry"
    table = Table("check", "result", "why, and what to do", box=None, pad_edge=False)
    for row in rows:
        why = row["reason"] + (f" Do: {row['do']}" if row["do"] else "")
        why = " ".join([why, *(f"Note: {note}." for note in row["notes"])]).strip()
        colour = _COLOUR[Result(row["result"])]
        table.add_row(row["name"].replace("_", " "), f"[{colour}]{row['result']}[/{colour}]", escape(why))
    refused = sum(kind.refused for kind in kinds)
    lines = [f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped, against {where}"]
    if refused:
        read = sum(kind.read for kind in kinds)
        lines.append(f"WARNING: {refused} of {read} records were refused; nothing of them reaches the chain")
    lines += ["still to do:", *(f"  {one}" for one in to_do)] if to_do else ["nothing is left to do"]
    told = {"name": name, "against": "registry" if live else "sample", **counts, "checks": rows, "to_do": to_do}
    told["kinds"] = [
        {
            "kind": kind.kind,
            "read": kind.read,
            "translated": kind.translated,
            "asking_nothing": kind.silent,
            "refused": kind.refused,
            "reasons": kind.reasons,
        }
        for kind in kinds
    ]
    terminal.answer(told, table, "", _kinds_table(kinds), "", *map(escape, lines))
    if counts["failed"]:
        raise typer.Exit(1)


def _kinds_table(kinds: Sequence[KindTally]) -> Table | str:
    """What became of each kind of record, always shown."""
    if not kinds:
        return "the registry could not be read, so no record was counted"
    table = Table("kind", "read", "translated", "asks nothing", "refused", "why", box=None, pad_edge=False)
    for kind in kinds:
        refused = f"[{'red' if kind.wholly_refused else 'yellow'}]{kind.refused}[/]" if kind.refused else "0"
        counts = (str(kind.read), str(kind.translated), str(kind.silent), refused)
        table.add_row(escape(kind.kind), *counts, escape("\n".join(kind.reasons)))
    return table


@app.command()
def effects(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of the registry: HOME/adapters/NAME.json; or of an adapter")],
    series: Annotated[str, typer.Option("--series", help="A series of the registry, for the examples")] = "EXAMPLE",
    sample: Annotated[bool, typer.Option("--sample", help="Use the settings of the adapter's sample")] = False,
) -> None:
    """Show an example of everything that a registry can be told, in its own words: what to book for it.

    Nothing is sent: the registry is not even asked. It is what its programmers and clerks need to see beforehand.
    """
    terminal = Terminal.of(context)
    with (
        _opened(terminal.settings.home, name, sample=sample) as (_, _, opener),
        closing(opener()) as adapter,
    ):
        word_it = getattr(adapter, "as_told", None)
        if word_it is None:
            raise ConfigurationWrong(
                "this adapter words its effects by itself, not by an `EffectForm`",
                code="effects_not_shown",
                what=name,
                remedy="see the README in the adapter's folder",
            )
        profile = adapter.profile
        told: list[dict[str, Any]] = []
        for word, effect in examples(profile.member, profile.registry, series):
            known = WORDS[word]
            told.append(
                {"word": word, "happened": known.happened, "book": known.book, "as_told": dict(word_it(effect))}
            )
    lines: list[str] = []
    for one in told:
        lines += [f"[bold]{one['word']}[/bold]: {escape(one['happened'])}. Book: {escape(one['book'])}"]
        lines += [f"  {escape(json.dumps(one['as_told'], ensure_ascii=False))}"]
    terminal.answer(told, *lines)


@contextmanager
def _opened(
    home: Path, name: str, *, sample: bool
) -> Iterator[tuple[bool, Mapping[str, Json], Callable[[], RegistryAdapter]]]:
    """Whether it is the registry itself, its settings, and what opens an adapter on it."""
    if not sample and name in configured(home):
        yield True, read_configuration(home, name), lambda: open_adapter(home, name)
        return
    point = installed().get(name)
    given = getattr(import_module(point.module), "sample", None) if point else None
    if given is None:
        read_configuration(home, name)  # says what is configured, and where to write it
        raise ConfigurationWrong(
            f"the adapter {name!r} comes with no sample",
            code="sample_missing",
            what=name,
            remedy=f"write HOME/adapters/{name}.json and check the registry itself",
        )
    make = factory(name)
    with given() as settings:
        yield False, settings, lambda: make(settings)


def _remember(waiting: Path, key: str, outcomes: Sequence[Outcome]) -> None:
    """Keeps the notice that was not answered yet, so that the next run asks after it and sends no other."""
    outcome = next(one for one in outcomes if one.check.name == WRITING[0])
    if outcome.result is Result.FAILED and "not answered" in outcome.reason:
        waiting.write_text(key + "\n", encoding="utf-8")
    elif outcome.result is Result.PASSED:
        waiting.unlink(missing_ok=True)


def _notice(profile: RegistryProfile, key: str) -> Effect:
    """An effect that moves nothing: a notice that the recognition of a methodology of no such name has changed."""
    return Effect(
        key=key,
        kind=EffectKind.RECOGNITION_CHANGED,
        series=None,
        serials=None,
        detail={
            "subject_kind": "methodology",
            "subject": "ACCEPTANCE-CHECK/V0",
            "member": profile.member,
            "status": "recognised",
        },
        block_number=0,
        occurred_at="2026-01-01T00:00:00+00:00",
    )


def _row(outcome: Outcome, write: bool) -> dict[str, Any]:
    name = outcome.check.name
    do = ""
    if outcome.result is Result.FAILED:
        do = outcome.remedy or ADVICE.get(name, "see what the check says it asks for")
    elif outcome.result is Result.SKIPPED:
        do = NEEDS_A_STAND_IN.get(name, "")
        if name in WRITING and not write and "not allowed" in outcome.reason:
            do = "run it with --write against a registry for trial"
        elif name in WRITING and "no messages" in outcome.reason:
            do = "nothing, if a person is to book from `yrdhub sync todo`; else fill in `effects` (section 7)"
    return {
        "name": name,
        "says": outcome.check.says,
        "result": outcome.result.value,
        "reason": outcome.reason,
        "do": do or None,
        "notes": list(outcome.notes),
        "seconds": round(outcome.seconds, 3),
    }


def _to_do(
    name: str,
    live: bool,
    written: bool,
    settings: Mapping[str, Json],
    profile: RegistryProfile,
    rows: list[dict[str, Any]],
    kinds: Sequence[KindTally],
) -> list[str]:
    adapter = str(settings.get("adapter") or name)
    point = installed().get(adapter)
    to_do: list[str] = []
    if not live and written:
        to_do.append("run it without --sample: HOME/adapters has your registry's configuration")
    elif not live:
        to_do.append(f"write HOME/adapters/{name}.json, so that your registry is checked and not the sample")
    elif profile.member == SAMPLE_MEMBER:
        to_do.append(f"`member` is {SAMPLE_MEMBER}, the sample's: put the code of GB/T 2260 of your city there")
    if point is not None:
        file = import_module(point.module).__file__
        to_do += left_to_do(Path(file).parent) if file else []
    waiting = [row["name"].replace("_", " ") for row in rows if (row["do"] or "").startswith("run it with --write")]
    if waiting:
        to_do.append(f"not run without --write: {'; '.join(waiting)}")
    to_do += [f"{row['name'].replace('_', ' ')}: {row['do']}" for row in rows if row["result"] == Result.FAILED.value]
    to_do += [
        f"{kind.kind}: {kind.refused} of {kind.read} refused; change the mapping, or have the records corrected"
        for kind in kinds
        if kind.refused
    ]
    return to_do
