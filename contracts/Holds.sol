// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Register} from "./Register.sol";
import {IConsortium, MemberKind, ROLE_VOTER} from "./interfaces/IConsortium.sol";
import {Hold, HoldOrder, HoldReason, IHoldable, IHolds, LiftOrder} from "./interfaces/IHolds.sol";
import {Orders} from "./lib/Orders.sol";
import {Ids, KIND_BLOCK, KIND_METHODOLOGY, KIND_PROJECT, MemberId, NOBODY, Subject} from "./types/Ids.sol";

/// @title Holds
/// @notice Stops, with a reason and evidence. The registers keep a count of marks on each record; here is why each mark is there.
/// @dev No initializer: there is nothing to set. A hold works while the registers are paused, and beside any other hold on the same record.
contract Holds is IHolds, Register {
    using Ids for Subject;

    uint256 private constant MAX_SUBJECTS = 50;
    /// @dev For each member, so that nobody uses up what others need. With a seat in 256 and the ballots' own, a record's count of marks is
    /// at most 514, and its 16 bits never run out.
    uint256 private constant MAX_MARKS = 2;
    uint256 private constant LONGEST = 30 days;

    IHoldable public immutable METHODOLOGIES;
    IHoldable public immutable PROJECTS;
    IHoldable public immutable LEDGER;

    mapping(bytes32 => Hold) private _holds;
    /// @dev Hashes of (who, evidence): who is a member, or the ballot that placed a hold.
    mapping(bytes32 => bool) private _spent;
    /// @dev Marks that run, by who placed them (NOBODY: ballots) and on what.
    mapping(MemberId => mapping(Subject => uint256)) private _marks;

    constructor(IConsortium consortium, IHoldable methodologies, IHoldable projects, IHoldable ledger)
        Register(consortium)
    {
        METHODOLOGIES = methodologies;
        PROJECTS = projects;
        LEDGER = ledger;
    }

    // What is called here (the Consortium, the registers) is ours and calls nobody back; each check reverts by itself, and the signer's
    // address is not needed.
    // slither-disable-start reentrancy-benign,reentrancy-events,unused-return

    // ---------------------------------------------------------------- by voters

    /// @inheritdoc IHolds
    function place(HoldOrder calldata order, bytes calldata signature) external returns (bytes32 hold) {
        uint40 latest = uint40(block.timestamp + LONGEST);
        if (order.until <= block.timestamp || order.until > latest) revert HoldTooLong(order.until, latest);
        MemberKind kind = CONSORTIUM.getMember(order.member).kind;
        if (kind == MemberKind.Programme) revert IConsortium.KindNotPermitted(order.member, kind);

        hold = Orders.hash(order);
        CONSORTIUM.spendOrder(order.member, ROLE_VOTER, hold, order.deadline, signature);
        _spendEvidence(keccak256(abi.encode(order.member, order.evidence)), order.member, order.evidence);
        _place(hold, order.member, order.subjects, order.reason, order.evidence, order.until);
        emit HoldPlaced(hold, order.member, order.reason, order.evidence, order.until, order.subjects, 0, order.request);
    }

    /// @inheritdoc IHolds
    function lift(LiftOrder calldata order, bytes calldata placing, bytes[] calldata homes) external {
        Hold storage h = _running(order.hold);
        MemberId placer = h.member;
        if (placer == NOBODY) revert IConsortium.NotBallot(msg.sender);

        bytes32 structHash = Orders.hash(order);
        CONSORTIUM.spendOrder(placer, ROLE_VOTER, structHash, order.deadline, placing);
        uint256 used = 0;
        Subject[] memory subjects = h.subjects;
        for (uint256 i = 0; i < subjects.length; ++i) {
            MemberId home = subjects[i].homeOf();
            if (home == placer || _namedBefore(subjects, i, home)) continue;
            // A signature that is not there is an invalid one.
            bytes calldata signature = used < homes.length ? homes[used] : msg.data[0:0];
            ++used;
            // Each home member's signature is needed, so that one refused refuses all; at most MAX_SUBJECTS.
            // slither-disable-next-line calls-loop
            CONSORTIUM.requireSigned(home, ROLE_VOTER, structHash, signature);
        }
        _end(h);
        emit HoldLifted(order.hold, 0, order.request);
    }

    // ---------------------------------------------------------------- by anyone

    /// @inheritdoc IHolds
    function finish(bytes32 hold) external {
        Hold storage h = _running(hold);
        if (block.timestamp < h.until) revert HoldNotOver(hold, h.until);
        _end(h);
        emit HoldFinished(hold);
    }

    // ---------------------------------------------------------------- by ballot only

    /// @inheritdoc IHolds
    function placeByBallot(
        Subject[] calldata subjects,
        HoldReason reason,
        bytes32 evidence,
        uint40 until,
        bytes32 request
    ) external returns (bytes32 hold) {
        bytes32 ballot = _requireBallot();
        if (until <= block.timestamp) revert HoldTooLong(until, type(uint40).max);
        // A ballot may hold again on evidence that was used before (that is how a hold is made longer), but not twice itself.
        hold = keccak256(abi.encode(ballot, evidence));
        _spendEvidence(hold, NOBODY, evidence);
        _place(hold, NOBODY, subjects, reason, evidence, until);
        emit HoldPlaced(hold, NOBODY, reason, evidence, until, subjects, ballot, request);
    }

    /// @inheritdoc IHolds
    function liftByBallot(bytes32 hold, bytes32 request) external {
        bytes32 ballot = _requireBallot();
        _end(_running(hold));
        emit HoldLifted(hold, ballot, request);
    }

    // slither-disable-end reentrancy-benign,reentrancy-events,unused-return

    // ---------------------------------------------------------------- views

    /// @inheritdoc IHolds
    function getHold(bytes32 hold) external view returns (Hold memory) {
        return _holds[hold];
    }

    // ---------------------------------------------------------------- inside

    function _running(bytes32 hold) private view returns (Hold storage h) {
        h = _holds[hold];
        if (h.placedAt == 0) revert HoldUnknown(hold);
        if (h.ended) revert HoldEnded(hold);
    }

    function _spendEvidence(bytes32 key, MemberId member, bytes32 evidence) private {
        if (_spent[key]) revert EvidenceSpent(member, evidence);
        _spent[key] = true;
    }

    /// @dev A subject named twice is marked twice, and unmarked twice.
    function _place(
        bytes32 hold,
        MemberId member,
        Subject[] calldata subjects,
        HoldReason reason,
        bytes32 evidence,
        uint40 until
    ) private {
        if (subjects.length == 0 || subjects.length > MAX_SUBJECTS) {
            revert HoldSubjectsInvalid(subjects.length);
        }
        if (reason == HoldReason.None || evidence == 0) revert HoldReasonMissing();
        _holds[hold] = Hold(member, reason, uint40(block.timestamp), until, false, evidence, subjects);
        for (uint256 i = 0; i < subjects.length; ++i) {
            if (_marks[member][subjects[i]] == MAX_MARKS) revert HoldsTooMany(member, subjects[i]);
            ++_marks[member][subjects[i]];
        }
        for (uint256 i = 0; i < subjects.length; ++i) {
            _mark(subjects[i], 1);
        }
    }

    function _end(Hold storage h) private {
        h.ended = true;
        for (uint256 i = 0; i < h.subjects.length; ++i) {
            --_marks[h.member][h.subjects[i]];
        }
        for (uint256 i = 0; i < h.subjects.length; ++i) {
            _mark(h.subjects[i], -1);
        }
    }

    function _mark(Subject subject, int8 by) private {
        // A hold is placed and ended on all its subjects or on none; at most MAX_SUBJECTS.
        // slither-disable-next-line calls-loop
        _registerOf(subject).mark(subject, by);
    }

    function _registerOf(Subject subject) private view returns (IHoldable) {
        uint8 kind = subject.kindOf();
        if (kind == KIND_METHODOLOGY) return METHODOLOGIES;
        if (kind == KIND_PROJECT) return PROJECTS;
        if (kind == KIND_BLOCK) return LEDGER;
        revert SubjectNotHoldable(subject);
    }

    function _namedBefore(Subject[] memory subjects, uint256 end, MemberId home) private pure returns (bool) {
        for (uint256 i = 0; i < end; ++i) {
            if (subjects[i].homeOf() == home) return true;
        }
        return false;
    }
}
