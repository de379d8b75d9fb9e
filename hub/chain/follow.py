"""Following the chain: final blocks and the logs of our registers, range by range, with the past checked.

Whoever follows keeps the hash of the last block it took. Each range is checked to continue there; where it does not,
`Reorganised` is raised, and `find_common` says from where to follow again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from hub.chain.connection import BlockHeader, Node, TooManyLogs
from hub.chain.events import RawLog
from hub.errors import YrdhubError

MOST_BLOCKS = 500
"""Blocks in a range. A range is one database transaction, and what a kill repeats."""

_LOGS_AIMED_AT = 10_000


class Reorganised(YrdhubError):
    """The chain's past is another one than the follower knows, from block `at` on.

    What was taken from `at` on no longer happened: delete it with its effects and follow again from `find_common`.
    """

    kind = "reorganised"
    title = "The chain was reorganised"
    default_code = "reorganised"

    def __init__(self, at: int, known: str | None, seen: str | None) -> None:
        super().__init__(
            f"block {at} is not the one that was followed",
            what={"block": at, "known": known, "seen": seen},
            remedy="nothing: what was taken from it is rolled back and followed again",
        )
        self.at = at


@dataclass(frozen=True, slots=True)
class BlockRange:
    """Blocks without a gap, and every log of the asked addresses in them, in the chain's order."""

    headers: tuple[BlockHeader, ...]
    logs: tuple[RawLog, ...]

    @property
    def first(self) -> int:
        return self.headers[0].number

    @property
    def last(self) -> int:
        return self.headers[-1].number


def ranges(
    node: Node,
    from_block: int,
    parent_hash: str | None,
    addresses: Sequence[str],
    *,
    most_blocks: int = MOST_BLOCKS,
) -> Iterator[BlockRange]:
    """All final blocks from `from_block` to the final head of this moment, in ranges of at most `most_blocks`.

    `parent_hash` is the known hash of block `from_block - 1`, None where nothing was followed yet. Ranges shrink where
    blocks are full of logs. Ends at the final head; call it again for what came since.

    Raises Reorganised when a block does not continue the one before, also when `from_block` lies beyond a head that
    fell back; RetryLater when the node does not answer.
    """
    end = node.final_head().number
    if from_block > end + 1:
        raise Reorganised(end + 1, parent_hash, None)
    if from_block == end + 1:
        _check_known(node, end, parent_hash)
        return
    step = most_blocks
    start, known = from_block, parent_hash
    while start <= end:
        last = min(start + step - 1, end)
        try:
            found = _read_range(node, start, last, known, addresses)
        except TooManyLogs:
            if start == last:
                raise
            step = max(1, (last - start + 1) // 2)
            continue
        yield found
        start, known = last + 1, found.headers[-1].hash
        if len(found.logs) > _LOGS_AIMED_AT:
            step = max(1, step // 2)
        elif len(found.logs) < _LOGS_AIMED_AT // 4:
            step = min(most_blocks, step * 2)


def find_common(node: Node, last: int, hash_at: Callable[[int], str | None]) -> int:
    """The highest block up to `last` that the follower and the chain share, -1 for none at all.

    `hash_at(number)` is the hash that the follower knows for a block; it must know every block from the first it
    followed up to `last`, and gives None for those before. Searches by halves: a shared block's ancestors are shared.
    """
    low, high = -1, min(last, node.head().number)
    while low < high:
        middle = (low + high + 1) // 2
        known = hash_at(middle)
        if known is None or known == node.block(middle).hash:
            low = middle
        else:
            high = middle - 1
    return low


def _check_known(node: Node, number: int, known: str | None) -> None:
    if known is not None and number >= 0:
        seen = node.block(number).hash
        if seen != known:
            raise Reorganised(number, known, seen)


def _read_range(node: Node, first: int, last: int, known: str | None, addresses: Sequence[str]) -> BlockRange:
    logs = node.logs(first, last, addresses)
    # after the logs, so that a change between the two answers shows as a log of a block that is not there
    headers = node.blocks(range(first, last + 1))
    before = known
    for header in headers:
        if before is not None and header.parent_hash != before:
            raise Reorganised(header.number - 1, before, header.parent_hash)
        before = header.hash
    hashes = {header.number: header.hash for header in headers}
    for log in logs:
        if hashes.get(log.block_number) != log.block_hash:
            raise Reorganised(log.block_number, hashes.get(log.block_number), log.block_hash)
    return BlockRange(tuple(headers), tuple(logs))
