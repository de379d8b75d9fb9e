// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IBatch} from "./interfaces/IBatch.sol";
import {IConsortium, MemberKind, ROLE_REGISTRAR} from "./interfaces/IConsortium.sol";
import {MemberId} from "./types/Ids.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";

/// @title Register
/// @notice What every register behind a proxy has: the Consortium it obeys, batches, and upgrades by ballot alone.
/// @dev The Consortium's address is immutable in the implementation, so that it costs no storage read and an upgrade shows it in its code.
/// There is no owner. Storage is plain: the layout of each register is snapshotted and only ever appended to.
abstract contract Register is IBatch, Initializable, UUPSUpgradeable {
    IConsortium public immutable CONSORTIUM;

    /// @dev Batches delegate-call the implementation directly: going through the proxy again would cost each item twice.
    address private immutable _implementation = address(this);

    constructor(IConsortium consortium) {
        CONSORTIUM = consortium;
        _disableInitializers();
    }

    /// @inheritdoc IBatch
    function batch(bytes[] calldata calls) external {
        for (uint256 i = 0; i < calls.length; ++i) {
            // The code is this register's own and the sender stays the sender, so that a call does here what it does alone. Nothing is paid
            // (`batch` takes no ether), so no value counts twice. The sender chooses how many calls, and one that fails undoes all.
            // slither-disable-next-line controlled-delegatecall,delegatecall-loop,low-level-calls,calls-loop
            (bool ok, bytes memory result) = _implementation.delegatecall(calls[i]);
            if (!ok) revert BatchItemFailed(i, result);
        }
    }

    /// @dev Reverts unless the sender is a registrar of `member`, now, and nothing is paused. @return kind the member's.
    function _requireRegistrar(MemberId member) internal view returns (MemberKind kind) {
        return CONSORTIUM.authorise(member, ROLE_REGISTRAR, msg.sender);
    }

    /// @dev Reverts unless a ballot is calling. @return ballot its id.
    function _requireBallot() internal view returns (bytes32 ballot) {
        return CONSORTIUM.requireBallot(msg.sender);
    }

    function _authorizeUpgrade(address) internal view override {
        _requireBallot();
    }
}
