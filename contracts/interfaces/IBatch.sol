// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title IBatch
/// @notice Several calls to one register in one transaction: all or nothing. At most 100 KiB and 30 M gas by the sender's own measure.
interface IBatch {
    /// @notice Item `index` (from 0) reverted with `reason`, the ABI-encoded error of that call; nothing of the batch was done.
    error BatchItemFailed(uint256 index, bytes reason);

    /// @param calls ABI-encoded calls to functions of this register, each made as if by the sender itself.
    function batch(bytes[] calldata calls) external;
}
