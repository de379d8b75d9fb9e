// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {MemberId, MethodologyId, ProjectId, SeriesId, Subject} from "../types/Ids.sol";

/// @dev What a revocation means for credits that are already with the member.
enum RevocationEffect {
    None,
    Usable,
    /// @dev The default: they may only go home.
    ReturnOnly,
    Frozen
}

/// @dev Terms a member voted for one subject.
struct Terms {
    /// @dev Parts per million of the quantity that counts there; 1 to 1,000,000.
    uint24 factorPpm;
    /// @dev Bit p: purpose p (ICreditLedger.Purpose, 1 to 8) is permitted; at least one.
    uint16 uses;
    /// @dev Block time, seconds. Before the one and from the other on nothing enters; what is there stays usable.
    uint40 validFrom;
    uint40 validUntil;
    /// @dev kg that may arrive in one calendar year (UTC+8), before the cut; never 0; type(uint64).max: no cap.
    uint64 annualCapKg;
    /// @dev Methodology terms only: every project under it is covered, so no project needs a recognition of its own.
    bool coversEveryProject;
}

struct TermsEntry {
    MemberId member;
    Terms terms;
}

struct Standing {
    /// @dev The terms in force; 0: never recognised.
    uint32 terms;
    bool suspended;
    /// @dev `None` unless revoked.
    RevocationEffect revoked;
}

/// @dev EIP-712 `EndRecognitionOrder(bytes32 subject,uint24 member,uint8 effect,bytes32 request,uint40 deadline)`.
struct EndRecognitionOrder {
    Subject subject;
    MemberId member;
    RevocationEffect effect;
    bytes32 request;
    uint40 deadline;
}

/// @title Recognition
/// @notice Which member recognises which methodology, project or issuance of another, and on what terms. Only an executed ballot makes terms, and
/// only for members that voted for it. A member's own credits come home without any; for its own methodology it may still vote terms, under
/// which other members' credits made by that methodology enter.
interface IRecognition {
    /// @notice `recognise`: terms outside the bounds that `Terms` states, `validFrom` not before `validUntil`, `coversEveryProject` for
    /// what is no methodology, or second terms for the same subject and member in one ballot.
    error TermsInvalid(Subject subject, MemberId member);
    /// @notice `recognise`: no methodology, project or issuance that exists, or one not written in the one way (`Subject`).
    error SubjectNotRecognisable(Subject subject);
    /// @notice `recognise`: the project or issuance is the member's own, whose credits come home without terms.
    error HomeNeedsNone(Subject subject, MemberId member);
    /// @notice `member` has never had terms for the subject.
    error NotRecognised(Subject subject, MemberId member);
    /// @notice A ballot suspended it: on entry, use and every move but home. Also on `suspend` of what is suspended already.
    error RecognitionSuspended(Subject subject, MemberId member);
    /// @notice It ended with `effect`, which does not allow the entry, use or move. Also on `end` of what has ended, and on `revoke`
    /// with a softer effect without the member's yes.
    error RecognitionRevoked(Subject subject, MemberId member, RevocationEffect effect);
    /// @notice `lift`: it is not suspended.
    error RecognitionNotSuspended(Subject subject, MemberId member);
    /// @notice On entry: now is before `validFrom`, or not before `validUntil` (block time, seconds).
    error TermsLapsed(Subject subject, MemberId member, uint40 validFrom, uint40 validUntil);
    /// @notice On entry: `arrived` kg came in the calendar `year` (UTC+8); with `arriving` kg more it would be over `capKg`.
    error CapExceeded(Subject subject, MemberId member, uint16 year, uint64 arrived, uint64 arriving, uint64 capKg);
    /// @notice `requireUse`: the credits entered for the purposes in `uses` (bit p: purpose p) alone. An `entry` that names nobody
    /// shows as NotRecognised.
    error UseNotPermitted(uint8 purpose, uint16 uses);
    /// @notice `enter`: the caller is not the CreditLedger.
    error NotLedger(address caller);

    /// @notice On `recognise`, once for each member that voted for its terms; the values are those of `Terms`.
    /// @param terms number of these terms, from 1 over all subjects and members; they never change.
    event Recognised(
        Subject indexed subject,
        MemberId indexed member,
        uint32 terms,
        uint24 factorPpm,
        uint16 uses,
        uint40 validFrom,
        uint40 validUntil,
        uint64 annualCapKg,
        bool coversEveryProject,
        bytes32 indexed ballot
    );
    /// @notice On `recognise`: the ballot passed, but this member did not vote for it and is not bound.
    event RecognitionNotConsented(Subject indexed subject, MemberId indexed member, bytes32 indexed ballot);
    /// @notice On `suspend` (`suspended` true) and `lift` (false), both by ballot.
    event RecognitionSuspensionChanged(
        Subject indexed subject, MemberId indexed member, bool suspended, bytes32 indexed ballot
    );
    /// @notice On `revoke` and `end`. `ballot` is zero where the member ended its own; then `request` says under which order.
    event RecognitionEnded(
        Subject indexed subject,
        MemberId indexed member,
        RevocationEffect effect,
        bytes32 indexed ballot,
        bytes32 request
    );
    /// @notice A new combination of standing terms under which credits entered `member`; blocks name it by `entry`.
    event EntryFormed(
        uint32 indexed entry,
        MemberId indexed member,
        MethodologyId methodology,
        ProjectId project,
        SeriesId series,
        uint64 issuance,
        uint32 methodologyTerms,
        uint32 projectTerms,
        uint32 issuanceTerms,
        uint16 uses
    );
    /// @notice When credits enter under terms with a cap; `arrivedKg` is what came under them in the calendar year (UTC+8), this included.
    /// @param arrivingKg kg before the cut.
    event CapDrawn(uint32 indexed terms, uint16 indexed year, uint64 arrivingKg, uint64 arrivedKg);

    /// @notice By ballot. Entries whose member did not vote yes are passed over (RecognitionNotConsented). New terms replace those in force and
    /// clear a revocation, not a suspension; blocks that entered under the old ones keep their factor and uses.
    function recognise(Subject subject, TermsEntry[] calldata entries) external;
    /// @notice By ballot: nothing enters, nothing is used, and nothing moves except home, until lifted.
    function suspend(Subject subject, MemberId member) external;
    /// @notice By ballot.
    function lift(Subject subject, MemberId member) external;
    /// @notice By ballot; it may replace the effect of an earlier revocation, by a softer one only where the member voted yes
    /// (RecognitionRevoked). `None` means the default, ReturnOnly. The effect that is recorded already is accepted, and changes nothing.
    function revoke(Subject subject, MemberId member, RevocationEffect effect) external;
    /// @notice A member ends its own recognition, by a voter's signature; anyone relays. `None` means ReturnOnly. Not where it is revoked already:
    /// it can't soften what a ballot said.
    function end(EndRecognitionOrder calldata order, bytes calldata signature) external;

    /// @notice CreditLedger only: takes `arrivingKg` of credits into `member` under all standing terms, drawing on every cap.
    /// @return factorPpm the lowest factor of the terms. @return entry the combination of terms, for the block.
    function enter(
        MemberId member,
        MethodologyId methodology,
        ProjectId project,
        SeriesId series,
        uint64 issuance,
        uint64 arrivingKg
    ) external returns (uint24 factorPpm, uint32 entry);

    /// @notice Reverts unless credits that entered under `entry` may be used for `purpose` now.
    function requireUse(uint32 entry, uint8 purpose) external view;
    /// @notice Reverts unless credits that entered under `entry` may move on now; `goingHome`: back to their home member.
    function requireMove(uint32 entry, bool goingHome) external view;
    /// @notice Whether `member` recognises the methodology, so that its own projects may be registered under it.
    function recognisesMethodology(MemberId member, MethodologyId methodology) external view returns (bool);

    /// @notice Whether and how `member` recognises the subject now; all zero where it never did.
    function getStanding(Subject subject, MemberId member) external view returns (Standing memory);
    /// @return the terms, all zero where there are none of this number. @return ballot the one that made them.
    function getTerms(uint32 terms) external view returns (Terms memory, bytes32 ballot);
    /// @return kg that arrived in the calendar year (UTC+8); counted only under terms that have a cap.
    function arrivedKg(uint32 terms, uint16 year) external view returns (uint64);
}
