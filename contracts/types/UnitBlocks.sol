// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {BlockStatus, Purpose, UnitBlock} from "../interfaces/ICreditLedger.sol";
import {MemberId} from "./Ids.sol";

/// @dev A `UnitBlock` in one storage slot. From the lowest bit: last 64, issuance 64, holder 24, status 8, holds 16, factorPpm 24, entry 32,
/// purpose 8, complianceYear 16. Zero: no such block.
type PackedBlock is uint256;

/// @title UnitBlocks
/// @notice The unit blocks of one series by first serial. New blocks come from two places only: an issuance, whose serials are nobody's yet
/// (`issued`), and `carve`, which cuts a block into pieces of its own serials. So no two blocks ever share a serial.
/// @dev Pieces are never joined again: a block's name stays good for ever, and joining would save nothing on a chain. Packed by hand,
/// because a piece of a split must cost one storage write and little else.
library UnitBlocks {
    using UnitBlocks for PackedBlock;

    uint256 private constant ISSUANCE = 64;
    uint256 private constant HOLDER = 128;
    uint256 private constant STATUS = 152;
    uint256 private constant HOLDS = 160;
    uint256 private constant FACTOR = 176;
    uint256 private constant ENTRY = 200;
    uint256 private constant PURPOSE = 232;
    uint256 private constant YEAR = 240;

    uint24 private constant WHOLE_PPM = 1_000_000;

    /// @notice A newly issued block: all of its issuance, available at home, nothing cut.
    function issued(uint64 first, uint64 last_, MemberId home) internal pure returns (PackedBlock) {
        return PackedBlock.wrap(
            uint256(last_) | (uint256(first) << ISSUANCE) | (uint256(MemberId.unwrap(home)) << HOLDER)
                | (uint256(BlockStatus.Available) << STATUS) | (uint256(WHOLE_PPM) << FACTOR)
        );
    }

    /// @notice Makes [first, last], which lies within `b`, a block by itself. What lies below keeps the name `blockFirst`, what lies above
    /// is named by its own first serial; all else of `b` is theirs too.
    /// @return part the piece [first, last]. The caller changes it and writes it, so that each slot is written once.
    function carve(
        mapping(uint64 first => PackedBlock) storage blocks,
        PackedBlock b,
        uint64 blockFirst,
        uint64 first,
        uint64 last_
    ) internal returns (PackedBlock part) {
        if (last_ < b.last()) blocks[last_ + 1] = b;
        if (blockFirst < first) blocks[blockFirst] = b.withLast(first - 1);
        return b.withLast(last_);
    }

    function last(PackedBlock b) internal pure returns (uint64) {
        return uint64(PackedBlock.unwrap(b));
    }

    /// @notice How many serials, from `first` on.
    function count(PackedBlock b, uint64 first) internal pure returns (uint64) {
        return b.last() - first + 1;
    }

    function issuance(PackedBlock b) internal pure returns (uint64) {
        return uint64(PackedBlock.unwrap(b) >> ISSUANCE);
    }

    function holder(PackedBlock b) internal pure returns (MemberId) {
        return MemberId.wrap(uint24(PackedBlock.unwrap(b) >> HOLDER));
    }

    function status(PackedBlock b) internal pure returns (BlockStatus) {
        return BlockStatus(uint8(PackedBlock.unwrap(b) >> STATUS));
    }

    function holds(PackedBlock b) internal pure returns (uint16) {
        return uint16(PackedBlock.unwrap(b) >> HOLDS);
    }

    function factorPpm(PackedBlock b) internal pure returns (uint24) {
        return uint24(PackedBlock.unwrap(b) >> FACTOR);
    }

    function entry(PackedBlock b) internal pure returns (uint32) {
        return uint32(PackedBlock.unwrap(b) >> ENTRY);
    }

    function withLast(PackedBlock b, uint64 last_) internal pure returns (PackedBlock) {
        return _with(b, 0, type(uint64).max, last_);
    }

    function withHolder(PackedBlock b, MemberId holder_) internal pure returns (PackedBlock) {
        return _with(b, HOLDER, type(uint24).max, MemberId.unwrap(holder_));
    }

    function withStatus(PackedBlock b, BlockStatus status_) internal pure returns (PackedBlock) {
        return _with(b, STATUS, type(uint8).max, uint8(status_));
    }

    function withHolds(PackedBlock b, uint16 holds_) internal pure returns (PackedBlock) {
        return _with(b, HOLDS, type(uint16).max, holds_);
    }

    function withFactor(PackedBlock b, uint24 factorPpm_) internal pure returns (PackedBlock) {
        return _with(b, FACTOR, type(uint24).max, factorPpm_);
    }

    function withEntry(PackedBlock b, uint32 entry_) internal pure returns (PackedBlock) {
        return _with(b, ENTRY, type(uint32).max, entry_);
    }

    function withPurpose(PackedBlock b, Purpose purpose, uint16 complianceYear) internal pure returns (PackedBlock) {
        return _with(_with(b, PURPOSE, type(uint8).max, uint8(purpose)), YEAR, type(uint16).max, complianceYear);
    }

    function unpack(PackedBlock b) internal pure returns (UnitBlock memory) {
        return UnitBlock({
            last: b.last(),
            issuance: b.issuance(),
            holder: b.holder(),
            status: b.status(),
            holds: b.holds(),
            factorPpm: b.factorPpm(),
            entry: b.entry(),
            purpose: Purpose(uint8(PackedBlock.unwrap(b) >> PURPOSE)),
            complianceYear: uint16(PackedBlock.unwrap(b) >> YEAR)
        });
    }

    function _with(PackedBlock b, uint256 shift, uint256 mask, uint256 value) private pure returns (PackedBlock) {
        return PackedBlock.wrap((PackedBlock.unwrap(b) & ~(mask << shift)) | (value << shift));
    }
}
