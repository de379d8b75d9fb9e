// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {MemberId} from "../types/Ids.sol";

/// @dev Full members vote on everything. Associate members (a region outside the delta) vote on their own recognitions only.
/// Programme members (a published registry such as the CDM's) have no vote, move nothing and claim nothing.
enum MemberKind {
    None,
    Full,
    Associate,
    Programme
}

/// @dev What a ballot may do; each kind has a rule of its own, and each allowed call belongs to one kind.
enum BallotKind {
    Membership,
    Officers,
    Rules,
    Recognition,
    Status,
    Hold,
    Pause,
    Upgrade
}

/// @dev `Open` while votes are taken; `Executed` is final. Passed, failed and expired follow from the votes and the clock
/// (`IConsortium.outcome`), so no transaction is needed to make them so.
enum BallotStatus {
    None,
    Open,
    Executed
}

enum Outcome {
    Unknown,
    Voting,
    Failed,
    Delayed,
    Executable,
    Expired,
    Executed
}

enum Choice {
    None,
    Yes,
    No,
    Abstain
}

/// @dev Officer roles, as bits of one number. A key serves one member only; a person may hold several roles there.
uint8 constant ROLE_VOTER = 1;
uint8 constant ROLE_REGISTRAR = 2;
uint8 constant ROLE_ETS_AUTHORITY = 4;
uint8 constant ROLE_AUDITOR = 8;
uint8 constant ROLE_FINANCIAL_INSTITUTION = 16;
uint8 constant ALL_ROLES = 31;

struct Member {
    MemberKind kind;
    /// @dev Index in the bitmaps of a ballot; full and associate members only.
    uint8 seat;
    /// @dev The province a city names as its parent; binds neither.
    MemberId parent;
    uint40 joinedAt;
    /// @dev 0 while a member.
    uint40 leftAt;
}

struct Officer {
    MemberId member;
    uint8 roles;
    /// @dev Block time, seconds; the key stops at it. A member whose voters have all lapsed has none left.
    uint40 validUntil;
}

/// @dev How a ballot of one kind is decided. Shares are in parts per million of the electorate (quorum; everybody who voted, abstaining
/// included) and of yes + no (approval), both rounded up; neither is zero. Times are seconds; only the delay may be zero, and not for the
/// kinds Officers, Rules and Upgrade.
struct BallotRule {
    uint24 quorumPpm;
    uint24 approvalPpm;
    uint32 minVoting;
    uint32 maxVoting;
    /// @dev From the close to the first moment of execution.
    uint32 delay;
    /// @dev From then on, how long it may be executed.
    uint32 executeWithin;
}

/// @dev Bounds of the pause that two voters of different members may order without a ballot. The cooldown is no shorter than the duration;
/// a duration of 0 allows no such pause.
struct PauseRule {
    uint32 maxDuration;
    /// @dev From the end of one such pause, as it was ordered, to the next.
    uint32 cooldown;
}

struct Action {
    address target;
    bytes data;
}

struct FoundingMember {
    MemberId member;
    MemberKind kind;
    MemberId parent;
    FoundingOfficer[] officers;
}

struct FoundingOfficer {
    address account;
    uint8 roles;
    uint40 validUntil;
}

struct AllowedCall {
    address target;
    bytes4 selector;
    BallotKind kind;
}

/// @dev EIP-712 `BallotOrder(uint24 proposer,uint8 kind,bytes32 actionsHash,bytes32 document,uint40 closesAt,uint24[] invited,bytes32 request)`.
struct BallotOrder {
    MemberId proposer;
    BallotKind kind;
    /// @dev `keccak256(abi.encode(Action[]))`.
    bytes32 actionsHash;
    /// @dev SHA-256 of the canonical document that says it in words.
    bytes32 document;
    uint40 closesAt;
    /// @dev Associate members asked for their consent (recognition ballots); they count in neither quorum nor approval.
    MemberId[] invited;
    bytes32 request;
}

/// @dev EIP-712 `VoteOrder(bytes32 ballot,uint24 member,uint8 choice,uint32 revision)`.
struct VoteOrder {
    bytes32 ballot;
    MemberId member;
    Choice choice;
    /// @dev From 1; only a higher one replaces a vote.
    uint32 revision;
}

/// @dev EIP-712 `OfficerOrder(uint24 member,address account,uint8 roles,uint40 validUntil,bytes32 request,uint40 deadline)`. `roles` 0 removes.
struct OfficerOrder {
    MemberId member;
    address account;
    uint8 roles;
    uint40 validUntil;
    bytes32 request;
    uint40 deadline;
}

/// @dev EIP-712 `LeaveOrder(uint24 member,bytes32 request,uint40 deadline)`.
struct LeaveOrder {
    MemberId member;
    bytes32 request;
    uint40 deadline;
}

/// @dev EIP-712 `PauseOrder(bytes32 reason,uint40 until,bytes32 request,uint40 deadline)`, signed by two voters of different full members.
struct PauseOrder {
    bytes32 reason;
    uint40 until;
    bytes32 request;
    uint40 deadline;
}

/// @title Consortium
/// @notice Who the members are, whose keys speak for them, and what they decide together. Every person's order in the hub is an EIP-712
/// message of one domain (name "YRD Carbon Inclusion Hub", version "1", this chain, this contract), checked here and nowhere else.
/// @dev The deployer has no power. After `initialize`, the only authority over rules, members, registers and code is an executed ballot.
interface IConsortium {
    // ---------------------------------------------------------------- errors

    error MemberUnknown(MemberId member);
    error MemberExists(MemberId member);
    error MemberLeft(MemberId member);
    error MemberIdInvalid(MemberId member, MemberKind kind);
    /// @dev Seats are never given twice; 256 have been.
    error SeatsTaken();
    /// @dev NOBODY: the consortium was to be founded without one.
    error LastFullMember(MemberId member);
    error KindNotPermitted(MemberId member, MemberKind kind);

    error NotOfficer(address account, MemberId member, uint8 role);
    error OfficerServesAnother(address account, MemberId member);
    error OfficerInvalid(address account, uint8 roles, uint40 validUntil);
    /// @dev It has 32.
    error OfficersTooMany(MemberId member);
    /// @dev The member would be left without a voter.
    error LastVoter(MemberId member);
    error VotersRemain(MemberId member);

    error OrderExpired(uint40 deadline);
    error OrderRepeated(bytes32 order);
    /// @dev The bytes are no signature. A good signature of something else shows as another account: NotOfficer.
    error SignatureInvalid(bytes32 digest);
    error SameMember(MemberId member);

    error BallotExists(bytes32 ballot);
    error BallotUnknown(bytes32 ballot);
    error BallotClosed(bytes32 ballot, uint40 closedAt);
    /// @dev With `Executable`: another ballot is being executed.
    error BallotNotExecutable(bytes32 ballot, Outcome outcome);
    error BallotPeriodInvalid(uint40 closesAt, uint40 earliest, uint40 latest);
    error ActionsMismatch(bytes32 expected, bytes32 given);
    error ActionsInvalid(uint256 count);
    error CallNotAllowed(address target, bytes4 selector, BallotKind kind);
    /// @dev Action `index` reverted with `reason`, or called an address without code.
    error BallotActionFailed(uint256 index, bytes reason);
    error NotInElectorate(bytes32 ballot, MemberId member);
    error ChoiceInvalid();
    error RevisionStale(bytes32 ballot, MemberId member, uint32 revision, uint32 recorded);
    error RuleInvalid(BallotKind kind);

    error Paused(uint40 until);
    error PauseInvalid(uint40 until, uint40 latest);
    error PauseTooSoon(uint40 notBefore);
    error NotBallot(address caller);
    error NotRegister(address caller);

    // ---------------------------------------------------------------- events

    event MemberJoined(MemberId indexed member, MemberKind kind, MemberId parent, uint8 seat);
    /// @dev All its officers went with it (no OfficerChanged). `ballot` is zero where it left by itself.
    event MemberDeparted(MemberId indexed member, bytes32 indexed ballot);
    event MemberParentChanged(MemberId indexed member, MemberId parent, bytes32 indexed ballot);
    /// @dev `ballot` is zero where the member itself changed its officers, or one resigned. `roles` 0: removed.
    event OfficerChanged(
        MemberId indexed member, address indexed account, uint8 roles, uint40 validUntil, bytes32 indexed ballot
    );

    event BallotOpened(
        bytes32 indexed ballot,
        MemberId indexed proposer,
        BallotKind kind,
        bytes32 document,
        uint40 closesAt,
        uint24 quorumPpm,
        uint24 approvalPpm,
        uint32 delay,
        uint32 executeWithin,
        uint256 electorate,
        uint256 invited,
        Action[] actions,
        bytes32 request
    );
    event VoteCast(bytes32 indexed ballot, MemberId indexed member, Choice choice, uint32 revision, address voter);
    /// @dev Everybody asked has voted, so the ballot closed before its time.
    event BallotCompleted(bytes32 indexed ballot, uint40 closedAt);
    /// @dev Before the events of its actions. Votes as bitmaps by seat.
    event BallotExecuted(bytes32 indexed ballot, uint256 yes, uint256 no, uint256 abstain);

    event RuleChanged(
        BallotKind indexed kind,
        uint24 quorumPpm,
        uint24 approvalPpm,
        uint32 minVoting,
        uint32 maxVoting,
        uint32 delay,
        uint32 executeWithin,
        bytes32 indexed ballot
    );
    event PauseRuleChanged(uint32 maxDuration, uint32 cooldown, bytes32 indexed ballot);
    event CallAllowed(
        address indexed target, bytes4 indexed selector, BallotKind kind, bool allowed, bytes32 indexed ballot
    );
    event RegisterAdded(address indexed register, bytes32 indexed ballot);

    /// @dev `until` is type(uint40).max where a ballot paused without a limit. `first` and `second` are zero where a ballot did it.
    event PauseStarted(uint40 until, bytes32 reason, MemberId first, MemberId second, bytes32 indexed ballot);
    event PauseEnded(bytes32 indexed ballot);

    // ---------------------------------------------------------------- orders (anyone may relay)

    /// @notice Opens a ballot. Its electorate is every full member of this moment; each vote is checked against the member's keys of its own moment.
    /// @param order signed by a voter of `order.proposer`; an associate member may open recognition ballots only.
    /// @param actions what is called when it passes, 1 to 32; each an allowed call of the ballot's kind.
    /// @return ballot the EIP-712 digest of the order.
    function openBallot(BallotOrder calldata order, Action[] calldata actions, bytes calldata signature)
        external
        returns (bytes32 ballot);

    /// @notice Records a member's vote, or replaces it by a later revision. Once everybody asked has voted the ballot closes.
    function vote(VoteOrder calldata order, bytes calldata signature) external;

    /// @notice Carries out a passed ballot, all of it or nothing, between its delay and its expiry.
    function execute(bytes32 ballot, Action[] calldata actions) external;

    /// @notice A member changes its own officers, by one of its voters. It cannot remove its last voter.
    function setOfficer(OfficerOrder calldata order, bytes calldata signature) external;

    /// @notice The sender gives up its own office, which a member may have given it unasked: a key that serves one member cannot serve
    /// another. Batched with `execute`, it lets nobody come between. A member's last voter cannot, nor a key without office (OfficerInvalid).
    function resign() external;

    /// @notice A member leaves: its keys stop, its credits elsewhere keep their terms, nothing new enters. The last full member cannot.
    function leave(LeaveOrder calldata order, bytes calldata signature) external;

    /// @notice Two voters of different full members stop all registrar writes, for a bounded time, at most once per cooldown.
    function pause(PauseOrder calldata order, bytes calldata first, bytes calldata second) external;

    // ---------------------------------------------------------------- by ballot only

    /// @notice A new member, or one that left and comes back, with a new seat and new officers. Full and associate members come with a voter.
    function admit(MemberId member, MemberKind kind, MemberId parent, FoundingOfficer[] calldata newOfficers) external;
    function expel(MemberId member) external;
    /// @param parent any GB/T 2260 code, member or not; 0: none.
    function setParent(MemberId member, MemberId parent) external;
    /// @notice New officers for a member that had no voter left when the ballot was opened, nor has now. Lapsed officers go, others stay.
    function restoreOfficers(MemberId member, FoundingOfficer[] calldata newOfficers) external;
    function setRule(BallotKind kind, BallotRule calldata rule) external;
    function setPauseRule(PauseRule calldata rule) external;
    /// @notice Allows or forbids a call to ballots. This, `addRegister` and every `upgradeToAndCall` belong to the kind Upgrade, `setRule` to
    /// Rules, `restoreOfficers` to Officers; `batch` is never allowed.
    function setAllowedCall(AllowedCall calldata call, bool allowed) external;
    /// @notice Adds a register, which may spend orders here.
    function addRegister(address register) external;
    /// @param until type(uint40).max: until a ballot ends it.
    function pauseByBallot(uint40 until, bytes32 reason) external;
    function endPause() external;

    // ---------------------------------------------------------------- for the registers

    /// @notice Reverts unless `account` is, now, an officer of `member` with `role`, the member is one, and nothing is paused.
    /// @return kind the member's kind.
    function authorise(MemberId member, uint8 role, address account) external view returns (MemberKind kind);

    /// @notice Checks a person's order and spends it. Registers only.
    /// @param structHash EIP-712 struct hash of the order; it is spent once.
    /// @return signer the officer of `member`, with `role`, who signed.
    function spendOrder(MemberId member, uint8 role, bytes32 structHash, uint40 deadline, bytes calldata signature)
        external
        returns (address signer);

    /// @notice Checks a signature without spending anything (the second of two signatures on one order).
    function requireSigned(MemberId member, uint8 role, bytes32 structHash, bytes calldata signature)
        external
        view
        returns (address signer);

    /// @notice Reverts unless the caller of the register is this contract, executing a ballot.
    /// @return ballot the ballot being executed.
    function requireBallot(address caller) external view returns (bytes32 ballot);

    /// @notice Whether `member`, still one, voted yes on `ballot`.
    function consented(bytes32 ballot, MemberId member) external view returns (bool);

    // ---------------------------------------------------------------- views

    function getMember(MemberId member) external view returns (Member memory);
    function members() external view returns (MemberId[] memory);
    function getOfficer(address account) external view returns (Officer memory);
    function officers(MemberId member) external view returns (address[] memory);
    function isOfficer(MemberId member, uint8 role, address account) external view returns (bool);
    function getRule(BallotKind kind) external view returns (BallotRule memory);
    function getPauseRule() external view returns (PauseRule memory);
    function kindOfCall(address target, bytes4 selector) external view returns (bool allowed, BallotKind kind);
    function isRegister(address register) external view returns (bool);
    function outcome(bytes32 ballot) external view returns (Outcome);
    /// @notice Who may vote, who was asked to consent, and who voted how: bitmaps by seat.
    function tally(bytes32 ballot)
        external
        view
        returns (uint256 electorate, uint256 invited, uint256 yes, uint256 no, uint256 abstain);
    function revisionOf(bytes32 ballot, MemberId member) external view returns (uint32);
    /// @return until block time at which the pause ends; 0 when nothing is paused.
    function pausedUntil() external view returns (uint40 until);
    function domainSeparator() external view returns (bytes32);
}
