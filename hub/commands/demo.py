"""`yrdhub demo`: four cities, one chain, the whole story, real at every step."""

from __future__ import annotations

import shutil
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from hub.commands.telling import shown
from hub.demo.cities import HEFEI, password_file
from hub.demo.story import tell
from hub.demo.world import World, note_told, open_world, remove_world
from hub.logs import configure_logs
from hub.terminal import Terminal
from mutual_recognition.periods import UTC_PLUS_8

app = typer.Typer(add_completion=False, help="Four cities, one chain: the whole story, real at every step.")

_LABEL = "示例 illustrative: names, quantities, rules and terms are of our own making"


def demo_home(terminal: Terminal) -> Path:
    """Where this home keeps its demo, apart from everything else."""
    return terminal.settings.home / "demo"


def quiet_logs(terminal: Terminal) -> None:
    """Leaves the story to itself: what syncs log about refused records is what the story tells anyway."""
    if not terminal.verbose:
        configure_logs(terminal.settings.log_format, "ERROR")


def told(terminal: Terminal, world: World) -> list[dict[str, Any]]:
    """Tells the story on a fresh world, step by step as it happens; the steps as data."""
    terminal.note(f"[dim]{_LABEL}[/dim]")
    steps = []
    for number, step in enumerate(tell(world), start=1):
        if not terminal.as_json:
            for renderable in shown(step, number):
                terminal.out.print(renderable)
        steps.append(step.to_json())
    note_told(world.home, all(step["agrees"] for step in steps))
    return steps


@app.command()
def demo(
    context: typer.Context,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the demo's chain running, so that commands can write to it")
    ] = False,
) -> None:
    """Tell the story from a clean start, in HOME/demo; nothing outside that folder is touched.

    Exit code 0 when every step went as the laws say and every kilogram is accounted for; 1 when anything differs.
    """
    terminal = Terminal.of(context)
    quiet_logs(terminal)
    home = demo_home(terminal)
    started = time.monotonic()
    remove_world(home)
    with open_world(home, lambda text: terminal.note(f"[dim]{text}[/dim]"), leave_chain=keep) as world:
        steps = told(terminal, world)
    seconds = time.monotonic() - started
    agrees = all(step["agrees"] for step in steps)
    terminal.answer(
        {"agrees": agrees, "seconds": round(seconds, 1), "label": _LABEL, "home": str(home), "steps": steps},
        f"\n[bold]{'everything adds up' if agrees else '[red]something does NOT add up: see above[/red]'}[/bold]"
        f" ({seconds:.0f} s; all its data are illustrative)",
        *explore_on(home),
    )
    if not agrees:
        raise typer.Exit(1)


def explore_on(home: Path) -> list[str]:
    """What to type next."""
    command = "yrdhub" if shutil.which("yrdhub") else ".venv/bin/yrdhub"
    here = f"{command} --home {home}"
    return [
        "look around:",
        f"  {here} serial show DEMO-SZ-TPH-2024 55      one serial's whole life (this one was cut on its way)",
        f"  {here} credits totals                       where every kilogram is",
        f"  {here} ballot list                          what was voted; then: ballot show BALLOT",
        f"  {here} sync held shanghai                   what is held back, and why",
        f"  {here} reconcile history                    each registry's books beside the chain",
        f"  {here} inventory hangzhou {datetime.now(UTC_PLUS_8).year}              what a city issued, moved and holds",
        f"  {command} up --home {home.parent}   the same world, running, with the API",
        f"keys of a city are under {home / 'keys'}; e.g. YRDHUB_PASSWORD_FILE={password_file(home / 'keys', HEFEI)}",
    ]
