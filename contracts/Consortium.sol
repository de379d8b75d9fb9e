// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Register} from "./Register.sol";
import {
    ALL_ROLES,
    Action,
    AllowedCall,
    BallotKind,
    BallotOrder,
    BallotRule,
    BallotStatus,
    Choice,
    FoundingMember,
    FoundingOfficer,
    IConsortium,
    LeaveOrder,
    Member,
    MemberKind,
    Officer,
    OfficerOrder,
    Outcome,
    PauseOrder,
    PauseRule,
    ROLE_VOTER,
    VoteOrder
} from "./interfaces/IConsortium.sol";
import {Orders} from "./lib/Orders.sol";
import {FIRST_PROGRAMME, MemberId, NOBODY} from "./types/Ids.sol";

/// @title Consortium
/// @notice Members, their officers, and what the members decide together.
/// @dev What is absent, and why. No owner and no guardian: after `initialize` a ballot is the only authority. No cancelling of a ballot: it
/// is outvoted, or expires, so that nobody can kill another's. No nonces: an order is spent by its own hash and a vote is ordered by
/// its revision, so that no pending signature blocks another. No delegation, and no weight: one member, one vote. Pausing stops the registers'
/// writers (`authorise`) and nothing here: a paused consortium votes, changes officers and ends its pause.
/// If the keys of every voter of every member lapse, nobody can decide anything any more: give voters terms that end at different times.
contract Consortium is IConsortium, Register {
    // ---------------------------------------------------------------- limits

    uint256 private constant MAX_SEATS = 256;
    uint256 private constant MAX_OFFICERS = 32;
    uint256 private constant MAX_ACTIONS = 32;
    uint256 private constant WHOLE_PPM = 1_000_000;

    // ---------------------------------------------------------------- storage

    struct Ballot {
        bytes32 actionsHash;
        // Bitmaps by seat. Invited associates vote in the same three, and are masked out where votes are counted.
        uint256 electorate;
        uint256 invited;
        uint256 yes;
        uint256 no;
        uint256 abstain;
        // The rule as it was at opening: a later change decides no running ballot.
        BallotKind kind;
        BallotStatus status;
        uint40 openedAt;
        uint40 closesAt;
        uint24 quorumPpm;
        uint24 approvalPpm;
        uint32 delay;
        uint32 executeWithin;
    }

    mapping(MemberId => Member) private _members;
    mapping(MemberId => address[]) private _officersOf;
    mapping(address => Officer) private _officers;
    MemberId[] private _memberList;

    /// @dev Full members of this moment, by seat: the electorate of a ballot opened now.
    uint256 private _fullSeats;
    /// @dev Seats ever given. None is given twice, also not to a member that comes back: an old vote or consent is never inherited.
    uint16 private _seats;

    uint40 private _pausedUntil;
    /// @dev When the last pause by two voters was to end. A ballot that ends it sooner does not bring the next one nearer.
    uint40 private _votersPauseEnd;
    PauseRule private _pauseRule;

    /// @dev The ballot whose actions are being carried out; zero outside `execute`.
    bytes32 private _executing;

    mapping(bytes32 => Ballot) private _ballots;
    mapping(bytes32 => mapping(uint256 seat => uint32)) private _revisions;
    mapping(BallotKind => BallotRule) private _rules;
    /// @dev 1 + the kind; 0: no ballot may call it.
    mapping(address => mapping(bytes4 => uint8)) private _allowed;
    mapping(address => bool) private _isRegister;
    mapping(bytes32 structHash => bool) private _spent;

    // ---------------------------------------------------------------- founding

    /// @param consortium the proxy this code will stand behind: the Consortium obeys its own ballots, at the address everybody knows.
    constructor(IConsortium consortium) Register(consortium) {}

    /// @notice Once, in the transaction that creates the proxy, so that nobody comes between.
    function initialize(
        FoundingMember[] calldata founders,
        BallotRule[8] calldata rules,
        PauseRule calldata pauseRule,
        address[] calldata registers,
        AllowedCall[] calldata calls
    ) external initializer {
        for (uint256 i = 0; i < rules.length; ++i) {
            _setRule(BallotKind(i), rules[i], 0);
        }
        _setPauseRule(pauseRule, 0);
        for (uint256 i = 0; i < founders.length; ++i) {
            _found(founders[i]);
        }
        if (_fullSeats == 0) revert LastFullMember(NOBODY);
        for (uint256 i = 0; i < registers.length; ++i) {
            _addRegister(registers[i], 0);
        }
        for (uint256 i = 0; i < calls.length; ++i) {
            _setAllowedCall(calls[i], true, 0);
        }
    }

    function _found(FoundingMember calldata founder) private {
        _admit(founder.member, founder.kind, founder.parent, founder.officers, 0);
    }

    // ---------------------------------------------------------------- ballots

    /// @inheritdoc IConsortium
    function openBallot(BallotOrder calldata order, Action[] calldata actions, bytes calldata signature)
        external
        returns (bytes32 ballot)
    {
        ballot = Orders.digest(address(this), Orders.hash(order));
        Ballot storage b = _ballots[ballot];
        if (b.status != BallotStatus.None) revert BallotExists(ballot);

        Member storage proposer = _current(order.proposer);
        _requireOfficer(order.proposer, ROLE_VOTER, Orders.signer(ballot, signature));
        if (
            proposer.kind != MemberKind.Full
                && !(proposer.kind == MemberKind.Associate && order.kind == BallotKind.Recognition)
        ) {
            revert KindNotPermitted(order.proposer, proposer.kind);
        }

        bytes32 given = _hashActions(actions);
        if (given != order.actionsHash) revert ActionsMismatch(order.actionsHash, given);
        if (actions.length == 0 || actions.length > MAX_ACTIONS) revert ActionsInvalid(actions.length);
        // Checked again when executed. Here it spares the members a vote on what could never be carried out.
        for (uint256 i = 0; i < actions.length; ++i) {
            _requireAllowed(actions[i], order.kind);
        }

        BallotRule memory rule = _rules[order.kind];
        _requirePeriod(order.closesAt, rule);

        b.actionsHash = order.actionsHash;
        b.electorate = _fullSeats;
        b.invited = _invited(order);
        b.kind = order.kind;
        b.status = BallotStatus.Open;
        b.openedAt = uint40(block.timestamp);
        b.closesAt = order.closesAt;
        b.quorumPpm = rule.quorumPpm;
        b.approvalPpm = rule.approvalPpm;
        b.delay = rule.delay;
        b.executeWithin = rule.executeWithin;
        _emitOpened(ballot, order, actions);
    }

    /// @inheritdoc IConsortium
    function vote(VoteOrder calldata order, bytes calldata signature) external {
        Ballot storage b = _ballots[order.ballot];
        if (b.status == BallotStatus.None) revert BallotUnknown(order.ballot);
        if (block.timestamp >= b.closesAt) revert BallotClosed(order.ballot, b.closesAt);
        if (order.choice == Choice.None) revert ChoiceInvalid();

        Member storage member = _current(order.member);
        uint256 asked = b.electorate | b.invited;
        uint256 bit = _bit(member);
        if (asked & bit == 0) revert NotInElectorate(order.ballot, order.member);
        address voter = _signedBy(order.member, ROLE_VOTER, Orders.hash(order), signature);

        uint32 recorded = _revisions[order.ballot][member.seat];
        if (order.revision <= recorded) revert RevisionStale(order.ballot, order.member, order.revision, recorded);
        _revisions[order.ballot][member.seat] = order.revision;

        uint256 yes = order.choice == Choice.Yes ? b.yes | bit : b.yes & ~bit;
        uint256 no = order.choice == Choice.No ? b.no | bit : b.no & ~bit;
        uint256 abstain = order.choice == Choice.Abstain ? b.abstain | bit : b.abstain & ~bit;
        (b.yes, b.no, b.abstain) = (yes, no, abstain);
        emit VoteCast(order.ballot, order.member, order.choice, order.revision, voter);

        if (yes | no | abstain == asked) {
            b.closesAt = uint40(block.timestamp);
            emit BallotCompleted(order.ballot, uint40(block.timestamp));
        }
    }

    /// @inheritdoc IConsortium
    function execute(bytes32 ballot, Action[] calldata actions) external {
        Ballot storage b = _ballots[ballot];
        if (b.status == BallotStatus.None) revert BallotUnknown(ballot);
        bytes32 given = _hashActions(actions);
        if (given != b.actionsHash) revert ActionsMismatch(b.actionsHash, given);
        Outcome reached = outcome(ballot);
        // Never one inside another: a register asks which ballot is calling, and there must be one answer.
        if (reached != Outcome.Executable || _executing != 0) revert BallotNotExecutable(ballot, reached);

        b.status = BallotStatus.Executed;
        _executing = ballot;
        emit BallotExecuted(ballot, b.yes, b.no, b.abstain);
        for (uint256 i = 0; i < actions.length; ++i) {
            _requireAllowed(actions[i], b.kind);
            // A target may call back: the ballot is Executed already, and `_executing` keeps every other one out.
            // slither-disable-next-line low-level-calls,calls-loop,reentrancy-no-eth
            (bool ok, bytes memory result) = actions[i].target.call(actions[i].data);
            // A call to an address without code succeeds and does nothing: a ballot that did nothing was not executed.
            if (!ok || actions[i].target.code.length == 0) revert BallotActionFailed(i, result);
        }
        _executing = 0;
    }

    /// @inheritdoc IConsortium
    function outcome(bytes32 ballot) public view returns (Outcome) {
        Ballot storage b = _ballots[ballot];
        if (b.status == BallotStatus.None) return Outcome.Unknown;
        if (b.status == BallotStatus.Executed) return Outcome.Executed;
        if (block.timestamp < b.closesAt) return Outcome.Voting;
        if (!_passed(b)) return Outcome.Failed;
        uint256 executableFrom = uint256(b.closesAt) + b.delay;
        if (block.timestamp < executableFrom) return Outcome.Delayed;
        if (block.timestamp < executableFrom + b.executeWithin) return Outcome.Executable;
        return Outcome.Expired;
    }

    /// @dev Shares are compared by multiplication, which is the same as rounding the least number of votes up.
    function _passed(Ballot storage b) private view returns (bool) {
        uint256 electorate = b.electorate;
        uint256 yes = _count(b.yes & electorate);
        uint256 no = _count(b.no & electorate);
        uint256 voted = yes + no + _count(b.abstain & electorate);
        // If everybody abstains there is no share of yes, and nothing passes.
        return yes > 0 && voted * WHOLE_PPM >= _count(electorate) * b.quorumPpm
            && yes * WHOLE_PPM >= (yes + no) * b.approvalPpm;
    }

    function _requirePeriod(uint40 closesAt, BallotRule memory rule) private view {
        uint40 earliest = uint40(block.timestamp) + rule.minVoting;
        uint40 latest = uint40(block.timestamp) + rule.maxVoting;
        if (closesAt < earliest || closesAt > latest) revert BallotPeriodInvalid(closesAt, earliest, latest);
    }

    function _invited(BallotOrder calldata order) private view returns (uint256 seats) {
        for (uint256 i = 0; i < order.invited.length; ++i) {
            Member storage member = _current(order.invited[i]);
            if (member.kind != MemberKind.Associate || order.kind != BallotKind.Recognition) {
                revert KindNotPermitted(order.invited[i], member.kind);
            }
            seats |= _bit(member);
        }
    }

    /// @dev Data shorter than a selector would be padded into one: refused before it is read.
    function _requireAllowed(Action calldata action, BallotKind kind) private view {
        bytes4 selector = action.data.length < 4 ? bytes4(0) : bytes4(action.data[:4]);
        if (action.data.length < 4 || _allowed[action.target][selector] != uint8(kind) + 1) {
            revert CallNotAllowed(action.target, selector, kind);
        }
    }

    function _hashActions(Action[] calldata actions) private pure returns (bytes32) {
        return keccak256(abi.encode(actions));
    }

    function _emitOpened(bytes32 ballot, BallotOrder calldata order, Action[] calldata actions) private {
        Ballot storage b = _ballots[ballot];
        bytes32 request = order.request;
        emit BallotOpened(
            ballot,
            order.proposer,
            order.kind,
            order.document,
            order.closesAt,
            b.quorumPpm,
            b.approvalPpm,
            b.delay,
            b.executeWithin,
            b.electorate,
            b.invited,
            actions,
            request
        );
    }

    // ---------------------------------------------------------------- members and officers, by their own orders

    /// @inheritdoc IConsortium
    function setOfficer(OfficerOrder calldata order, bytes calldata signature) external {
        _spend(order.member, ROLE_VOTER, Orders.hash(order), order.deadline, signature);
        if (order.roles == 0) _removeOfficer(order.member, order.account, 0);
        else _putOfficer(order.member, order.account, order.roles, order.validUntil, 0);
        if (order.roles & ROLE_VOTER == 0 && !_hasVoter(order.member, block.timestamp)) revert LastVoter(order.member);
    }

    /// @inheritdoc IConsortium
    function resign() external {
        MemberId member = _officers[msg.sender].member;
        bool votes = _serves(member, ROLE_VOTER, msg.sender, block.timestamp);
        _removeOfficer(member, msg.sender, 0);
        if (votes && !_hasVoter(member, block.timestamp)) revert LastVoter(member);
    }

    /// @inheritdoc IConsortium
    function leave(LeaveOrder calldata order, bytes calldata signature) external {
        _spend(order.member, ROLE_VOTER, Orders.hash(order), order.deadline, signature);
        _depart(order.member, 0);
    }

    /// @inheritdoc IConsortium
    function pause(PauseOrder calldata order, bytes calldata first, bytes calldata second) external {
        bytes32 structHash = Orders.hash(order);
        _spendHash(structHash, order.deadline);
        bytes32 digest = Orders.digest(address(this), structHash);
        MemberId one = _fullMemberOfVoter(Orders.signer(digest, first));
        MemberId other = _fullMemberOfVoter(Orders.signer(digest, second));
        if (one == other) revert SameMember(one);

        uint40 nowAt = uint40(block.timestamp);
        uint40 notBefore = _votersPauseEnd == 0 ? 0 : _votersPauseEnd + _pauseRule.cooldown;
        if (nowAt < notBefore) revert PauseTooSoon(notBefore);
        uint40 latest = nowAt + _pauseRule.maxDuration;
        if (order.until <= nowAt || order.until > latest) revert PauseInvalid(order.until, latest);
        _votersPauseEnd = order.until;
        // It never shortens a pause that a ballot ordered.
        if (order.until > _pausedUntil) _pausedUntil = order.until;
        emit PauseStarted(_pausedUntil, order.reason, one, other, 0);
    }

    // ---------------------------------------------------------------- by ballot only

    /// @inheritdoc IConsortium
    function admit(MemberId member, MemberKind kind, MemberId parent, FoundingOfficer[] calldata newOfficers) external {
        _admit(member, kind, parent, newOfficers, requireBallot(msg.sender));
    }

    /// @inheritdoc IConsortium
    function expel(MemberId member) external {
        bytes32 ballot = requireBallot(msg.sender);
        _current(member);
        _depart(member, ballot);
    }

    /// @inheritdoc IConsortium
    function setParent(MemberId member, MemberId parent) external {
        bytes32 ballot = requireBallot(msg.sender);
        _current(member);
        _requireParent(member, parent);
        _members[member].parent = parent;
        emit MemberParentChanged(member, parent, ballot);
    }

    /// @inheritdoc IConsortium
    function restoreOfficers(MemberId member, FoundingOfficer[] calldata newOfficers) external {
        bytes32 ballot = requireBallot(msg.sender);
        _current(member);
        // Its voters must have lapsed before the ballot was opened, or others could vote today on what becomes possible tomorrow.
        if (_hasVoter(member, _ballots[ballot].openedAt)) revert VotersRemain(member);
        address[] storage accounts = _officersOf[member];
        for (uint256 i = accounts.length; i > 0; --i) {
            if (_officers[accounts[i - 1]].validUntil <= block.timestamp) {
                _removeOfficer(member, accounts[i - 1], ballot);
            }
        }
        _putOfficers(member, newOfficers, ballot);
        if (!_hasVoter(member, block.timestamp)) revert LastVoter(member);
    }

    /// @inheritdoc IConsortium
    function setRule(BallotKind kind, BallotRule calldata rule) external {
        _setRule(kind, rule, requireBallot(msg.sender));
    }

    /// @inheritdoc IConsortium
    function setPauseRule(PauseRule calldata rule) external {
        _setPauseRule(rule, requireBallot(msg.sender));
    }

    /// @inheritdoc IConsortium
    function setAllowedCall(AllowedCall calldata call, bool allowed) external {
        _setAllowedCall(call, allowed, requireBallot(msg.sender));
    }

    /// @inheritdoc IConsortium
    function addRegister(address register) external {
        _addRegister(register, requireBallot(msg.sender));
    }

    /// @inheritdoc IConsortium
    function pauseByBallot(uint40 until, bytes32 reason) external {
        bytes32 ballot = requireBallot(msg.sender);
        if (until <= block.timestamp) revert PauseInvalid(until, type(uint40).max);
        _pausedUntil = until;
        emit PauseStarted(until, reason, NOBODY, NOBODY, ballot);
    }

    /// @inheritdoc IConsortium
    function endPause() external {
        bytes32 ballot = requireBallot(msg.sender);
        _pausedUntil = 0;
        emit PauseEnded(ballot);
    }

    // ---------------------------------------------------------------- for the registers

    /// @inheritdoc IConsortium
    function authorise(MemberId member, uint8 role, address account) external view returns (MemberKind kind) {
        kind = _current(member).kind;
        _requireOfficer(member, role, account);
        if (block.timestamp < _pausedUntil) revert Paused(_pausedUntil);
    }

    /// @inheritdoc IConsortium
    function spendOrder(MemberId member, uint8 role, bytes32 structHash, uint40 deadline, bytes calldata signature)
        external
        returns (address signer)
    {
        if (!_isRegister[msg.sender]) revert NotRegister(msg.sender);
        return _spend(member, role, structHash, deadline, signature);
    }

    /// @inheritdoc IConsortium
    function requireSigned(MemberId member, uint8 role, bytes32 structHash, bytes calldata signature)
        external
        view
        returns (address signer)
    {
        _current(member);
        return _signedBy(member, role, structHash, signature);
    }

    /// @inheritdoc IConsortium
    function requireBallot(address caller) public view returns (bytes32 ballot) {
        ballot = _executing;
        if (caller != address(this) || ballot == 0) revert NotBallot(caller);
    }

    /// @inheritdoc IConsortium
    function consented(bytes32 ballot, MemberId member) external view returns (bool) {
        Member storage m = _members[member];
        return m.kind != MemberKind.None && m.leftAt == 0 && _ballots[ballot].yes & _bit(m) != 0;
    }

    // ---------------------------------------------------------------- signatures

    function _spend(MemberId member, uint8 role, bytes32 structHash, uint40 deadline, bytes calldata signature)
        private
        returns (address)
    {
        _spendHash(structHash, deadline);
        _current(member);
        return _signedBy(member, role, structHash, signature);
    }

    /// @dev Spent before it is checked: a failed check reverts, and gives it back.
    function _spendHash(bytes32 structHash, uint40 deadline) private {
        if (block.timestamp > deadline) revert OrderExpired(deadline);
        if (_spent[structHash]) revert OrderRepeated(structHash);
        _spent[structHash] = true;
    }

    function _signedBy(MemberId member, uint8 role, bytes32 structHash, bytes calldata signature)
        private
        view
        returns (address account)
    {
        account = Orders.signer(Orders.digest(address(this), structHash), signature);
        _requireOfficer(member, role, account);
    }

    function _fullMemberOfVoter(address account) private view returns (MemberId member) {
        member = _officers[account].member;
        _requireOfficer(member, ROLE_VOTER, account);
        // Officers go when their member does, so that it is one now.
        if (_members[member].kind != MemberKind.Full) revert KindNotPermitted(member, _members[member].kind);
    }

    // ---------------------------------------------------------------- members and officers

    /// @dev The member, which must be one now.
    function _current(MemberId member) private view returns (Member storage m) {
        m = _members[member];
        if (m.kind == MemberKind.None) revert MemberUnknown(member);
        if (m.leftAt != 0) revert MemberLeft(member);
    }

    /// @dev One bit, or none for a programme member, which has no seat.
    function _bit(Member storage m) private view returns (uint256) {
        return m.kind == MemberKind.Programme ? 0 : 1 << m.seat;
    }

    function _admit(
        MemberId member,
        MemberKind kind,
        MemberId parent,
        FoundingOfficer[] calldata newOfficers,
        bytes32 ballot
    ) private {
        Member storage m = _members[member];
        if (m.kind != MemberKind.None && m.leftAt == 0) revert MemberExists(member);
        uint24 id = MemberId.unwrap(member);
        bool programme = id >= FIRST_PROGRAMME;
        if (
            id == 0 || id == FIRST_PROGRAMME - 1 || kind == MemberKind.None
                || programme != (kind == MemberKind.Programme)
        ) {
            revert MemberIdInvalid(member, kind);
        }
        _requireParent(member, parent);

        if (m.kind == MemberKind.None) _memberList.push(member);
        uint8 seat = programme ? 0 : _takeSeat();
        _members[member] = Member(kind, seat, parent, uint40(block.timestamp), 0);
        // Only founding admits in a loop.
        // slither-disable-next-line costly-loop
        if (kind == MemberKind.Full) _fullSeats |= 1 << seat;
        emit MemberJoined(member, kind, parent, seat);

        _putOfficers(member, newOfficers, ballot);
        // A programme member votes on nothing and may do without.
        if (!programme && !_hasVoter(member, block.timestamp)) revert LastVoter(member);
    }

    function _takeSeat() private returns (uint8 seat) {
        if (_seats == MAX_SEATS) revert SeatsTaken();
        seat = uint8(_seats);
        // As above: one seat for each member that is admitted.
        // slither-disable-next-line costly-loop
        ++_seats;
    }

    /// @dev A parent is named by its GB/T 2260 code and need not be a member.
    function _requireParent(MemberId member, MemberId parent) private view {
        if (parent == member || MemberId.unwrap(parent) >= FIRST_PROGRAMME - 1) {
            revert MemberIdInvalid(parent, _members[parent].kind);
        }
    }

    function _depart(MemberId member, bytes32 ballot) private {
        Member storage m = _members[member];
        if (m.kind == MemberKind.Full) {
            uint256 rest = _fullSeats & ~(1 << m.seat);
            if (rest == 0) revert LastFullMember(member);
            _fullSeats = rest;
        }
        m.leftAt = uint40(block.timestamp);
        address[] storage accounts = _officersOf[member];
        for (uint256 i = 0; i < accounts.length; ++i) {
            delete _officers[accounts[i]];
        }
        delete _officersOf[member];
        emit MemberDeparted(member, ballot);
    }

    function _putOfficers(MemberId member, FoundingOfficer[] calldata list, bytes32 ballot) private {
        for (uint256 i = 0; i < list.length; ++i) {
            _putOfficer(member, list[i].account, list[i].roles, list[i].validUntil, ballot);
        }
    }

    function _putOfficer(MemberId member, address account, uint8 roles, uint40 validUntil, bytes32 ballot) private {
        if (account == address(0) || roles == 0 || roles > ALL_ROLES || validUntil <= block.timestamp) {
            revert OfficerInvalid(account, roles, validUntil);
        }
        MemberId serves = _officers[account].member;
        if (serves == NOBODY) {
            if (_officersOf[member].length == MAX_OFFICERS) revert OfficersTooMany(member);
            _officersOf[member].push(account);
        } else if (serves != member) {
            revert OfficerServesAnother(account, serves);
        }
        _officers[account] = Officer(member, roles, validUntil);
        emit OfficerChanged(member, account, roles, validUntil, ballot);
    }

    function _removeOfficer(MemberId member, address account, bytes32 ballot) private {
        MemberId serves = _officers[account].member;
        if (serves == NOBODY) revert OfficerInvalid(account, 0, 0);
        if (serves != member) revert OfficerServesAnother(account, serves);
        // Only `restoreOfficers` removes in a loop, and a member has at most MAX_OFFICERS.
        // slither-disable-next-line costly-loop
        delete _officers[account];
        address[] storage accounts = _officersOf[member];
        uint256 i = 0;
        while (accounts[i] != account) ++i;
        accounts[i] = accounts[accounts.length - 1];
        accounts.pop();
        emit OfficerChanged(member, account, 0, 0, ballot);
    }

    function _requireOfficer(MemberId member, uint8 role, address account) private view {
        if (!_serves(member, role, account, block.timestamp)) revert NotOfficer(account, member, role);
    }

    function _serves(MemberId member, uint8 role, address account, uint256 at) private view returns (bool) {
        Officer storage officer = _officers[account];
        return officer.member == member && officer.roles & role != 0 && at < officer.validUntil;
    }

    function _hasVoter(MemberId member, uint256 at) private view returns (bool) {
        address[] storage accounts = _officersOf[member];
        for (uint256 i = 0; i < accounts.length; ++i) {
            if (_serves(member, ROLE_VOTER, accounts[i], at)) return true;
        }
        return false;
    }

    // ---------------------------------------------------------------- rules

    /// @dev What rewrites the constitution (Officers, Rules, Upgrade) waits, so that whoever disagrees has time to leave.
    function _setRule(BallotKind kind, BallotRule calldata rule, bytes32 ballot) private {
        bool waits = kind == BallotKind.Officers || kind == BallotKind.Rules || kind == BallotKind.Upgrade;
        if (
            rule.quorumPpm == 0 || rule.quorumPpm > WHOLE_PPM || rule.approvalPpm == 0 || rule.approvalPpm > WHOLE_PPM
                || rule.minVoting == 0 || rule.minVoting > rule.maxVoting || rule.executeWithin == 0
                || (waits && rule.delay == 0)
        ) revert RuleInvalid(kind);
        _rules[kind] = rule;
        emit RuleChanged(
            kind,
            rule.quorumPpm,
            rule.approvalPpm,
            rule.minVoting,
            rule.maxVoting,
            rule.delay,
            rule.executeWithin,
            ballot
        );
    }

    /// @dev Two members cannot keep the hub stopped for more than half of the time.
    function _setPauseRule(PauseRule calldata rule, bytes32 ballot) private {
        if (rule.cooldown < rule.maxDuration) revert RuleInvalid(BallotKind.Pause);
        _pauseRule = rule;
        emit PauseRuleChanged(rule.maxDuration, rule.cooldown, ballot);
    }

    /// @dev Some calls are as strong as the constitution and keep their kind, so that no ballot lends them to a weaker rule. `batch`
    /// carries calls that nobody would check.
    function _setAllowedCall(AllowedCall calldata call, bool allowed, bytes32 ballot) private {
        BallotKind due = call.kind;
        if (call.selector == this.upgradeToAndCall.selector) due = BallotKind.Upgrade;
        if (call.target == address(this)) {
            if (call.selector == this.setAllowedCall.selector) due = BallotKind.Upgrade;
            if (call.selector == this.addRegister.selector) due = BallotKind.Upgrade;
            if (call.selector == this.setRule.selector) due = BallotKind.Rules;
            if (call.selector == this.restoreOfficers.selector) due = BallotKind.Officers;
        }
        if (call.target == address(0) || call.selector == this.batch.selector || call.kind != due) {
            revert CallNotAllowed(call.target, call.selector, call.kind);
        }
        _allowed[call.target][call.selector] = allowed ? uint8(call.kind) + 1 : 0;
        emit CallAllowed(call.target, call.selector, call.kind, allowed, ballot);
    }

    function _addRegister(address register, bytes32 ballot) private {
        if (register == address(0)) revert NotRegister(register);
        _isRegister[register] = true;
        emit RegisterAdded(register, ballot);
    }

    function _count(uint256 bits) private pure returns (uint256 n) {
        for (; bits != 0; ++n) {
            bits &= bits - 1;
        }
    }

    // ---------------------------------------------------------------- views

    /// @inheritdoc IConsortium
    function getMember(MemberId member) external view returns (Member memory) {
        return _members[member];
    }

    /// @inheritdoc IConsortium
    function members() external view returns (MemberId[] memory) {
        return _memberList;
    }

    /// @inheritdoc IConsortium
    function getOfficer(address account) external view returns (Officer memory) {
        return _officers[account];
    }

    /// @inheritdoc IConsortium
    function officers(MemberId member) external view returns (address[] memory) {
        return _officersOf[member];
    }

    /// @inheritdoc IConsortium
    function isOfficer(MemberId member, uint8 role, address account) external view returns (bool) {
        return _serves(member, role, account, block.timestamp);
    }

    /// @inheritdoc IConsortium
    function getRule(BallotKind kind) external view returns (BallotRule memory) {
        return _rules[kind];
    }

    /// @inheritdoc IConsortium
    function getPauseRule() external view returns (PauseRule memory) {
        return _pauseRule;
    }

    /// @inheritdoc IConsortium
    function kindOfCall(address target, bytes4 selector) external view returns (bool allowed, BallotKind kind) {
        uint8 stored = _allowed[target][selector];
        if (stored != 0) (allowed, kind) = (true, BallotKind(stored - 1));
    }

    /// @inheritdoc IConsortium
    function isRegister(address register) external view returns (bool) {
        return _isRegister[register];
    }

    /// @inheritdoc IConsortium
    function tally(bytes32 ballot)
        external
        view
        returns (uint256 electorate, uint256 invited, uint256 yes, uint256 no, uint256 abstain)
    {
        Ballot storage b = _ballots[ballot];
        return (b.electorate, b.invited, b.yes, b.no, b.abstain);
    }

    /// @inheritdoc IConsortium
    function revisionOf(bytes32 ballot, MemberId member) external view returns (uint32) {
        Member storage m = _members[member];
        return _bit(m) == 0 || m.kind == MemberKind.None ? 0 : _revisions[ballot][m.seat];
    }

    /// @inheritdoc IConsortium
    function pausedUntil() external view returns (uint40 until) {
        return block.timestamp < _pausedUntil ? _pausedUntil : 0;
    }

    /// @inheritdoc IConsortium
    function domainSeparator() external view returns (bytes32) {
        return Orders.domainSeparator(address(this));
    }
}
