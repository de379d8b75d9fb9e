// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {BlockStatus, Tally} from "../interfaces/ICreditLedger.sol";

/// @dev Five counters of 48 bits in one slot, by status: Available lowest.
type PackedTally is uint256;

/// @title Tallies
/// @notice How many serials of an issuance stand in each status. There is one way in (`issued`) and one way on (`moved`), and what
/// `moved` takes from a status it gives to another: the sum never changes.
library Tallies {
    uint256 private constant WIDTH = 48;

    /// @notice The tally of a new issuance: all available.
    function issued(uint64 count) internal pure returns (PackedTally) {
        return PackedTally.wrap(_at(BlockStatus.Available, count));
    }

    /// @dev Every serial of the moving block is counted under `from`, so the assertion never fails; it keeps one counter from borrowing of
    /// the next if that were ever broken. No counter overflows: the sum fits into one (`CreditLedger.issue`).
    function moved(PackedTally tally, BlockStatus from, BlockStatus to, uint64 count)
        internal
        pure
        returns (PackedTally)
    {
        assert(_count(tally, from) >= count);
        return PackedTally.wrap(PackedTally.unwrap(tally) - _at(from, count) + _at(to, count));
    }

    function unpack(PackedTally tally) internal pure returns (Tally memory) {
        return Tally({
            available: _count(tally, BlockStatus.Available),
            inTransit: _count(tally, BlockStatus.InTransit),
            pledged: _count(tally, BlockStatus.Pledged),
            retired: _count(tally, BlockStatus.Retired),
            cancelled: _count(tally, BlockStatus.Cancelled)
        });
    }

    function _count(PackedTally tally, BlockStatus status) private pure returns (uint48) {
        return uint48(PackedTally.unwrap(tally) >> _shift(status));
    }

    function _at(BlockStatus status, uint64 count) private pure returns (uint256) {
        return uint256(count) << _shift(status);
    }

    function _shift(BlockStatus status) private pure returns (uint256) {
        return WIDTH * (uint256(status) - 1);
    }
}
