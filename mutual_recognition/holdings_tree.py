"""The state of a registry's units as a Merkle tree that both sides compute alike, whatever blocks each keeps.

A series is a map from serials to *places* (holder, status). Adjacent serials in one place are one *run*, however a
ledger or a registry has split them. The space of 64-bit serials is a trie of sixteen children a node; a node whose
interval holds at most `BUCKET` runs, cut at its ends, is a leaf that lists them, any other has children. So the tree
follows from the map alone, a change touches one path, and a run of a billion serials costs no more than a short one.

Hashes are SHA-256 with the domain separation of RFC 6962, section 2.1 (0x00 leaf, 0x01 node), and 0x02 for a member:

    leaf    0x00 || "first last holder status\\n" of each run, decimal, in serial order
    node    0x01 || level (1 byte) || child's number (1 byte) and hash (32 bytes), of each child that is not empty
    member  0x02 || member (3 bytes) || series id (12 bytes) and hash of its top node (32 bytes), in order of the ids
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

BITS: Final = 4
TOP: Final = 16
"""Level of a series' top node; level 0 is a single serial."""
BUCKET: Final = 32


class Place(NamedTuple):
    """Who holds a serial, and in which status (a word of `holdings.STATUSES`)."""

    holder: int
    status: str


class Run(NamedTuple):
    """Serials `first` to `last` in one place; `place` None stands for none: such an edit takes them away."""

    first: int
    last: int
    place: Place | None


class Child(NamedTuple):
    """A child that is not empty: its hash, its number of runs, and where its lowest and its highest serial are."""

    number: int
    hash: bytes
    runs: int
    low: Place | None
    high: Place | None


@dataclass(frozen=True, slots=True)
class Node:
    """A node over the serials from prefix * 16**level on. A leaf has `runs`, any other node `children`."""

    level: int
    prefix: int
    runs: tuple[Run, ...] = ()
    children: tuple[Child, ...] = ()

    @property
    def is_leaf(self) -> bool:
        return not self.children

    @property
    def low(self) -> int:
        """The lowest serial of the interval."""
        return self.prefix << BITS * self.level

    @property
    def high(self) -> int:
        """The highest serial of the interval."""
        return ((self.prefix + 1) << BITS * self.level) - 1

    def hash(self) -> bytes:
        """SHA-256, 32 bytes; see above."""
        if self.is_leaf:
            return hashlib.sha256(b"\0" + runs_as_text(self.runs).encode()).digest()
        parts = [bytes((child.number,)) + child.hash for child in self.children]
        return hashlib.sha256(bytes((1, self.level)) + b"".join(parts)).digest()

    def count(self) -> int:
        """Number of runs, cut at the interval's ends."""
        return len(self.runs) if self.is_leaf else count_of(self.children)

    def as_child(self) -> Child:
        """What its parent keeps of it."""
        if self.is_leaf:
            first, last = self.runs[0], self.runs[-1]
            low = first.place if first.first == self.low else None
            high = last.place if last.last == self.high else None
        else:
            low = self.children[0].low if self.children[0].number == 0 else None
            high = self.children[-1].high if self.children[-1].number == 15 else None
        return Child(self.prefix & 15, self.hash(), self.count(), low, high)


class Nodes(Protocol):
    """Where the nodes of one series are kept. An absent node is an empty interval."""

    def get(self, level: int, prefix: int) -> Node | None: ...

    def put(self, node: Node) -> None: ...

    def drop(self, level: int, prefix: int) -> None: ...


class Tree:
    """Nodes of one series in memory, by (level, prefix)."""

    def __init__(self) -> None:
        self.nodes: dict[tuple[int, int], Node] = {}

    def get(self, level: int, prefix: int) -> Node | None:
        return self.nodes.get((level, prefix))

    def put(self, node: Node) -> None:
        self.nodes[node.level, node.prefix] = node

    def drop(self, level: int, prefix: int) -> None:
        self.nodes.pop((level, prefix), None)


def member_root(member: int, series: Mapping[bytes, bytes]) -> bytes:
    """One hash over all that concerns a member: `series` maps series ids (12 bytes) to hashes of their top nodes."""
    parts = [identifier + series[identifier] for identifier in sorted(series)]
    return hashlib.sha256(b"\2" + member.to_bytes(3) + b"".join(parts)).digest()


def runs_as_text(runs: Iterable[Run]) -> str:
    """What a leaf hashes, and what a table keeps: a line "first last holder status" a run."""
    return "".join(f"{run[0]} {run[1]} {run[2][0]} {run[2][1]}\n" for run in runs if run[2] is not None)


def runs_from_text(text: str) -> tuple[Run, ...]:
    """From what `runs_as_text` gave."""
    runs = []
    for line in text.splitlines():
        first, last, holder, status = line.split(" ")
        runs.append(Run(int(first), int(last), Place(int(holder), status)))
    return tuple(runs)


def children_as_text(children: Iterable[Child]) -> str:
    """For a table: a line "number hash runs low high" a child, "-" for an end that is empty."""
    return "".join(
        f"{child.number} {child.hash.hex()} {child.runs} {_edge(child.low)} {_edge(child.high)}\n" for child in children
    )


def children_from_text(text: str) -> tuple[Child, ...]:
    """From what `children_as_text` gave."""
    children = []
    for line in text.splitlines():
        number, digest, runs, low, high = line.split(" ")
        children.append(Child(int(number), bytes.fromhex(digest), int(runs), _place(low), _place(high)))
    return tuple(children)


def joined(runs: Iterable[Run]) -> Iterator[Run]:
    """Runs in serial order with neighbours in one place made one. Those that overlap are the caller's affair."""
    last: Run | None = None
    for run in runs:
        if last is not None and last.last + 1 == run.first and last.place == run.place:
            last = Run(last.first, run.last, run.place)
            continue
        if last is not None:
            yield last
        last = run
    if last is not None:
        yield last


def overlay(runs: Iterable[Run], edits: Iterable[Run]) -> Iterator[Run]:
    """`runs` with every serial of `edits` put where the edit says, both in serial order and without overlaps."""
    return joined(_overlaid(iter(runs), edits))


def _overlaid(runs: Iterator[Run], edits: Iterable[Run]) -> Iterator[Run]:
    left: Run | None = next(runs, None)
    for edit in edits:
        while left is not None and left.first <= edit.last:
            if left.first < edit.first:
                yield Run(left.first, min(left.last, edit.first - 1), left.place)
            if left.last > edit.last:
                left = Run(edit.last + 1, left.last, left.place)
                break
            left = next(runs, None)
        if edit.place is not None:
            yield edit
    if left is not None:
        yield left
        yield from runs


# -------------------------------------------------------------------- keeping it up to date


def apply(nodes: Nodes, edits: Sequence[Run]) -> Node | None:
    """Moves serials to where `edits` say and brings every node on the way up to date; answers the top node.

    `edits` are in serial order and do not overlap. Costs as the edits do, times the height, not as the tree. The result
    is the tree that `build` would make of the new runs.
    """
    return _update(nodes, TOP, 0, edits)


def _update(nodes: Nodes, level: int, prefix: int, edits: Sequence[Run], *, empty: bool = False) -> Node | None:
    """`empty`: known from the parent, so that nothing need be looked up."""
    node = None if empty else nodes.get(level, prefix)
    low = prefix << BITS * level
    high = low + (1 << BITS * level) - 1
    if len(edits) == 1 and edits[0].first <= low and edits[0].last >= high:
        if node is not None and node.is_leaf and node.runs == ((low, high, edits[0].place),):
            return node
        _drop_below(nodes, node)
        runs = [Run(low, high, edits[0].place)] if edits[0].place is not None else []
        return _write(nodes, level, prefix, runs, replaces=node is not None)
    if node is None or node.is_leaf:
        before = () if node is None else node.runs
        after = list(overlay(before, edits))
        if tuple(after) == before:
            return node
        return _write(nodes, level, prefix, after, replaces=node is not None)
    children = {child.number: child for child in node.children}
    for number, part in _by_child(level, low, edits):
        changed = _update(nodes, level - 1, (prefix << BITS) + number, part, empty=number not in children)
        if changed is None:
            children.pop(number, None)
        else:
            children[number] = changed.as_child()
    ordered = tuple(children[number] for number in sorted(children))
    if ordered == node.children:
        return node
    if count_of(ordered) <= BUCKET:
        runs = list(runs_below(nodes, Node(level, prefix, children=ordered)))
        _drop_below(nodes, Node(level, prefix, children=ordered))
        return _write(nodes, level, prefix, runs, replaces=True)
    fresh = Node(level, prefix, children=ordered)
    nodes.put(fresh)
    return fresh


def _write(nodes: Nodes, level: int, prefix: int, runs: Sequence[Run], *, replaces: bool = False) -> Node | None:
    """The node of exactly these runs, put with all below it; nothing else is below it. `replaces`: one stands there."""
    if not runs:
        if replaces:
            nodes.drop(level, prefix)
        return None
    if len(runs) <= BUCKET:
        node = Node(level, prefix, tuple(runs))
    else:
        below = (
            _write(nodes, level - 1, (prefix << BITS) + number, part)
            for number, part in _by_child(level, prefix << BITS * level, runs)
        )
        node = Node(level, prefix, children=tuple(child.as_child() for child in below if child is not None))
    nodes.put(node)
    return node


def _by_child(level: int, low: int, runs: Iterable[Run]) -> Iterator[tuple[int, list[Run]]]:
    """Runs cut at the borders of the children of a node that starts at `low`, child by child."""
    shift = BITS * (level - 1)
    high = low + (1 << shift + BITS) - 1
    part: list[Run] = []
    at = -1
    for run in runs:
        first, last = max(run.first, low), min(run.last, high)
        while first <= last:
            number = (first - low) >> shift
            end = min(last, low + ((number + 1) << shift) - 1)
            if number != at:
                if part:
                    yield at, part
                part, at = [], number
            part.append(Run(first, end, run.place))
            first = end + 1
    if part:
        yield at, part


def _drop_below(nodes: Nodes, node: Node | None) -> None:
    if node is None:
        return
    for child in node.children:
        prefix = (node.prefix << BITS) + child.number
        _drop_below(nodes, nodes.get(node.level - 1, prefix))
        nodes.drop(node.level - 1, prefix)


def count_of(children: Sequence[Child]) -> int:
    """Runs of a node with these children: theirs, less one wherever a run goes on from one to the next."""
    total, before = 0, None
    for child in children:
        total += child.runs
        goes_on = before is not None and before.number + 1 == child.number and before.high == child.low
        if goes_on and child.low is not None:
            total -= 1
        before = child
    return total


def runs_below(nodes: Nodes, node: Node | None) -> Iterator[Run]:
    """The runs of a node's interval in serial order, whole, one at a time."""
    return joined(_pieces_below(nodes, node))


def _pieces_below(nodes: Nodes, node: Node | None) -> Iterator[Run]:
    if node is None:
        return
    yield from node.runs
    for child in node.children:
        yield from _pieces_below(nodes, nodes.get(node.level - 1, (node.prefix << BITS) + child.number))


# -------------------------------------------------------------------- from scratch


def build(runs: Iterable[Run], nodes: Nodes) -> Node | None:
    """The tree of joined runs in serial order, from scratch, node by node; answers its top. Memory does not grow with
    the runs beyond what `nodes` keeps."""
    return _Builder(runs, nodes).node(TOP, 0)


class _Builder:
    """Takes runs off a stream as nodes ask for them, some tens at a time."""

    def __init__(self, runs: Iterable[Run], nodes: Nodes) -> None:
        self._stream = iter(runs)
        self._ahead: deque[Run] = deque()
        self._nodes = nodes

    def node(self, level: int, prefix: int) -> Node | None:
        high = ((prefix + 1) << BITS * level) - 1
        runs = self._take(high)
        if len(runs) <= BUCKET:
            node = Node(level, prefix, tuple(runs))
            if not runs:
                return None
        else:
            self._ahead.extendleft(reversed(runs))
            children = []
            while self._ahead and self._ahead[0].first <= high:
                below = self._ahead[0].first >> BITS * (level - 1)
                child = self.node(level - 1, below)
                if child is not None:
                    children.append(child.as_child())
                self._look_ahead()
            node = Node(level, prefix, children=tuple(children))
        self._nodes.put(node)
        return node

    def _look_ahead(self) -> None:
        if not self._ahead:
            run = next(self._stream, None)
            if run is not None:
                self._ahead.append(run)

    def _take(self, high: int) -> list[Run]:
        """Runs up to `high`, the last cut there; at most one more than a leaf holds."""
        taken: list[Run] = []
        while len(taken) <= BUCKET:
            self._look_ahead()
            if not self._ahead or self._ahead[0].first > high:
                break
            run = self._ahead.popleft()
            if run.last > high:
                self._ahead.appendleft(Run(high + 1, run.last, run.place))
                run = Run(run.first, high, run.place)
            taken.append(run)
        return taken


# -------------------------------------------------------------------- comparing


class Difference(NamedTuple):
    """Serials that are in one place on one side and in another on the other; None: not there at all."""

    first: int
    last: int
    ours: Place | None
    theirs: Place | None


def differences(ours: Nodes, theirs: Nodes) -> Iterator[Difference]:
    """Every serial on which two trees differ, in order, by descending only where hashes do."""
    last: Difference | None = None
    for found in _descend(ours, theirs, TOP, 0):
        if last is not None and last.last + 1 == found.first and last[2:] == found[2:]:
            last = Difference(last.first, found.last, last.ours, last.theirs)
            continue
        if last is not None:
            yield last
        last = found
    if last is not None:
        yield last


def _descend(ours: Nodes, theirs: Nodes, level: int, prefix: int) -> Iterator[Difference]:
    mine, other = ours.get(level, prefix), theirs.get(level, prefix)
    if mine is None or other is None or mine.is_leaf or other.is_leaf:
        if mine is None or other is None or mine.runs != other.runs or not (mine.is_leaf and other.is_leaf):
            yield from compared(_pieces_below(ours, mine), _pieces_below(theirs, other))
        return
    hashes = {child.number: child.hash for child in other.children}
    numbers = {child.number for child in mine.children if hashes.pop(child.number, b"") != child.hash} | hashes.keys()
    for number in sorted(numbers):
        yield from _descend(ours, theirs, level - 1, (prefix << BITS) + number)


def compared(ours: Iterable[Run], theirs: Iterable[Run]) -> Iterator[Difference]:
    """Where two streams of runs in serial order differ."""
    mine, other = iter(ours), iter(theirs)
    a, b = next(mine, None), next(other, None)
    at = 0
    while a is not None or b is not None:
        starts = [max(run.first, at) for run in (a, b) if run is not None]
        start = min(starts)
        here = a.place if a is not None and a.first <= start else None
        there = b.place if b is not None and b.first <= start else None
        ends = []
        for run in (a, b):
            if run is not None:
                ends.append(run.last if run.first <= start else run.first - 1)
        end = min(ends)
        if here != there:
            yield Difference(start, end, here, there)
        at = end + 1
        if a is not None and a.last < at:
            a = next(mine, None)
        if b is not None and b.last < at:
            b = next(other, None)


def _edge(place: Place | None) -> str:
    return "-" if place is None else f"{place.holder}:{place.status}"


def _place(text: str) -> Place | None:
    if text == "-":
        return None
    holder, _, status = text.partition(":")
    return Place(int(holder), status)
