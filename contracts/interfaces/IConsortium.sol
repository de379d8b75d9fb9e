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

    /// @notice It has never been a member.
    error MemberUnknown(MemberId member);
    /// @notice `admit`: it is a member now.
    error MemberExists(MemberId member);
    /// @notice It was a member, and left or was expelled.
    error MemberLeft(MemberId member);
    /// @notice No member's id (0, 1,000,000), or not one of this kind: programme members are numbered from 1,000,001, others by their GB/T
    /// 2260 code. Or `member` (then `kind` is its own) was named as a parent, and is the child itself or no such code.
    error MemberIdInvalid(MemberId member, MemberKind kind);
    /// @notice Seats are never given twice; 256 have been.
    error SeatsTaken();
    /// @notice `leave`, `expel`: without it there would be no full member left. NOBODY: the consortium was to be founded without one.
    error LastFullMember(MemberId member);
    /// @notice A member of this kind may not open this ballot, be invited to it, order a pause or place a hold.
    error KindNotPermitted(MemberId member, MemberKind kind);

    /// @notice `account` is not, now, an officer of `member` with this role (one `ROLE_` bit); its term may be over.
    error NotOfficer(address account, MemberId member, uint8 role);
    /// @notice The key is an officer of `member`, so that no other appoints or removes it.
    error OfficerServesAnother(address account, MemberId member);
    /// @notice Zero account, no role or an unknown one, or `validUntil` (block time, seconds) not in the future. With zeros after the
    /// account: it holds no office that could end.
    error OfficerInvalid(address account, uint8 roles, uint40 validUntil);
    /// @notice A member has at most 32 officers, lapsed ones included.
    error OfficersTooMany(MemberId member);
    /// @notice The member would be left without a voter.
    error LastVoter(MemberId member);
    /// @notice `restoreOfficers`: a voter of the member was in office when the ballot was opened.
    error VotersRemain(MemberId member);

    /// @notice The order was good up to and including `deadline` (block time, seconds).
    error OrderExpired(uint40 deadline);
    /// @notice An order with this EIP-712 struct hash was spent before.
    error OrderRepeated(bytes32 order);
    /// @notice The bytes are no signature. A good signature of something else shows as another account: NotOfficer.
    error SignatureInvalid(bytes32 digest);
    /// @notice `pause`: both voters are of this member.
    error SameMember(MemberId member);

    /// @notice `openBallot`: the very same order has opened a ballot before.
    error BallotExists(bytes32 ballot);
    /// @notice `vote`, `execute`: no ballot has this id.
    error BallotUnknown(bytes32 ballot);
    /// @notice `vote`: no votes are taken from `closedAt` on (block time, seconds), its time or when everybody asked had voted.
    error BallotClosed(bytes32 ballot, uint40 closedAt);
    /// @notice `execute`: the ballot stands at `outcome`. With `Executable`: another ballot is being executed.
    error BallotNotExecutable(bytes32 ballot, Outcome outcome);
    /// @notice `openBallot`: the rule of its kind wants the close between `earliest` and `latest` (block time, seconds, both included).
    error BallotPeriodInvalid(uint40 closesAt, uint40 earliest, uint40 latest);
    /// @notice The actions hash to `given`; the order said `expected`.
    error ActionsMismatch(bytes32 expected, bytes32 given);
    /// @notice `openBallot`: a ballot has 1 to 32 actions; this one had `count`.
    error ActionsInvalid(uint256 count);
    /// @notice No ballot of this kind may make this call (`selector` 0: the data is shorter than one). On `setAllowedCall`: no ballot may
    /// ever be allowed it, or only those of another kind.
    error CallNotAllowed(address target, bytes4 selector, BallotKind kind);
    /// @notice Action `index` reverted with `reason`, or called an address without code.
    error BallotActionFailed(uint256 index, bytes reason);
    /// @notice `vote`: the member was no full member when the ballot was opened, nor invited, or came back since with a new seat.
    error NotInElectorate(bytes32 ballot, MemberId member);
    /// @notice `vote`: the choice is None; abstaining is said by Abstain.
    error ChoiceInvalid();
    /// @notice `vote`: the member's vote of revision `recorded` stands; only a higher one than that replaces it.
    error RevisionStale(bytes32 ballot, MemberId member, uint32 revision, uint32 recorded);
    /// @notice `setRule`: a share of 0 or over 1,000,000 ppm, a time of 0 that `BallotRule` forbids, or `minVoting` over `maxVoting`.
    /// `setPauseRule`, with kind Pause: the cooldown is shorter than the longest pause.
    error RuleInvalid(BallotKind kind);

    /// @notice Registrars write nothing before `until` (block time, seconds).
    error Paused(uint40 until);
    /// @notice `until` is not in the future, or is after `latest`, the longest that may be ordered (block time, seconds).
    error PauseInvalid(uint40 until, uint40 latest);
    /// @notice `pause`: the cooldown of the last pause by two voters lasts until `notBefore` (block time, seconds).
    error PauseTooSoon(uint40 notBefore);
    /// @notice Only this contract, executing a ballot, may do it; `caller` tried.
    error NotBallot(address caller);
    /// @notice `spendOrder` by an address that is no register; `addRegister` of the zero address.
    error NotRegister(address caller);

    // ---------------------------------------------------------------- events

    /// @notice On founding and `admit`. `seat` is 0, and means nothing, for a programme member.
    event MemberJoined(MemberId indexed member, MemberKind kind, MemberId parent, uint8 seat);
    /// @notice On `leave` and `expel`. All its officers went with it (no OfficerChanged). `ballot` is zero where it left by itself.
    event MemberDeparted(MemberId indexed member, bytes32 indexed ballot);
    /// @notice On `setParent`; `parent` 0: none.
    event MemberParentChanged(MemberId indexed member, MemberId parent, bytes32 indexed ballot);
    /// @notice On each officer appointed, changed or removed (`roles` 0); `validUntil` is block time, seconds. `ballot` is zero on
    /// founding, and where the member itself changed its officers or one resigned.
    event OfficerChanged(
        MemberId indexed member, address indexed account, uint8 roles, uint40 validUntil, bytes32 indexed ballot
    );

    /// @notice On `openBallot`, with the rule that decides it whatever becomes of rules later: ppm and seconds, as in `BallotRule`.
    /// @param document SHA-256 of the canonical document that says it in words.
    /// @param closesAt block time, seconds; from then on no vote is taken.
    /// @param electorate bitmap by seat of the full members who may vote; `invited`: of the associates asked for their consent.
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
    /// @notice On `vote`; it replaces the member's vote of a lower revision.
    /// @param voter the key that signed.
    event VoteCast(bytes32 indexed ballot, MemberId indexed member, Choice choice, uint32 revision, address voter);
    /// @notice Everybody asked has voted, so the ballot closed before its time.
    event BallotCompleted(bytes32 indexed ballot, uint40 closedAt);
    /// @notice On `execute`, before the events of its actions. Votes as bitmaps by seat.
    event BallotExecuted(bytes32 indexed ballot, uint256 yes, uint256 no, uint256 abstain);

    /// @notice On founding (`ballot` zero) and `setRule`; ppm and seconds, as in `BallotRule`.
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
    /// @notice On founding (`ballot` zero) and `setPauseRule`; both in seconds.
    event PauseRuleChanged(uint32 maxDuration, uint32 cooldown, bytes32 indexed ballot);
    /// @notice On founding (`ballot` zero) and `setAllowedCall`: ballots of `kind` may make this call, or (`allowed` false) none may.
    event CallAllowed(
        address indexed target, bytes4 indexed selector, BallotKind kind, bool allowed, bytes32 indexed ballot
    );
    /// @notice On founding (`ballot` zero) and `addRegister`: the register may spend orders here.
    event RegisterAdded(address indexed register, bytes32 indexed ballot);

    /// @notice On `pause` and `pauseByBallot`. `until` (block time, seconds) is type(uint40).max where a ballot paused without a limit.
    /// `first` and `second` are zero where a ballot did it.
    event PauseStarted(uint40 until, bytes32 reason, MemberId first, MemberId second, bytes32 indexed ballot);
    /// @notice On `endPause`. A pause that runs out by itself has no event: PauseStarted said when.
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
    /// @notice By ballot: the member goes as if it had left, and may be admitted again. The last full member cannot.
    function expel(MemberId member) external;
    /// @notice By ballot: names the province a city belongs to, which binds neither.
    /// @param parent any GB/T 2260 code, member or not; 0: none.
    function setParent(MemberId member, MemberId parent) external;
    /// @notice New officers for a member that had no voter left when the ballot was opened, nor has now. Lapsed officers go, others stay.
    function restoreOfficers(MemberId member, FoundingOfficer[] calldata newOfficers) external;
    /// @notice By ballot: how later ballots of `kind` are decided; those already open keep theirs. Bounds: see `BallotRule`.
    function setRule(BallotKind kind, BallotRule calldata rule) external;
    /// @notice By ballot: bounds of later pauses by two voters, in seconds.
    function setPauseRule(PauseRule calldata rule) external;
    /// @notice Allows or forbids a call to ballots. This, `addRegister` and every `upgradeToAndCall` belong to the kind Upgrade, `setRule` to
    /// Rules, `restoreOfficers` to Officers; `batch` is never allowed.
    function setAllowedCall(AllowedCall calldata call, bool allowed) external;
    /// @notice Adds a register, which may spend orders here.
    function addRegister(address register) external;
    /// @notice By ballot: registrars write nothing until then; it may shorten a pause that runs.
    /// @param until block time, seconds; type(uint40).max: until a ballot ends it.
    function pauseByBallot(uint40 until, bytes32 reason) external;
    /// @notice By ballot: registrars may write again at once. The cooldown of a pause by two voters goes on.
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

    /// @notice The member, departed ones too; all zero (`kind` None) where it never was one.
    function getMember(MemberId member) external view returns (Member memory);
    /// @notice Every member ever admitted, once each and in order of first admission; departed ones are among them.
    function members() external view returns (MemberId[] memory);
    /// @notice The office of a key, lapsed or not; all zero where it holds none.
    function getOfficer(address account) external view returns (Officer memory);
    /// @notice The member's keys, lapsed ones too, in no order.
    function officers(MemberId member) external view returns (address[] memory);
    /// @notice Whether `account` is, now, an officer of `member` with `role` (one `ROLE_` bit). Pauses don't count here.
    function isOfficer(MemberId member, uint8 role, address account) external view returns (bool);
    /// @notice How a ballot of this kind that opens now is decided.
    function getRule(BallotKind kind) external view returns (BallotRule memory);
    /// @notice The bounds of a pause by two voters, in seconds.
    function getPauseRule() external view returns (PauseRule memory);
    /// @notice Which kind of ballot may make this call; `kind` means nothing where none may (`allowed` false).
    function kindOfCall(address target, bytes4 selector) external view returns (bool allowed, BallotKind kind);
    /// @notice Whether the address may spend orders here.
    function isRegister(address register) external view returns (bool);
    /// @notice Where the ballot stands at this block's time, by its votes and its own rule; Unknown: no such ballot.
    function outcome(bytes32 ballot) external view returns (Outcome);
    /// @notice Who may vote, who was asked to consent, and who voted how: bitmaps by seat.
    function tally(bytes32 ballot)
        external
        view
        returns (uint256 electorate, uint256 invited, uint256 yes, uint256 no, uint256 abstain);
    /// @notice Revision of the member's standing vote; 0: it has not voted, or has no seat.
    function revisionOf(bytes32 ballot, MemberId member) external view returns (uint32);
    /// @return until block time at which the pause ends; 0 when nothing is paused.
    function pausedUntil() external view returns (uint40 until);
    /// @notice EIP-712 domain separator of every order in the hub, for this chain and this contract.
    function domainSeparator() external view returns (bytes32);
}
