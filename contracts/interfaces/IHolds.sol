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
    error HoldUnknown(bytes32 hold);
    error HoldEnded(bytes32 hold);
    error HoldNotOver(bytes32 hold, uint40 until);
    /// @dev `until` is after `latest`, or already over.
    error HoldTooLong(uint40 until, uint40 latest);
    error HoldSubjectsInvalid(uint256 count);
    /// @dev A hold gives a reason and its evidence.
    error HoldReasonMissing();
    /// @dev Once per placing member; once per ballot (`member` 0).
    error EvidenceSpent(MemberId member, bytes32 evidence);
    error SubjectNotHoldable(Subject subject);
    /// @dev Two marks of one member on one subject run already; of ballots (`member` 0) likewise.
    error HoldsTooMany(MemberId member, Subject subject);

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
    event HoldLifted(bytes32 indexed hold, bytes32 indexed ballot, bytes32 request);
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

    function getHold(bytes32 hold) external view returns (Hold memory);
}

/// @dev What the registers offer to Holds. `by` +1 marks, -1 unmarks.
interface IHoldable {
    error NotHolds(address caller);
    /// @dev It does not exist, or is not written in the one way (`Subject`).
    error SubjectUnknown(Subject subject);

    /// @notice By Holds only. A mark is taken off whatever became of the record meanwhile, or one record would keep a whole hold from ending.
    function mark(Subject subject, int8 by) external;
}
