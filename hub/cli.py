"""The command `yrdhub`: global options, and a table of command groups that are imported only when called."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from hub import __version__
from hub.errors import RecordRefused, YrdhubError
from hub.terminal import Terminal
from mutual_recognition.refusal import Refusal

COMMANDS: dict[str, tuple[str, str]] = {
    # name: (module that exposes `app`, one line of help)
    "doctor": ("hub.commands.doctor", "Say what is missing on this machine and how to get it"),
    "chain": ("hub.commands.chain", "Start, stop and look at the embedded chain"),
    "keys": ("hub.commands.keys", "Make and look at keys of officers"),
    "index": ("hub.commands.index", "Follow, rebuild and compare the projections of the chain"),
    "replay": ("hub.commands.replay", "Carry a published registry whole, and reconcile it"),
    "demo": ("hub.commands.demo", "Four cities, one chain: the whole story, real at every step"),
    "up": ("hub.commands.up", "The demo's world, running, with the API, until interrupted"),
    "ballot": ("hub.commands.ballot", "Open, vote, carry out and read ballots"),
    "member": ("hub.commands.member", "Members and their officers"),
    "hold": ("hub.commands.hold", "Stop another's records for a while, and let them go"),
    "pause": ("hub.commands.pause", "Stop all registrars' writes, by two voters"),
    "transfer": ("hub.commands.transfer", "Propose, accept, reject and end transfers, by hand"),
    "credits": ("hub.commands.credits", "Retire, correct and pledge by hand; where every kilogram is"),
    "registry": ("hub.commands.registry", "File a methodology or register a project, by hand"),
    "serial": ("hub.commands.serial", "One serial number's whole life"),
    "adapter": ("hub.commands.adapter", "Begin a new city's adapter, check it, list what is installed"),
    "share": ("hub.commands.share", "Publish, search, subscribe to and import what cities share"),
    "inventory": ("hub.commands.inventory", "A member's yearly inventory, closed to the kilogram"),
    "sync": ("hub.commands.sync", "Sync a city's registry with the chain, and see how it stands"),
    "cadt": ("hub.commands.cadt", "CAD Trust: list a city's credits there; check, compare, import its files"),
    "observe": ("hub.commands.observe", "What public programmes publish: load, follow changes, accept new columns"),
    "reconcile": ("hub.commands.reconcile", "Compare a registry's books with the chain, to the serial"),
    "scenarios": ("hub.commands.scenarios", "Personal scenario records, in the city's own store"),
    "api": ("hub.commands.api", "Serve the HTTP interface: reads, documents, orders to relay"),
    "relay": ("hub.commands.relay", "Send the signed orders that the API took"),
    "deploy": ("hub.commands.deploy", "Create the registers on the chain, once, by a constitution"),
}

_GLOBAL_FLAGS = ("--json", "--verbose")


class LazyCommands(TyperGroup):
    """Lists every command from the table, and imports only the one that runs: `yrdhub --help` stays quick."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, (_, help_line) in COMMANDS.items():
            self.add_command(_name_only(name, help_line))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, _, rest = super().resolve_command(ctx, args)
        if name is None:
            return name, None, rest
        return name, typer.main.get_command(import_module(COMMANDS[name][0]).app), rest


def _name_only(name: str, help_line: str) -> Any:
    listed = typer.Typer(add_completion=False)
    listed.command(name, help=help_line)(lambda: None)
    return typer.main.get_command(listed)


app = typer.Typer(
    name="yrdhub",
    cls=LazyCommands,
    help="Mutual recognition of carbon-inclusive credits between the registries of the Yangtze River Delta.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"yrdhub {__version__}")
        raise typer.Exit


@app.callback()
def global_options(
    context: typer.Context,
    as_json: Annotated[
        bool, typer.Option("--json", help="Answer with one JSON document; may stand after the command too.")
    ] = False,
    home: Annotated[
        Path | None,
        typer.Option(help="Folder that holds all state (default: YRDHUB_HOME, else the XDG data folder)."),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log what happens inside.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    terminal = Terminal.of(context)
    terminal.as_json, terminal.verbose, terminal.home = as_json, verbose, home
    # imported here because structlog alone takes as long as the rest of `yrdhub --help`
    from hub.logs import configure_logs

    configure_logs(terminal.settings.log_format, "DEBUG" if verbose else terminal.settings.log_level)


def global_options_first(arguments: Sequence[str]) -> list[str]:
    """`arguments` with `--json`, `--verbose` and `--home DIR` moved before the command they were written after.

    What follows `--` is left alone.
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    first: list[str] = []
    others: list[str] = []
    remaining = iter(arguments[:end])
    for argument in remaining:
        if argument in _GLOBAL_FLAGS or argument.startswith("--home="):
            first.append(argument)
        elif argument == "--home":
            first += [argument, *(value for value in [next(remaining, None)] if value is not None)]
        else:
            others.append(argument)
    return first + others + list(arguments[end:])


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; every error of ours is told as one block."""
    ordered = global_options_first(arguments)
    # options may be wrong before they are parsed; how to say so is known from the words alone
    terminal = Terminal(as_json="--json" in ordered)
    try:
        app(args=ordered, prog_name="yrdhub", obj=terminal)
    except YrdhubError as error:
        terminal.tell_error(error)
        return error.exit_code
    except Refusal as refusal:
        refused = RecordRefused(refusal.reason, code=refusal.code, value=refusal.value, where=refusal.where or None)
        terminal.tell_error(refused)
        return refused.exit_code
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    return 0


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))
