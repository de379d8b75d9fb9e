"""Effects as files in a registry's folder, and the receipts that come back.

One file an effect, named by the effect's key: the same effect is the same file, so offering it again changes nothing.
"""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.city.telling import native_key
from adapters.protocol import Receipt
from adapters.transports.record_files import FileRecord, read_records
from adapters.transports.snapshots import FileLimits, write_whole
from hub.errors import RetryLater
from mutual_recognition.documents import Json

_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class EffectFiles:
    """Where effects go and receipts come from, under the registry's folder.

    `name`: of an effect's file, with {key}; its ending decides between one JSON object (.json, .jsonl) and CSV, whose
    header are `columns`. Receipts (`receipts`: a glob) name the effect by `key`, say how it went in `result` (a word of
    `accepted` for yes), and may have a `reference` and a `reason`. `idempotent`: the registry books a key once.
    """

    key: str
    result: str
    accepted: frozenset[str]
    folder: str = "in"
    name: str = "effect_{key}.jsonl"
    columns: tuple[str, ...] = ()
    encoding: str = "utf-8"
    receipts: str = "receipts/*.jsonl"
    reference: str = "reference"
    reason: str = "reason"
    idempotent: bool = True


class EffectExchange:
    """The two folders of one registry. Nothing in them is ever changed or deleted; only effect files are added."""

    def __init__(self, folder: Path, form: EffectFiles, limits: FileLimits) -> None:
        self._folder, self._form, self._limits = folder, form, limits
        self._seen: dict[str, tuple[int, int]] = {}
        self._said: dict[str, Receipt] = {}

    def offer(self, bodies: Mapping[str, Mapping[str, Json]], wait: float) -> dict[str, Receipt]:
        """Puts effects there by native key, and what was answered within `wait` seconds, by native key.

        Raises RetryLater when nothing was answered: the files stay, and `booked` finds what came of them.
        """
        for key, body in bodies.items():
            target = self._folder / self._form.folder / self._form.name.format(key=key)
            if not target.exists():
                self._put(target, self._written(target, body))
        give_up = time.monotonic() + wait
        while bodies:
            self._look()
            found = {key: self._said[key] for key in bodies if key in self._said}
            if len(found) == len(bodies) or (found and time.monotonic() > give_up):
                return found
            if time.monotonic() > give_up:
                raise RetryLater(
                    f"no receipt for {len(bodies)} effects within {wait:g} s",
                    code="receipt_awaited",
                    what=", ".join(sorted(bodies)[:3]),
                    where=str(self._folder / self._form.folder),
                    remedy="nothing: the files stay there, and receipts are looked for before anything is sent again",
                )
            time.sleep(_POLL_SECONDS)
        return {}

    def booked(self, keys: Sequence[str]) -> dict[str, Receipt]:
        """The receipts of effects that the registry accepted, by the effect's own key."""
        self._look()
        found = {key: self._said.get(native_key(key)) for key in keys}
        return {
            key: Receipt(key, True, said.reference) for key, said in found.items() if said is not None and said.accepted
        }

    def _look(self) -> None:
        form = self._form
        for path in sorted(self._folder.glob(form.receipts)):
            seen = path.stat()
            stamp = seen.st_size, seen.st_mtime_ns
            if self._seen.get(path.name) == stamp:
                continue
            names = [form.key, form.result, form.reference, form.reason]
            rows = read_records(path, names, optional=(form.reference, form.reason), encoding=None, limits=self._limits)
            for row in rows:
                if not isinstance(row, FileRecord):
                    raise RetryLater(
                        f"a receipt cannot be read: {row}",
                        code="file_changing",
                        where=str(path),
                        remedy="nothing at first: it may be half written. If it lasts, have it written again",
                    )
                key = str(row.values.get(form.key, ""))
                accepted = str(row.values.get(form.result, "")) in form.accepted
                reason = "" if accepted else str(row.values.get(form.reason, "") or "refused without a reason")
                if accepted or key not in self._said:
                    self._said[key] = Receipt(key, accepted, str(row.values.get(form.reference, "") or ""), reason)
            self._seen[path.name] = stamp

    def _written(self, target: Path, body: Mapping[str, Json]) -> bytes:
        if target.suffix != ".csv":
            return (json.dumps(body, ensure_ascii=False) + "\n").encode(self._form.encoding)
        content = io.StringIO(newline="")
        columns = self._form.columns or tuple(body)
        csv.writer(content, lineterminator="\r\n").writerows([columns, [str(body.get(name, "")) for name in columns]])
        return content.getvalue().encode(self._form.encoding)

    def _put(self, target: Path, content: bytes) -> None:
        try:
            write_whole(target, content)
        except OSError as trouble:
            raise RetryLater(
                f"an effect cannot be put into the registry's folder: {trouble}",
                code="folder_unreachable",
                where=str(target),
                remedy="check that the folder is mounted and writable",
            ) from trouble
