"""The Suzhou sandbox registry: CSV batches in `out/`, effect files taken from `in/`, receipts in `receipts/`.

Run as `python -m adapters.sandbox.suzhou --home DIR --folder DIR --control-port N`; README.md describes the files.
"""

from __future__ import annotations

import threading
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from adapters.sandbox.city import SUZHOU
from adapters.sandbox.control import Control, NoFields, Operation, control_app
from adapters.sandbox.effects import Effects
from adapters.sandbox.errors import RegistryRefusal
from adapters.sandbox.faults import FILE_FAULTS, Faults
from adapters.sandbox.registry import Registry
from adapters.sandbox.samples import load_samples
from adapters.sandbox.server import listen, serve, url_of, write_whole
from adapters.sandbox.storage import Storage
from adapters.sandbox.suzhou_files import (
    HEARTBEAT_HEADER,
    HOLDING_HEADER,
    KINDS,
    MANIFEST_HEADER,
    RECEIPT_HEADER,
    Table,
    digest,
    encode_csv,
    holding_row,
    instant,
    read_effect_row,
    read_effect_table,
    record_header,
    record_row,
)

BATCH_ROWS = 5_000
POLL_SECONDS = 0.2
HEARTBEAT_SECONDS = 1.0


@dataclass(slots=True)
class Waiting:
    """Files that are written but not yet delivered: until a time, or until another batch has gone."""

    names: list[str]
    due: float | None
    after_batch: int | None = None


@dataclass(slots=True)
class Delivery:
    """Puts finished files into `out/`, with the faults a file exchange has.

    Every file is complete in `staging` first, so that one that waits survives a restart of the registry.
    """

    staging: Path
    out: Path
    faults: Faults
    waiting: list[Waiting] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.staging.mkdir(parents=True, exist_ok=True)
        self.out.mkdir(parents=True, exist_ok=True)

    def deliver_left_over(self) -> None:
        """After a restart: whatever is still staged goes out."""
        self._release(sorted(path.name for path in self.staging.iterdir() if not path.name.startswith(".")))

    def deliver(self, batch: int, files: dict[str, bytes]) -> None:
        """Deliver a batch, its manifest last."""
        for name, content in files.items():
            write_whole(self.staging / name, content)
        names = list(files)
        if self.faults.take("out_of_order"):
            self.waiting.append(Waiting(names, None, after_batch=batch))
            return
        if late := self.faults.take("late_file"):
            self.waiting.append(Waiting([names.pop(0)], time.monotonic() + late.number("seconds", 3)))
        elif half := self.faults.take("half_written_file"):
            first = names.pop(0)
            content = files[first]
            (self.out / first).write_bytes(content[: len(content) // 2])
            self.waiting.append(Waiting([first], time.monotonic() + half.number("seconds", 2)))
        self._release(names)
        if self.faults.take("file_delivered_twice"):
            copied = next(iter(files))
            write_whole(self.out / f"{Path(copied).stem}(1).csv", files[copied])
        for held in [w for w in self.waiting if w.after_batch is not None and w.after_batch < batch]:
            self.waiting.remove(held)
            self._release(held.names)

    def deliver_due(self) -> None:
        """Deliver what waited for a time that has come."""
        for held in [w for w in self.waiting if w.due is not None and w.due <= time.monotonic()]:
            self.waiting.remove(held)
            self._release(held.names)

    def _release(self, names: list[str]) -> None:
        for name in names:
            staged = self.staging / name
            write_whole(self.out / name, staged.read_bytes())
            staged.unlink()


class FileExchange:
    """The folder face of the registry: exports what changed, books what arrives, writes receipts."""

    def __init__(self, registry: Registry, faults: Faults, folder: Path, home: Path) -> None:
        self.registry = registry
        self.storage = registry.storage
        self.effects = Effects(registry)
        self.faults = faults
        self.inbox = folder / "in"
        self.receipts = folder / "receipts"
        self.archive = home / "processed"
        for path in (self.inbox, self.receipts, self.archive):
            path.mkdir(parents=True, exist_ok=True)
        self.delivery = Delivery(home / "staging", folder / "out", faults)
        self.late_receipts: list[tuple[float, str, bytes]] = []
        self._beat_at = 0.0
        self._working = threading.Lock()

    def work_forever(self, stop: threading.Event) -> None:
        """Poll until told to stop. A failure is reported in the log and the next pass tries again."""
        self.delivery.deliver_left_over()
        while not stop.wait(POLL_SECONDS):
            try:
                self.work_once()
            except Exception:
                traceback.print_exc()

    def work_once(self) -> None:
        """One pass: take effects, export changes, deliver what is due."""
        with self._working:
            if slow := self.faults.take("slow"):
                time.sleep(slow.number("seconds", 0.5))
            self._take_effects()
            self._answer_snapshot_requests()
            while self._export_batch():
                pass
            self.delivery.deliver_due()
            for late in [item for item in self.late_receipts if item[0] <= time.monotonic()]:
                self.late_receipts.remove(late)
                write_whole(self.receipts / late[1], late[2])
            if time.monotonic() - self._beat_at >= HEARTBEAT_SECONDS:
                self._beat()

    def _beat(self) -> None:
        """Tell that this registry is alive, and how far its exports go."""
        batch = self.storage.setting("batch_plan", "0:0:0").split(":")[0]
        beat = [instant(self.registry.now()), self.storage.setting("exported_seq", "0"), batch]
        write_whole(self.delivery.out / "心跳.csv", encode_csv([HEARTBEAT_HEADER, beat]))
        self._beat_at = time.monotonic()

    # --- out

    def _export_batch(self) -> bool:
        """Write the next batch of changes; True when there was one."""
        planned = self._planned_batch()
        if planned is None:
            return False
        batch, first, last = planned
        files: dict[str, bytes] = {}
        manifest: Table = [MANIFEST_HEADER]
        changes = [c for c in self.storage.changes_after(first - 1, last - first + 1) if c.seq <= last]
        for kind, stem in KINDS.items():
            rows = [record_row(change) for change in changes if change.kind == kind]
            if rows:
                name = f"{stem}_{batch:06d}.csv"
                whole = encode_csv([record_header(kind), *rows])
                seqs = [row[0] for row in rows]
                manifest.append([str(batch), name, str(len(rows)), seqs[0], seqs[-1], digest(whole)])
                files[name] = self._spoiled([record_header(kind), *rows], whole)
        files[f"清单_{batch:06d}.csv"] = encode_csv(manifest)
        self.delivery.deliver(batch, files)
        self.storage.set_setting("exported_seq", str(last))
        return True

    def _planned_batch(self) -> tuple[int, int, int] | None:
        """Number and sequence range of the batch to write. It is fixed before it is written, so that a batch that is
        written again after a crash has the same rows under the same names."""
        exported = int(self.storage.setting("exported_seq", "0"))
        plan = [int(part) for part in self.storage.setting("batch_plan", "0:0:0").split(":")]
        if plan[2] > exported:
            return plan[0], plan[1], plan[2]
        changes = self.storage.changes_after(exported, BATCH_ROWS)
        if not changes:
            return None
        batch = plan[0] + 1
        self.storage.set_setting("batch_plan", f"{batch}:{changes[0].seq}:{changes[-1].seq}")
        return batch, changes[0].seq, changes[-1].seq

    def _spoiled(self, table: Table, whole: bytes) -> bytes:
        """The file as the faults that are on leave it; its manifest still describes the whole one."""
        header = table[0]
        if extra := self.faults.take("extra_column"):
            return encode_csv([[*header, extra.text("column", "备用字段")], *([*row, "0"] for row in table[1:])])
        if missing := self.faults.take("missing_column"):
            column = missing.text("column", header[-2])
            if column in header:
                at = header.index(column)
                return encode_csv([[*row[:at], *row[at + 1 :]] for row in table])
        if renamed := self.faults.take("renamed_field"):
            old, new = renamed.text("from", ""), renamed.text("to", "")
            return encode_csv([[new if name == old else name for name in header], *table[1:]])
        if wrong := self.faults.take("wrong_encoding"):
            return encode_csv(table, wrong.text("encoding", "utf-16"))
        if truncated := self.faults.take("truncated_csv"):
            return whole[: int(len(whole) * truncated.number("share", 0.6))]
        return whole

    def snapshot(self) -> dict[str, Any]:
        """Write every current record and holding as files 全量_<kind>_<number>.csv, manifest last."""
        with self._working:
            return self._write_snapshot()

    def put_back(self) -> None:
        """The registry was restored from a backup, and its exchange folder with it: exports and receipts from after the
        backup are gone."""
        with self._working:
            batch = int(self.storage.setting("batch_plan", "0:0:0").split(":")[0])
            for path in self.delivery.out.glob("*_*.csv"):
                number = path.stem.partition("(")[0].rpartition("_")[2]
                if not path.name.startswith("全量_") and number.isdigit() and int(number) > batch:
                    path.unlink()
            for path in self.receipts.glob("回执_推送_*.csv"):
                keys = [line.split(",")[0] for line in path.read_text("gb18030").splitlines()[1:]]
                if any(key and self.effects.lookup(key) is None for key in keys):
                    path.unlink()
            self._beat()

    def _write_snapshot(self) -> dict[str, Any]:
        with self.storage.transaction():
            number, seq = self.storage.next_number("snapshot"), self.storage.latest_seq()
            tables: dict[str, Table] = {
                stem: [record_header(kind), *map(record_row, self.storage.current_after(kind, 0, 2**62))]
                for kind, stem in KINDS.items()
            }
            tables["持有"] = [HOLDING_HEADER, *(holding_row(row) for row in self.registry.units.rows())]
            files = {f"全量_{stem}_{number:06d}.csv": encode_csv(table) for stem, table in tables.items()}
            manifest: Table = [MANIFEST_HEADER]
            for (name, content), table in zip(files.items(), tables.values(), strict=True):
                manifest.append([str(number), name, str(len(table) - 1), "1", str(seq), digest(content)])
            files[f"全量_清单_{number:06d}.csv"] = encode_csv(manifest)
            for name, content in files.items():
                write_whole(self.delivery.out / name, content)
        return {"number": number, "change_seq": seq, "files": list(files)}

    # --- in

    def _take_effects(self) -> None:
        # In order of arrival: an effect may build on one before it.
        waiting = sorted((p.stat().st_mtime_ns, p) for p in self.inbox.glob("推送_*.csv") if p.is_file())
        if not waiting or self.faults.take("timeout_before_write"):
            return
        for _, path in waiting:
            receipt = encode_csv([RECEIPT_HEADER, *self._book_file(path.read_bytes())])
            name = self._receipt_name(path.stem)
            if late := self.faults.take("timeout_after_write"):
                self.late_receipts.append((time.monotonic() + late.number("seconds", 5), name, receipt))
            else:
                write_whole(self.receipts / name, receipt)
            # Last, so that a crash before it only makes the file be booked again, which changes nothing.
            write_whole(self.archive / path.name, path.read_bytes())
            path.unlink()

    def _answer_snapshot_requests(self) -> None:
        """An adapter asks for a snapshot with a file 申请全量_<name>.csv, whatever is in it."""
        for path in sorted(self.inbox.glob("申请全量_*.csv")):
            done = self._write_snapshot()
            name = path.stem.removeprefix("申请全量_")
            row = [
                name,
                "0",
                "已出具",
                str(done["change_seq"]),
                instant(self.registry.now()),
                "全量批次",
                str(done["number"]),
            ]
            write_whole(self.receipts / self._receipt_name(path.stem), encode_csv([RECEIPT_HEADER, row]))
            path.unlink()

    def _book_file(self, content: bytes) -> Table:
        """Book every row of an effect file, each by itself; returns the receipt's rows."""
        now = instant(self.registry.now())
        try:
            rows = read_effect_table(content)
        except RegistryRefusal as refusal:
            return [["", "0", "拒收", "", now, refusal.field, f"{refusal.code}: {refusal.message}"]]
        receipt: Table = []
        for number, row in enumerate(rows, start=2):
            key = row[0] if row else ""
            try:
                key, effect = read_effect_row(row)
                booking = self.effects.book(key, effect)
            except RegistryRefusal as refusal:
                reason = f"{refusal.code}: {refusal.message} ({refusal.value[:120]})"
                receipt.append([key, str(number), "拒收", "", now, refusal.field, reason])
            else:
                result = "重复" if booking.repeated else "已入账"
                receipt.append([key, str(number), result, str(booking.seq), instant(booking.booked_at), "", ""])
        return receipt

    def _receipt_name(self, stem: str) -> str:
        """A receipt never replaces an earlier one: what was booked once must stay readable."""
        taken = {name for _, name, _ in self.late_receipts}
        name, number = f"回执_{stem}.csv", 1
        while name in taken or (self.receipts / name).exists():
            number += 1
            name = f"回执_{stem}_{number}.csv"
        return name


def main(
    home: Annotated[Path, typer.Option(help="folder of the registry's own database")],
    folder: Annotated[Path, typer.Option(help="the exchange folder: out/, in/ and receipts/")],
    control_port: Annotated[int, typer.Option(help="port of the operators' interface; 0: a free one")] = 0,
    samples: Annotated[bool, typer.Option(help="load the illustrative sample data into an empty registry")] = False,
    with_parent: Annotated[bool, typer.Option(help="stop when standard input closes")] = False,
) -> None:
    """Run the Suzhou sandbox registry; home/endpoints.json tells where it listens."""
    home.mkdir(parents=True, exist_ok=True)
    faults = Faults(FILE_FAULTS)
    registry = Registry(SUZHOU, Storage(home / "registry.sqlite", clock=faults.now))
    if samples and registry.storage.latest_seq() == 0:
        load_samples(registry)
    exchange = FileExchange(registry, faults, folder, home)
    more: dict[str, Operation] = {
        "snapshot": (NoFields, lambda _: exchange.snapshot()),
        "publish": (NoFields, lambda _: exchange.work_once()),
    }
    control = Control(registry, faults, home, more)
    control.restored = exchange.put_back
    stop = threading.Event()
    worker = threading.Thread(target=exchange.work_forever, args=(stop,), name="file-exchange")
    listener = listen(control_port)
    where = {"control": url_of(listener), "folder": str(folder.absolute())}
    worker.start()
    try:
        serve(
            [(control_app(control), listener)],
            endpoints=home / "endpoints.json",
            describe=where,
            with_parent=with_parent,
        )
    finally:
        stop.set()
        worker.join()
        registry.storage.close()


if __name__ == "__main__":
    typer.run(main)
