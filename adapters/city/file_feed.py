"""A city registry that delivers files into a folder: JSON lines, CSV or XLSX, read in order behind the protocol.

What the files are is declared (`FileForm`); what is in them is the city's mapping. The cursor names the file and row
read up to, with digests of what was read before: a file that comes late between others, or is replaced, is seen, and
reading begins anew. That is safe: the journal passes over what it knows, and reports a version whose contents changed.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import Field

from adapters.city.columns import needed, whole
from adapters.city.effect_files import EffectExchange, EffectFiles
from adapters.city.feed import REISSUE_FIRST, CityFeed
from adapters.city.mapping import CityMapping
from adapters.city.records import Issuance
from adapters.city.settings import CitySettings
from adapters.protocol import Effect, Fault, Health, Holding, NativeRecord, Page, Receipt
from adapters.transports.record_files import FileRecord, read_records
from adapters.transports.snapshots import MEBIBYTE, FileLimits
from adapters.transports.tables import Fault as RowFault
from hub.errors import ConfigurationWrong, RetryLater
from mutual_recognition.documents import Json
from mutual_recognition.refusal import Refusal


@dataclass(frozen=True, slots=True)
class FileForm:
    """What a registry's files are.

    `files`: glob under the folder. `name`: how a file's stem is read, by the groups `kind` and `batch` (a number that
    rises with each delivery); files are read by batch, then by kind in the mapping's order, then by name. `kind`: the
    field that names the kind, where one file holds several ("": the file's name says it). `kinds`: the registry's word
    for a kind, where it is not the mapping's. `version`: the field that rises with every change of a record.
    `envelope`: further fields that are no part of a record. `holdings`: glob of the books; the last by name counts.
    """

    version: str
    files: str = "*.jsonl"
    name: str = r"(?P<kind>.*?)[ _-]*(?P<batch>[0-9]*)"
    kind: str = ""
    kinds: Mapping[str, str] = field(default_factory=dict)
    read_version: Callable[[Json], int] = whole
    envelope: tuple[str, ...] = ()
    holdings: str = ""
    encoding: str | None = None
    delimiter: str = ","
    effects: EffectFiles | None = None


class FileFeedSettings(CitySettings):
    """`folder` is where the registry delivers. Seconds: `patience` is how long the last file may stay unfinished,
    `answer_seconds` how long a receipt is waited for, `silence_seconds` after how long without a new file the registry
    counts as down (0: never)."""

    folder: Path
    page_size: Annotated[int, Field(ge=1, le=5000)] = 1000
    patience: Annotated[float, Field(ge=0, le=86_400)] = 30.0
    answer_seconds: Annotated[float, Field(gt=0, le=600)] = 10.0
    silence_seconds: Annotated[float, Field(ge=0, le=31_536_000)] = 0.0
    largest_file_mebibytes: Annotated[int, Field(ge=1, le=1024)] = 64


@dataclass(frozen=True, slots=True)
class _Position:
    """`rows` of the file `name` are read (all of it: `whole`); `before` and `own` are stamps of the files before it
    and of itself, `read` the digest of its rows so far."""

    rows: int
    whole: bool
    before: str
    own: str
    read: str
    name: str

    def __str__(self) -> str:
        return f"{self.rows}:{int(self.whole)}:{self.before}:{self.own}:{self.read}:{self.name}"

    @classmethod
    def parse(cls, cursor: str) -> _Position:
        matched = re.fullmatch(r"([0-9]{1,12}):([01]):([0-9a-f]{16}):([0-9a-f]{16}):([0-9a-f]{16}):(.+)", cursor)
        if matched is None:
            raise ConfigurationWrong(
                "not a cursor of an adapter over files",
                code="cursor_invalid",
                what=cursor,
                remedy="begin again without one: records already known are passed over",
            )
        return cls(int(matched[1]), matched[2] == "1", matched[3], matched[4], matched[5], matched[6])


class FileFeedAdapter(CityFeed):
    """One registry over a folder, by its mapping and the form of its files."""

    def __init__(self, settings: FileFeedSettings, mapping: CityMapping, form: FileForm) -> None:
        takes_effects = form.effects is not None and mapping.effects is not None
        super().__init__(
            settings,
            mapping,
            idempotent_push=takes_effects and form.effects is not None and form.effects.idempotent,
            lookup=takes_effects,
        )
        self._settings, self._form = settings, form
        self._limits = FileLimits(file_bytes=settings.largest_file_mebibytes * MEBIBYTE)
        self._name = re.compile(form.name)
        self._order = {kind: place for place, kind in enumerate(mapping.shapes)}
        self._exchange = EffectExchange(settings.folder, form.effects, self._limits) if form.effects else None

    def health(self) -> Health:
        """Whether the folder is there, how many files it has, and how old the youngest is."""
        if not self._settings.folder.is_dir():
            return Health(False, f"the folder is not there: {self._settings.folder}")
        try:
            files = self._files()
            youngest = max((path.stat().st_mtime for path in files), default=0.0)
        except (ConfigurationWrong, OSError) as trouble:
            return Health(False, str(trouble))
        facts: dict[str, Json] = {"files": len(files)}
        if files:
            facts["latest_file_at"] = datetime.fromtimestamp(youngest, UTC).isoformat(timespec="seconds")
        silence = self._settings.silence_seconds
        if silence and time.time() - youngest > silence:
            return Health(False, f"no new file for more than {silence:g} s", facts)
        return Health(True, "", facts)

    # ---------------------------------------------------------------- read

    def read(self, cursor: str) -> Iterator[Page]:
        """Every record of every file in order, from `cursor` on.

        Raises RetryLater while the folder is away or a file is being written, ConfigurationWrong when the fields of a
        record have changed (what came before it is given first).
        """
        self._check_there()
        files = self._files()
        start, rows, digest = self._resume(files, cursor)
        for number in range(start, len(files)):
            yield from self._pages(files, number, rows, digest)
            rows, digest = 0, ""

    def _check_there(self) -> None:
        if not self._settings.folder.is_dir():
            raise RetryLater(
                "the registry's folder is not there",
                code="folder_unreachable",
                where=str(self._settings.folder),
                remedy="mount it, or correct `folder` in the adapter's configuration",
            )

    def _files(self) -> list[Path]:
        books = set(self._settings.folder.glob(self._form.holdings)) if self._form.holdings else set()
        found = [path for path in self._settings.folder.glob(self._form.files) if path.is_file() and path not in books]
        return sorted((path for path in found if not path.name.startswith(".")), key=self._place)

    def _place(self, path: Path) -> tuple[int, int, list[tuple[int, str]]]:
        matched = self._name.fullmatch(path.stem)
        parts = matched.groupdict() if matched else {}
        batch, kind = parts.get("batch") or "", self._kind(parts.get("kind") or "")
        known = len(self._order) if self._form.kind else self._order.get(kind, len(self._order))
        return int(batch) if batch.isdecimal() else 0, known, _natural(path.name)

    def _kind(self, word: str) -> str:
        return self._form.kinds.get(word, word)

    def _resume(self, files: Sequence[Path], cursor: str) -> tuple[int, int, str]:
        """The file to go on with, how many of its rows were read, and their digest ("" where none were)."""
        if not cursor:
            return 0, 0, ""
        at = _Position.parse(cursor)
        number = next((place for place, path in enumerate(files) if self._relative(path) == at.name), None)
        if number is None or _stamp(files[:number]) != at.before:
            return 0, 0, ""  # a file came late, was replaced or taken away: everything is looked at again
        if at.whole and _stamp([files[number]]) == at.own:
            return number + 1, 0, ""
        return number, at.rows, at.read

    def _pages(self, files: Sequence[Path], number: int, skip: int, expected: str) -> Iterator[Page]:
        path, before = files[number], _stamp(files[:number])
        own = _stamp([path])
        digest, rows = hashlib.sha256(), 0
        records: list[NativeRecord] = []
        faults: list[Fault] = []
        complete = True

        def page(*, ended: bool) -> Page:
            at = _Position(rows, ended, before, own, digest.hexdigest()[:16], self._relative(path))
            given = Page(list(records), str(at), list(faults))
            records.clear()
            faults.clear()
            return given

        for row in self._rows(path):
            unfinished = isinstance(row, RowFault) and row.code == "record_cut_short"
            if unfinished and time.time() - path.stat().st_mtime < self._settings.patience:
                complete = False  # its writer is still at it
                break
            seen = row.values if isinstance(row, FileRecord) else [row.value, row.reason]
            before_row = digest.copy()
            digest.update(json.dumps(seen, ensure_ascii=False, sort_keys=True, default=str).encode() + b"\n")
            rows += 1
            if rows <= skip:
                if rows == skip and digest.hexdigest()[:16] != expected:
                    yield from self._pages(files, number, 0, "")  # replaced: its rows are others now
                    return
                continue
            try:
                self._take(row, path, records, faults)
            except ConfigurationWrong:
                rows, digest = rows - 1, before_row
                if records or faults:
                    yield page(ended=False)
                raise
            if len(records) + len(faults) >= self._settings.page_size:
                yield page(ended=False)
        if rows < skip:
            yield from self._pages(files, number, 0, "")
            return
        if records or faults or (complete and rows > skip):
            yield page(ended=complete)

    def _rows(self, path: Path) -> Iterator[FileRecord | RowFault]:
        form = self._form
        columns: list[str] = []
        if not form.kind and path.suffix.lower() not in (".jsonl", ".ndjson"):
            kind = self._kind_of_file(path)
            columns = [*self.mapping.names_of(kind), form.version, *form.envelope]
        optional = {name for kind in self.mapping.shapes for s in self.mapping.shapes_of(kind) for name in s.optional}
        ignored = {name for kind in self.mapping.shapes for s in self.mapping.shapes_of(kind) for name in s.ignored}
        return read_records(
            path,
            list(dict.fromkeys(columns)),
            optional=optional | ignored | set(form.envelope),
            also=ignored,
            encoding=form.encoding,
            delimiter=form.delimiter,
            limits=self._limits,
        )

    def _take(self, row: FileRecord | RowFault, path: Path, records: list[NativeRecord], faults: list[Fault]) -> None:
        if isinstance(row, RowFault):
            faults.append(Fault(str(row.source), row.field, row.value, row.reason, row.code))
            return
        where, form, values = str(row.source), self._form, row.values
        try:
            kind = self._kind(needed(values[form.kind])) if form.kind else self._kind_of_file(path)
            version = form.read_version(values[form.version])
            shapes = self.mapping.shapes_of(kind)
            native_id = shapes[0].own_number(values) if shapes else _any_id(kind, values)
        except KeyError as absent:
            faults.append(Fault(where, str(absent.args[0]), "", "the field is missing", "field_missing"))
            return
        except Refusal as refusal:
            faults.append(Fault(where, "", str(refusal.value)[:200], refusal.reason, refusal.code))
            return
        payload = dict(values)
        if shapes:
            envelope = {form.version, form.kind, *form.envelope} - set(self.mapping.names_of(kind))
            self.mapping.check_names(kind, [name for name in values if name not in envelope], where)
            payload |= self._reissue(kind, values)
        records.append(NativeRecord(kind, native_id, version, payload, where))

    def _kind_of_file(self, path: Path) -> str:
        matched = self._name.fullmatch(path.stem)
        kind = self._kind((matched.groupdict().get("kind") or "") if matched else "")
        if not kind or (kind not in self.mapping.shapes and kind not in self.mapping.passed_over):
            known = [*self.mapping.shapes, *self.mapping.passed_over]
            raise ConfigurationWrong(
                f"the file's name says no kind that the mapping knows ({kind or 'none'})",
                code="kind_unknown",
                what=path.name,
                where=str(path.parent),
                remedy=f"name it by the form {self._form.name} with one of {', '.join(known)}, or extend the mapping",
            )
        return kind

    def _reissue(self, kind: str, values: Mapping[str, Json]) -> dict[str, Json]:
        """The first serial of the issuance that this one replaces, which the chain needs: looked up in the files."""
        for shape in self.mapping.shapes_of(kind):
            if shape.model is not Issuance or all(column.attribute != "reissue_first" for column in shape.beside):
                continue
            names = {column.attribute: column.name for column in shape.columns}
            replaced = str(values.get(names.get("reissue_of", ""), "") or "").strip()
            if not replaced or not ("serial_first" in names or "serial_first" in shape.derived):
                continue
            for path in self._files():
                for row in self._rows(path):
                    if isinstance(row, FileRecord) and str(row.values.get(shape.id_name, "")).strip() == replaced:
                        return {REISSUE_FIRST: shape.first_serial(row.values)}
        return {}

    def _relative(self, path: Path) -> str:
        return path.relative_to(self._settings.folder).as_posix()

    # ---------------------------------------------------------------- write back

    def push(self, effects: Sequence[Effect]) -> Sequence[Receipt]:
        """Puts a file for each effect into the registry's folder and waits for the receipts; see `EffectExchange`."""
        if self._exchange is None or self.mapping.effects is None:
            return []
        self._check_there()
        bodies, receipts = self._worded(effects)
        booked = self._exchange.offer({key: body for key, (_, body) in bodies.items()}, self._settings.answer_seconds)
        return receipts + [
            Receipt(bodies[key][0], said.accepted, said.reference, said.reason) for key, said in booked.items()
        ]

    def lookup(self, keys: Sequence[str]) -> Mapping[str, Receipt]:
        """See RegistryAdapter."""
        if self._exchange is None:
            return {}
        self._check_there()
        return self._exchange.booked(keys)

    # ---------------------------------------------------------------- books

    def holdings(self) -> Iterable[Holding]:
        """The latest books that were delivered. Raises RetryLater while there are none."""
        if not self._form.holdings or self.mapping.holding is None:
            raise self._no_books()
        self._check_there()
        found = sorted(self._settings.folder.glob(self._form.holdings), key=lambda path: _natural(path.name))
        if not found:
            raise RetryLater(
                "the registry has delivered no books yet",
                code="books_awaited",
                what=self._form.holdings,
                where=str(self._settings.folder),
                remedy="have the registry deliver its unit holdings",
            )
        return list(self._books(self._holding_lines(found[-1])))

    def _holding_lines(self, path: Path) -> Iterator[tuple[Mapping[str, Json], str]]:
        shape, form = self.mapping.holding, self._form
        assert shape is not None
        rows = read_records(
            path,
            shape.names,
            optional=shape.optional | shape.ignored,
            also=shape.ignored,
            encoding=form.encoding,
            delimiter=form.delimiter,
            limits=self._limits,
        )
        for row in rows:
            if isinstance(row, RowFault):
                raise ConfigurationWrong(
                    f"a line of the books cannot be read: {row}",
                    code="holding_unreadable",
                    where=str(path),
                    remedy="have the registry correct its export, or change the mapping",
                )
            yield row.values, str(row.source)

    def close(self) -> None:
        """Nothing is kept open."""


def _any_id(kind: str, values: Mapping[str, Json]) -> str:
    """A name for a record of a kind without a shape here: it is listed by this; the same contents have the same."""
    content = json.dumps(values, ensure_ascii=False, sort_keys=True)
    return f"{kind[:40]}-{hashlib.sha256(content.encode()).hexdigest()[:16]}"


def _natural(name: str) -> list[tuple[int, str]]:
    """Names in the order that people expect: 2 before 10."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"([0-9]+)", name) if part]


def _stamp(files: Sequence[Path]) -> str:
    """Names, sizes and times of files, as one short text."""
    digest = hashlib.sha256()
    for path in files:
        try:
            seen = path.stat()
        except FileNotFoundError:
            continue
        digest.update(f"{path.name}\x1f{seen.st_size}\x1f{seen.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]
