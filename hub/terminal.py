"""What a command says, and how: rich text for a person, one JSON document for a program (`--json`)."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import typer
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from hub.errors import YrdhubError, json_value
from hub.settings import Settings, load_settings


@dataclass
class Terminal:
    """One run of the command line: its global options, and the only way its commands print.

    Answers go to standard output; notes, progress and errors go to standard error, so that an answer can be piped.
    With `as_json` an answer is exactly one JSON document and notes are left out.
    """

    as_json: bool = False
    verbose: bool = False
    home: Path | None = None
    out: Console = field(default_factory=lambda: _console(to_stderr=False))
    err: Console = field(default_factory=lambda: _console(to_stderr=True))

    @staticmethod
    def of(context: typer.Context) -> Terminal:
        """The terminal of the run that `context` belongs to."""
        return context.ensure_object(Terminal)

    @cached_property
    def settings(self) -> Settings:
        """The settings of this run, read at first use. Raises ConfigurationWrong."""
        return load_settings(self.home)

    def answer(self, data: Mapping[str, object] | Sequence[object], *shown: RenderableType) -> None:
        """The command's result: `data` with `--json`, else `shown`."""
        if self.as_json:
            sys.stdout.write(json.dumps(json_value(data), ensure_ascii=False, indent=2) + "\n")
        else:
            for renderable in shown:
                self.out.print(renderable, soft_wrap=isinstance(renderable, str))

    def note(self, *shown: RenderableType) -> None:
        """Something a person wants to read on the way; a program does not get it."""
        if not self.as_json:
            for renderable in shown:
                self.err.print(renderable, soft_wrap=isinstance(renderable, str))

    def progress(self) -> Progress:
        """A progress bar on standard error, silent with `--json` or when nobody watches."""
        return Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.err,
            transient=True,
            disable=self.as_json or not self.err.is_terminal,
        )

    def tell_error(self, error: YrdhubError) -> None:
        """`error` as one block, or as one JSON document on standard output; advice is for the home that was named."""
        if self.home is not None and error.remedy:
            error.remedy = error.remedy.replace("yrdhub ", f"yrdhub --home {self.home} ")
        if self.as_json:
            sys.stdout.write(json.dumps(error.to_json(), ensure_ascii=False, indent=2) + "\n")
        else:
            self.err.print(error.to_panel())


def _console(*, to_stderr: bool) -> Console:
    """A console as wide as its terminal; into a file or pipe 120 columns, so that tables keep their shape."""
    stream = sys.stderr if to_stderr else sys.stdout
    return Console(stderr=to_stderr, highlight=False, width=None if stream.isatty() else 120)
