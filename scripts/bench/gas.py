"""Gas a record, alone and in batches, of the operations that a sync sends, beside OpenZeppelin's ERC-1155.

Every record of a batch concerns a project of its own: the dearest case, since nothing that one record reads is warm for
the next but what all of them share. Gas is what the receipt says, calldata and the 21,000 of the transaction included.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from hub.chain.codec import encode_call
from mutual_recognition.identifiers import Kind, subject
from scripts.bench.bounds import Bound, Side
from scripts.bench.ground import DAY, FOREVER, HANGZHOU, SHANGHAI, START, SUZHOU, Ground, key, open_ground
from scripts.compile import ROOT, Project, build_artifacts

SNAPSHOT = ROOT / "contracts" / "gas-snapshot.json"
SIZES = (100, 200, 1)
"""Records a transaction, in the order measured: the first also pays what only the first record of all pays. 1 is the
function called by itself."""

_LOT = sum(SIZES)
_SERIALS = 100
_APART = 1_000
_FIRST_SERIAL = 10_000_001
_FIRST_DAY = 25_600
_NO_END = 2**64 - 1
_SETUP_BATCH = 100


@dataclass(frozen=True, slots=True)
class GasFigures:
    """Gas: of the yardstick's calls; of each operation by records a transaction; of each further piece of a split."""

    yardstick: dict[str, int] = field(default_factory=dict)
    records: dict[str, dict[int, int]] = field(default_factory=dict)
    further_piece: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As the snapshot keeps it."""
        return {
            "unit": "gas a record; the transaction's 21,000 and its calldata included",
            "ERC-1155, called singly": self.yardstick,
            "alone": {name: by_size[1] for name, by_size in self.records.items()},
            **{
                f"in batches of {size}": {name: by_size[size] for name, by_size in self.records.items()}
                for size in SIZES
                if size > 1
            },
            "each further piece of a split": self.further_piece,
        }

    def as_text(self) -> str:
        """The snapshot file's content."""
        return json.dumps(self.to_json(), indent=1, ensure_ascii=False) + "\n"

    def bounds(self) -> list[Bound]:
        """What has to hold, of the dearer of the two batch sizes.

        The first acceptance of a project by a member also records the terms that its credits come under, once: it is
        measured by itself and not held to the bound of those that follow.
        """
        mint, transfer = self.yardstick["mint"], self.yardstick["transfer to a new holder"]
        bounds = [self._ratio("issue", "mint", mint, 3.5)]
        bounds += [
            self._ratio(name, "transfer", transfer, 1.6)
            for name in ("propose", "accept", "retire at home", "retire elsewhere")
        ]
        for name, gas in self.further_piece.items():
            bounds.append(Bound(f"each further piece, {name}", gas, Side.AT_MOST, 23_000, " gas"))
        return bounds

    def _ratio(self, name: str, beside: str, gas: int, limit: float) -> Bound:
        dearest = max(self.records[name][size] for size in SIZES if size > 1)
        return Bound(f"{name}, batched / {beside}", dearest / gas, Side.AT_MOST, limit, " x")


Calls = Callable[[int], bytes]
"""The call for the record of that number."""


class _Measurement:
    """One run: what each step leaves, the next one uses."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self.figures = GasFigures()
        self._predecessor = 0
        self._lots = 0
        self._projects: list[bytes] = []
        self._verifications: list[bytes] = []
        self._series = b""

    def run(self) -> GasFigures:
        self._found()
        self._yardstick()
        self._verify()
        self._issue_and_move()
        self._accept_with_cut()
        self._split()
        self._correct()
        return self.figures

    # ---------------------------------------------------------------- what is there before

    def _found(self) -> None:
        ground = self._ground
        filing = {
            "request": ground.request(),
            "native": keccak(text="illustrative methodology"),
            "document": keccak(text="its document"),
            "definition": keccak(text="its definition"),
            "validFrom": START,
            "validUntil": FOREVER,
            "supersedes": bytes(12),
            "lineage": bytes(32),
        }
        filed = ground.write(SHANGHAI, "Methodologies", [encode_call("Methodologies", "file", [SHANGHAI, filing])])
        methodology = _bytes(ground.events(filed, "MethodologyFiled")[0].args["methodology"])
        terms = {
            "uses": 0x1FE,
            "validFrom": START,
            "validUntil": FOREVER,
            "annualCapKg": 10**15,
            "coversEveryProject": True,
        }
        factors = {SUZHOU: 1_000_000, HANGZHOU: 900_000}
        ground.pass_recognition(
            subject(Kind.METHODOLOGY, methodology),
            {member: terms | {"factorPpm": factor} for member, factor in factors.items()},
        )
        for start in range(0, _LOT, _SETUP_BATCH):
            calls = [self._registration(methodology, at) for at in range(start, min(start + _SETUP_BATCH, _LOT))]
            registered = ground.write(SHANGHAI, "Projects", calls)
            self._projects += [_bytes(e.args["project"]) for e in ground.events(registered, "ProjectRegistered")]
        named = [SHANGHAI, keccak(text="illustrative series"), 1_000, ground.request()]
        made = ground.write(SHANGHAI, "CreditLedger", [encode_call("CreditLedger", "registerSeries", named)])
        self._series = _bytes(ground.events(made, "SeriesRegistered")[0].args["series"])

    def _registration(self, methodology: bytes, at: int) -> bytes:
        registration = {
            "request": self._ground.request(),
            "native": keccak(text=f"illustrative project {at}"),
            "methodology": methodology,
            "document": keccak(text=f"document of project {at}"),
            "creditingStart": _FIRST_DAY,
            "creditingEnd": _FIRST_DAY + 3_650,
            "declaration": keccak(text=f"declaration of project {at}"),
        }
        return encode_call("Projects", "register", [SHANGHAI, registration, []])

    # ---------------------------------------------------------------- the yardstick

    def _yardstick(self) -> None:
        project = Project(ROOT, ROOT / "scripts" / "bench", ROOT / ".build")
        artifacts, _ = build_artifacts(project)
        code = bytes.fromhex(artifacts["Yardstick"]["bytecode"].removeprefix("0x"))
        ground, alice, bob = self._ground, key("alice"), key("bob")
        at = ground.transact(alice, None, code).contract_address
        identifier = _FIRST_SERIAL

        def gas(signature: str, *arguments: object) -> int:
            types = signature[signature.index("(") :]
            data = keccak(text=signature)[:4] + encode(types[1:-1].split(","), arguments)
            return ground.transact(alice, at, data).gas_used

        self.figures.yardstick["mint"] = gas("mint(address,uint256,uint256)", alice.address, identifier, _SERIALS)
        move = (alice.address, bob.address, identifier, _SERIALS // 4, b"")
        transfer = "safeTransferFrom(address,address,uint256,uint256,bytes)"
        self.figures.yardstick["transfer to a new holder"] = gas(transfer, *move)
        self.figures.yardstick["burn"] = gas("burn(uint256,uint256)", identifier, _SERIALS // 4)

    # ---------------------------------------------------------------- the registers

    def _verify(self) -> None:
        def call(at: int) -> bytes:
            asked = {
                "request": self._ground.request(),
                "native": keccak(text=f"illustrative verification {at}"),
                "project": self._projects[at],
                "periodStart": _FIRST_DAY,
                "periodEnd": _FIRST_DAY + 364,
                "verifiedKg": 10**10,
                "document": keccak(text=f"document of verification {at}"),
                "predecessor": 0,
                "externalLock": bytes(32),
            }
            return encode_call("CreditLedger", "verify", [asked])

        events = self._measure("verify", SHANGHAI, call, "Verified")
        self._verifications = [_bytes(event) for event in events["verification"]]

    def _issue_and_move(self) -> None:
        lot = self._issue("issue")
        transfers = self._propose(lot, SUZHOU, "propose")
        self._wait_for_new_counterparty()
        self._accept(transfers, SUZHOU, "accept, a project new there")
        self._measure("retire elsewhere", SUZHOU, lambda at: self._retire(lot, at, 0, _SERIALS - 1))
        lot = self._issue()
        self._accept(self._propose(lot, SUZHOU), SUZHOU, "accept")

    def _accept_with_cut(self) -> None:
        transfers = self._propose(self._issue(), HANGZHOU)
        self._wait_for_new_counterparty()
        self._accept(transfers, HANGZHOU)
        self._accept(self._propose(self._issue(), HANGZHOU), HANGZHOU, "accept with cut")

    def _split(self) -> None:
        parts = {
            "retire at home": (0, _SERIALS - 1),
            "retire, head of a block": (0, 49),
            "retire, middle of a block": (40, 59),
        }
        for name, (first, last) in parts.items():
            lot = self._issue()
            self._measure(name, SHANGHAI, lambda at, lot=lot, f=first, z=last: self._retire(lot, at, f, z))  # type: ignore[misc]
        self._propose(self._issue(), SUZHOU, "propose, middle of a block", 40, 59)
        records = self.figures.records
        for operation, name, whole, pieces in (
            ("retire", "retire, head of a block", "retire at home", 1),
            ("retire", "retire, middle of a block", "retire at home", 2),
            ("propose", "propose, middle of a block", "propose", 2),
        ):
            more = max(-(-(records[name][size] - records[whole][size]) // pieces) for size in SIZES if size > 1)
            self.figures.further_piece[f"{operation} leaves {pieces + 1}"] = more

    def _correct(self) -> None:
        lot = self._issue()

        def call(at: int) -> bytes:
            asked = self._part(lot, at, 0, _SERIALS - 1) | {"document": keccak(text="why it was wrong")}
            return encode_call("CreditLedger", "correct", [asked])

        self._measure("correct", SHANGHAI, call)

    # ---------------------------------------------------------------- steps

    def _issue(self, measured_as: str = "") -> int:
        """A block of each project, behind all that were issued; answers the lot's number."""
        lot = self._lots
        self._lots += 1

        def call(at: int) -> bytes:
            first = self._first(lot, at)
            asked = {
                "request": self._ground.request(),
                "series": self._series,
                "first": first,
                "last": first + _SERIALS - 1,
                "predecessor": self._predecessor,
                "verification": self._verifications[at],
                "vintage": 2040,
                "origin": keccak(text=f"issuance {first}"),
                "document": keccak(text=f"document of issuance {first}"),
                "reissueOf": 0,
            }
            self._predecessor = first
            return encode_call("CreditLedger", "issue", [asked])

        self._measure(measured_as, SHANGHAI, call)
        return lot

    def _propose(self, lot: int, to: int, measured_as: str = "", first: int = 0, last: int = _SERIALS - 1) -> list[str]:
        deadline = self._ground.now + 10 * DAY

        def call(at: int) -> bytes:
            asked = self._part(lot, at, first, last) | {"to": to, "deadline": deadline}
            return encode_call("CreditLedger", "propose", [asked])

        return self._measure(measured_as, SHANGHAI, call, "TransferProposed")["transfer"]

    def _accept(self, transfers: Sequence[str], member: int, measured_as: str = "") -> None:
        self._measure(
            measured_as,
            member,
            lambda at: encode_call("CreditLedger", "accept", [transfers[at], self._ground.request()]),
        )

    def _retire(self, lot: int, at: int, first: int, last: int) -> bytes:
        use = {"purpose": 6, "beneficiary": keccak(text=f"salted beneficiary {at}"), "complianceYear": 0}
        return encode_call("CreditLedger", "retire", [self._part(lot, at, first, last) | use])

    def _part(self, lot: int, at: int, first: int, last: int) -> dict[str, Any]:
        block = self._first(lot, at)
        return {
            "request": self._ground.request(),
            "series": self._series,
            "blockFirst": block,
            "first": block + first,
            "last": block + last,
        }

    @staticmethod
    def _first(lot: int, at: int) -> int:
        return _FIRST_SERIAL + (lot * _LOT + at) * _APART

    def _wait_for_new_counterparty(self) -> None:
        self._ground.pass_time(DAY)

    def _measure(self, name: str, member: int, call: Calls, event: str = "") -> dict[str, list[str]]:
        """Sends each record once, in transactions of SIZES; keeps what each cost (under `name`, if it has one).

        Answers the arguments of every `event`, in the records' order.
        """
        found: dict[str, list[str]] = {}
        start = 0
        for size in SIZES:
            receipt = self._ground.write(member, "CreditLedger", [call(at) for at in range(start, start + size)])
            start += size
            if name:
                self.figures.records.setdefault(name, {})[size] = round(receipt.gas_used / size)
            for happened in self._ground.events(receipt, event) if event else ():
                for argument, value in happened.args.items():
                    found.setdefault(argument, []).append(str(value))
        return found


def _bytes(value: object) -> bytes:
    return bytes.fromhex(str(value).removeprefix("0x"))


def measure_gas() -> GasFigures:
    """Everything, on a chain that is made for it and gone afterwards. About half a minute; the same every time."""
    with tempfile.TemporaryDirectory(prefix="yrdhub-gas-") as home, open_ground(Path(home)) as ground:
        return _Measurement(ground).run()
