"""`yrdhub doctor`: what is missing on this machine, and how to get it."""

from __future__ import annotations

from dataclasses import asdict

import typer
from rich.markup import escape
from rich.table import Table

from hub.doctor import Verdict, examine_all
from hub.terminal import Terminal

app = typer.Typer()

_MARKS = {
    Verdict.OK: "[green]ok[/green]",
    Verdict.OPTIONAL: "[yellow]note[/yellow]",
    Verdict.MISSING: "[red]missing[/red]",
}


@app.command()
def doctor(context: typer.Context) -> None:
    """Say what is missing on this machine and how to get it; exit code 1 when something needed is."""
    terminal = Terminal.of(context)
    findings = examine_all(lambda: terminal.settings)
    missing = [finding for finding in findings if finding.verdict is Verdict.MISSING]
    table = Table.grid(padding=(0, 2))
    for _ in range(3):
        table.add_column(overflow="fold")
    for finding in findings:
        table.add_row(_MARKS[finding.verdict], finding.subject, escape(finding.found))
        if finding.remedy:
            table.add_row("", "", f"[dim]{escape(finding.remedy)}[/dim]")
    names = ", ".join(finding.subject for finding in missing)
    verdict = f"[red]missing: {names}[/red]" if missing else "everything that is needed is here"
    terminal.answer({"ready": not missing, "findings": [asdict(finding) for finding in findings]}, table, verdict)
    if missing:
        raise typer.Exit(1)
