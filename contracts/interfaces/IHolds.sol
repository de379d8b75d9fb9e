// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {MemberId, Subject} from "../types/Ids.sol";

/// @dev EIP-712 `HoldOrder(uint24 member,bytes32[] subjects,uint8 reason,bytes32 evidence,uint40 until,bytes32 request,uint40 deadline)`.
struct HoldOrder {
    MemberId member;
    /// @dev Methodologies, projects and unit blocks; 1 to 50.
    Subject[] subjects;
    HoldReason reason;
    /// @dev SHA-256 of the document that shows why; spent once per placing member.
    bytes32 evidence;
    /// @dev Block time; at most 30 days ahead.
    uint40 until;
    bytes32 request;
    uint40 deadline;
}

/// @dev EIP-712 `LiftOrder(bytes32 hold,bytes32 request,uint40 deadline)`, signed by a voter of the placing and one of each home member.
struct LiftOrder {
    bytes32 hold;
    bytes32 request;
    uint40 deadline;
}

enum HoldReason {
    None,
    SuspectedDuplicate,
    Reconciliation,
    Irregularity,
    LegalOrder,
    Other
}

struct Hold {
    /// @dev 0 where a ballot placed it.
    MemberId member;
    HoldReason reason;
    uint40 placedAt;
    uint40 until;
    bool ended;
    bytes32 evidence;
    Subject[] subjects;
}

/// @title Holds
/// @notice The one thing a member may do about another's records: stop them, with a reason and evidence, for at most 30 days, once per
/// evidence. A hold marks its subjects; a marked subject can't be used until every hold on it is lifted or has ended. A hold that ran
/// out still marks until anyone says so (`finish`), so that use never depends on who looks at the clock. A member marks a subject at most
/// twice at a time, whatever others do: nobody keeps another's hold out.
interface IHolds {
    /// @notice `lift`, `liftByBallot`, `finish`: no hold of this id was ever placed.
    error HoldUnknown(bytes32 hold);
    /// @notice `lift`, `liftByBallot`, `finish`: the hold was lifted or finished before.
    error HoldEnded(bytes32 hold);
    /// @notice `finish`: the hold runs until `until` (block time, seconds).
    error HoldNotOver(bytes32 hold, uint40 until);
    /// @notice `until` is after `latest`, or already over.
    error HoldTooLong(uint40 until, uint40 latest);
    /// @notice A hold names 1 to 50 subjects; this one named `count`.
    error HoldSubjectsInvalid(uint256 count);
    /// @notice A hold gives a reason and its evidence.
    error HoldReasonMissing();
    /// @notice Once per placing member; once per ballot (`member` 0).
    error EvidenceSpent(MemberId member, bytes32 evidence);
    /// @notice Only methodologies, projects and unit blocks are held; the kind of this subject is another.
    error SubjectNotHoldable(Subject subject);
    /// @notice Two marks of one member on one subject run already; of ballots (`member` 0) likewise.
    error HoldsTooMany(MemberId member, Subject subject);

    /// @notice On `place` and `placeByBallot`: every subject has one more mark now.
    /// @param member who placed it; 0: a ballot, which `ballot` names (zero otherwise).
    /// @param evidence SHA-256 of the document that shows why.
    /// @param until block time, seconds; from then on `finish` may end it.
    event HoldPlaced(
        bytes32 indexed hold,
        MemberId indexed member,
        HoldReason reason,
        bytes32 evidence,
        uint40 until,
        Subject[] subjects,
        bytes32 indexed ballot,
        bytes32 request
    );
    /// @notice On `lift` and `liftByBallot`: its marks are off. `ballot` is zero where the members lifted it.
    event HoldLifted(bytes32 indexed hold, bytes32 indexed ballot, bytes32 request);
    /// @notice On `finish`, after its time: its marks are off.
    event HoldFinished(bytes32 indexed hold);

    /// @param signature by a voter of `order.member` (full or associate).
    /// @return hold the EIP-712 struct hash of the order.
    function place(HoldOrder calldata order, bytes calldata signature) external returns (bytes32 hold);

    /// @param placing signature by a voter of the placing member. A hold that a ballot placed is lifted by a ballot (NotBallot).
    /// @param homes signatures by a voter of each subject's home member, in order of first appearance among the subjects; where the placing
    /// member is the home, its entry is skipped. One that is missing is invalid (SignatureInvalid).
    function lift(LiftOrder calldata order, bytes calldata placing, bytes[] calldata homes) external;

    /// @notice Ends a hold whose time is over. Anyone.
    function finish(bytes32 hold) external;

    /// @notice By ballot: a hold of any length. @return hold `keccak256(abi.encode(ballot, evidence))`.
    function placeByBallot(
        Subject[] calldata subjects,
        HoldReason reason,
        bytes32 evidence,
        uint40 until,
        bytes32 request
    ) external returns (bytes32 hold);
    /// @notice By ballot.
    function liftByBallot(bytes32 hold, bytes32 request) external;

    /// @notice The hold, ended ones too; all zero (`placedAt` 0) where there is none of this id.
    function getHold(bytes32 hold) external view returns (Hold memory);
}

/// @dev What the registers offer to Holds. `by` +1 marks, -1 unmarks.
interface IHoldable {
    /// @notice `mark`: the caller is not the Holds register.
    error NotHolds(address caller);
    /// @notice It does not exist, or is not written in the one way (`Subject`).
    error SubjectUnknown(Subject subject);

    /// @notice By Holds only. A mark is taken off whatever became of the record meanwhile, or one record would keep a whole hold from ending.
    function mark(Subject subject, int8 by) external;
}
