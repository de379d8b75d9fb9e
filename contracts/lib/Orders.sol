// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {BallotOrder, IConsortium, LeaveOrder, OfficerOrder, PauseOrder, VoteOrder} from "../interfaces/IConsortium.sol";
import {PledgeOrder, ReleaseOrder} from "../interfaces/ICreditLedger.sol";
import {HoldOrder, LiftOrder} from "../interfaces/IHolds.sol";
import {EndRecognitionOrder} from "../interfaces/IRecognition.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

/// @title Orders
/// @notice What a person signs, hashed by EIP-712, and who signed it. The one place of hash and signature checks on orders: a chain with
/// other primitives (SM3, SM2) changes this file alone.
/// @dev An order made of value types only has the same bytes in ABI and EIP-712, so that its struct is encoded as it stands.
/// Signers are keys, recovered from 65 bytes (r, s, v) with a low s. Contract signers (ERC-1271) are absent: an order does not name its
/// signer, and an officer is a person. No replay protection hangs on the signature's bytes.
library Orders {
    bytes32 internal constant DOMAIN =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 internal constant NAME = keccak256("YRD Carbon Inclusion Hub");
    bytes32 internal constant VERSION = keccak256("1");

    bytes32 internal constant BALLOT = keccak256(
        "BallotOrder(uint24 proposer,uint8 kind,bytes32 actionsHash,bytes32 document,uint40 closesAt,uint24[] invited,bytes32 request)"
    );
    bytes32 internal constant VOTE = keccak256("VoteOrder(bytes32 ballot,uint24 member,uint8 choice,uint32 revision)");
    bytes32 internal constant OFFICER = keccak256(
        "OfficerOrder(uint24 member,address account,uint8 roles,uint40 validUntil,bytes32 request,uint40 deadline)"
    );
    bytes32 internal constant LEAVE = keccak256("LeaveOrder(uint24 member,bytes32 request,uint40 deadline)");
    bytes32 internal constant PAUSE =
        keccak256("PauseOrder(bytes32 reason,uint40 until,bytes32 request,uint40 deadline)");
    bytes32 internal constant HOLD = keccak256(
        "HoldOrder(uint24 member,bytes32[] subjects,uint8 reason,bytes32 evidence,uint40 until,bytes32 request,uint40 deadline)"
    );
    bytes32 internal constant LIFT = keccak256("LiftOrder(bytes32 hold,bytes32 request,uint40 deadline)");
    bytes32 internal constant END_RECOGNITION =
        keccak256("EndRecognitionOrder(bytes32 subject,uint24 member,uint8 effect,bytes32 request,uint40 deadline)");
    bytes32 internal constant PLEDGE = keccak256(
        "PledgeOrder(uint24 member,bytes12 series,uint64 blockFirst,uint64 first,uint64 last,uint40 until,bytes32 request,uint40 deadline)"
    );
    bytes32 internal constant RELEASE =
        keccak256("ReleaseOrder(bytes12 series,uint64 first,uint40 until,bytes32 request,uint40 deadline)");

    // ---------------------------------------------------------------- domain and signer

    /// @param consortium the verifying contract of every order: the Consortium's proxy.
    /// @dev Computed anew each time: a cached one would outlive a change of chain id.
    function domainSeparator(address consortium) internal view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN, NAME, VERSION, block.chainid, consortium));
    }

    function digest(address consortium, bytes32 structHash) internal view returns (bytes32) {
        return MessageHashUtils.toTypedDataHash(domainSeparator(consortium), structHash);
    }

    /// @dev Reverts with SignatureInvalid where the bytes are no signature. A signature of something else gives some other address, which
    /// is no officer.
    function signer(bytes32 orderDigest, bytes calldata signature) internal pure returns (address account) {
        ECDSA.RecoverError fault;
        (account, fault,) = ECDSA.tryRecover(orderDigest, signature);
        if (fault != ECDSA.RecoverError.NoError) revert IConsortium.SignatureInvalid(orderDigest);
    }

    // ---------------------------------------------------------------- struct hashes

    function hash(BallotOrder calldata order) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                BALLOT,
                order.proposer,
                order.kind,
                order.actionsHash,
                order.document,
                order.closesAt,
                keccak256(abi.encodePacked(order.invited)),
                order.request
            )
        );
    }

    function hash(HoldOrder calldata order) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                HOLD,
                order.member,
                keccak256(abi.encodePacked(order.subjects)),
                order.reason,
                order.evidence,
                order.until,
                order.request,
                order.deadline
            )
        );
    }

    function hash(VoteOrder calldata order) internal pure returns (bytes32) {
        return keccak256(abi.encode(VOTE, order));
    }

    function hash(OfficerOrder calldata order) internal pure returns (bytes32) {
        return keccak256(abi.encode(OFFICER, order));
    }

    function hash(LeaveOrder calldata order) internal pure returns (bytes32) {
        return keccak256(abi.encode(LEAVE, order));
    }

    function hash(PauseOrder calldata order) internal pure returns (bytes32) {
        return keccak256(abi.encode(PAUSE, order));
    }

    function hash(LiftOrder calldata order) internal pure returns (bytes32) {
        return keccak256(abi.encode(LIFT, order));
    }

    function hash(EndRecognitionOrder calldata order) internal pure returns (bytes32) {
        return keccak256(abi.encode(END_RECOGNITION, order));
    }

    function hash(PledgeOrder calldata order) internal pure returns (bytes32) {
        return keccak256(abi.encode(PLEDGE, order));
    }

    function hash(ReleaseOrder calldata order) internal pure returns (bytes32) {
        return keccak256(abi.encode(RELEASE, order));
    }
}
