// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Register} from "./Register.sol";
import {IConsortium, Member, MemberKind, ROLE_FINANCIAL_INSTITUTION} from "./interfaces/IConsortium.sol";
import {
    BlockStatus,
    CorrectionRequest,
    ICreditLedger,
    Issuance,
    IssueRequest,
    Pledge,
    PledgeOrder,
    Proposal,
    Purpose,
    ReleaseOrder,
    RetirementRequest,
    Series,
    Tally,
    Transfer,
    TransferRules,
    TransferStatus,
    UnitBlock,
    Verification,
    VerificationRequest
} from "./interfaces/ICreditLedger.sol";
import {IHoldable} from "./interfaces/IHolds.sol";
import {ExternalLock, IProjects, LockStatus} from "./interfaces/IProjects.sol";
import {IRecognition} from "./interfaces/IRecognition.sol";
import {Orders} from "./lib/Orders.sol";
import {
    Ids,
    KIND_SERIES,
    KIND_VERIFICATION,
    MemberId,
    MethodologyId,
    NOBODY,
    ProjectId,
    SeriesId,
    Subject,
    VerificationId
} from "./types/Ids.sol";
import {Interval, IntervalList, Intervals} from "./types/Intervals.sol";
import {PackedTally, Tallies} from "./types/Tallies.sol";
import {PackedBlock, UnitBlocks} from "./types/UnitBlocks.sol";

/// @title CreditLedger
/// @notice Who holds which serial numbers, and what became of them. Four laws, each kept at one place:
///
/// L1 Conservation. The tally of an issuance is written by `issue` and, after that, by `_become` alone, which takes from one status what it
///    gives to another.
/// L2 One place. Ranges of a series enter through `Intervals`, which keeps them apart; blocks come from an issuance or are carved out of
///    a block. `_become` alone changes a status or a holder.
/// L3 Issued once. `issue` spends the origin record and draws on the verification, never beyond it; `verify` keeps the periods of a project
///    apart by the same `Intervals`.
/// L4 Used once. `_become` refuses a block that is retired or cancelled, so nothing leads out of these two.
///
/// Whether a jurisdiction lets credits in, and for what, is Recognition's to say (L5); whose keys speak for whom, Consortium's (L6); what
/// the documents say stays off chain (L7).
/// @dev Not here, on purpose: balances (they are sums over blocks, and the index adds them up), approvals, an owner, a way to rewrite what
/// was retired or has left home (a late invalidation is a case between members), and serial numbers of our own.
contract CreditLedger is ICreditLedger, IHoldable, Register {
    using Intervals for IntervalList;
    using Tallies for PackedTally;
    using UnitBlocks for mapping(uint64 first => PackedBlock);
    using UnitBlocks for PackedBlock;

    // ---------------------------------------------------------------- constants

    /// @dev Serials fit the signed 64-bit integers of every registry database.
    uint64 private constant SERIALS_END = 2 ** 63;

    /// @dev What a counter of the tally can hold. At 1,000 kg a serial that is 2**58 kg, so kg fit 64 bits.
    uint64 private constant MAX_COUNT = type(uint48).max;

    /// @dev Flags of a stored verification.
    uint8 private constant VOIDED = 1;
    uint8 private constant LOCKED = 2;

    /// @dev Flag beside the status of a stored transfer.
    uint8 private constant COSIGN_PENDING = 128;

    IProjects public immutable PROJECTS;
    IRecognition public immutable RECOGNITION;
    address public immutable HOLDS;

    // ---------------------------------------------------------------- storage

    /// @dev `Verification` in one slot.
    struct StoredVerification {
        ProjectId project;
        uint64 verifiedKg;
        uint64 drawnKg;
        /// @dev 0: the period is not stated.
        uint24 periodStart;
        uint8 flags;
    }

    /// @dev `Transfer` in one slot.
    struct StoredTransfer {
        SeriesId series;
        uint64 first;
        MemberId to;
        uint32 acceptFrom;
        uint32 deadline;
        /// @dev A TransferStatus, plus COSIGN_PENDING.
        uint8 state;
    }

    struct Origin {
        SeriesId series;
        uint64 first;
    }

    mapping(SeriesId series => uint16) private _kgPerSerial;
    mapping(SeriesId series => IntervalList) private _issuances;
    mapping(SeriesId series => mapping(uint64 issuance => PackedTally)) private _tallies;
    mapping(SeriesId series => mapping(uint64 first => PackedBlock)) private _blocks;

    mapping(VerificationId verification => StoredVerification) private _verifications;
    mapping(VerificationId verification => bytes32) private _externalLocks;
    mapping(ProjectId project => IntervalList) private _periods;
    mapping(MemberId member => mapping(bytes32 origin => Origin)) private _origins;
    mapping(SeriesId series => mapping(uint64 issuance => uint64)) private _reissueOf;

    mapping(bytes32 transfer => StoredTransfer) private _transfers;
    /// @dev Who proposed a transfer that waits for a second signature.
    mapping(bytes32 transfer => address) private _proposers;
    mapping(MemberId from => mapping(MemberId to => bool)) private _knows;
    TransferRules private _transferRules;

    mapping(SeriesId series => mapping(uint64 first => bytes32)) private _beneficiaries;
    mapping(SeriesId series => mapping(uint64 first => Pledge)) private _pledges;

    constructor(IConsortium consortium, IProjects projects, IRecognition recognition, address holds)
        Register(consortium)
    {
        PROJECTS = projects;
        RECOGNITION = recognition;
        // Holds' address is computed before it is created, and `verify` of hub/chain/deployment.py compares it in the code afterwards.
        // slither-disable-next-line missing-zero-check
        HOLDS = holds;
    }

    function initialize(TransferRules calldata rules) external initializer {
        _setTransferRules(rules, 0);
    }

    // ---------------------------------------------------------------- by the home registrar

    /// @inheritdoc ICreditLedger
    function registerSeries(MemberId member, bytes32 native, uint16 kgPerSerial, bytes32 request)
        external
        returns (SeriesId series)
    {
        _requireRegistrar(member);
        if (kgPerSerial != 1 && kgPerSerial != 1000) revert SeriesInvalid(kgPerSerial);
        series = SeriesId.wrap(Ids.record(KIND_SERIES, member, native));
        if (_kgPerSerial[series] != 0) revert SeriesExists(series);

        _kgPerSerial[series] = kgPerSerial;

        emit SeriesRegistered(series, member, native, kgPerSerial, request);
    }

    /// @inheritdoc ICreditLedger
    function verify(VerificationRequest calldata asked) external returns (VerificationId verification) {
        MemberId member = Ids.home(asked.project);
        MemberKind kind = _requireRegistrar(member);
        if (asked.verifiedKg == 0 || asked.document == 0) revert VerificationEmpty(asked.native);
        verification = VerificationId.wrap(Ids.record(KIND_VERIFICATION, member, asked.native));
        if (ProjectId.unwrap(_verifications[verification].project) != 0) revert VerificationExists(verification);
        (uint24 creditingStart, uint24 creditingEnd) = PROJECTS.requireCreditable(asked.project);

        bool stated = asked.periodStart != 0 || asked.periodEnd != 0;
        if (stated) {
            _claimPeriod(asked, verification, creditingStart, creditingEnd);
        } else if (kind != MemberKind.Programme) {
            revert PeriodInvalid(0, 0);
        }
        bool locked = asked.externalLock != 0;
        if (locked) _externalLocks[verification] = asked.externalLock;
        _verifications[verification] = StoredVerification({
            project: asked.project,
            verifiedKg: asked.verifiedKg,
            drawnKg: 0,
            periodStart: asked.periodStart,
            flags: locked ? LOCKED : 0
        });

        emit Verified(
            verification,
            asked.project,
            asked.native,
            stated,
            asked.periodStart,
            asked.periodEnd,
            asked.verifiedKg,
            asked.document,
            asked.externalLock,
            asked.request
        );
    }

    /// @inheritdoc ICreditLedger
    function voidVerification(VerificationId verification, uint24 predecessor, bytes32 request) external {
        _requireRegistrar(Ids.home(verification));
        StoredVerification memory v = _standing(verification);
        if (v.drawnKg != 0) revert VerificationInUse(verification, v.drawnKg);

        if (v.periodStart != 0 && !_periods[v.project].remove(v.periodStart, predecessor)) {
            revert PeriodPredecessorWrong(v.project, v.periodStart, predecessor);
        }
        // The record stays, so that its native id is spent for good.
        _verifications[verification].flags = v.flags | VOIDED;

        emit VerificationVoid(verification, request);
    }

    /// @inheritdoc ICreditLedger
    function issue(IssueRequest calldata asked) external {
        SeriesId series = asked.series;
        uint64 first = asked.first;
        MemberId member = Ids.home(series);
        _requireRegistrar(member);
        uint16 kgPerSerial = _kgPerSerial[series];
        if (kgPerSerial == 0) revert SeriesUnknown(series);
        // The first test also keeps the difference below from going under.
        if (first == 0 || asked.last < first || asked.last >= SERIALS_END || asked.last - first >= MAX_COUNT) {
            revert RangeInvalid(first, asked.last);
        }
        uint64 count = asked.last - first + 1;

        ProjectId project = _draw(asked.verification, count * kgPerSerial);
        if (Ids.home(project) != member) revert ProjectOfAnother(project, member);
        if (asked.document == 0) revert IProjects.DocumentMissing(project);
        if (asked.reissueOf != 0) _linkReissue(asked, project);
        _spendOrigin(asked, member);
        _insertRange(asked);
        _tallies[series][first] = Tallies.issued(count);
        _blocks[series][first] = UnitBlocks.issued(first, asked.last, member);

        emit Issued(
            series,
            first,
            asked.last,
            asked.verification,
            asked.vintage,
            asked.origin,
            asked.document,
            asked.reissueOf,
            asked.request
        );
    }

    /// @inheritdoc ICreditLedger
    function correct(CorrectionRequest calldata asked) external {
        SeriesId series = asked.series;
        uint64 first = asked.first;
        PackedBlock b = _blockOf(series, asked.blockFirst);
        MemberId member = Ids.home(series);
        _requireRegistrar(member);
        if (b.holder() != member) revert BlockNotAtHome(series, asked.blockFirst, b.holder());
        _requireAvailable(b, series, asked.blockFirst, first, asked.last);

        Interval storage issuance = _issuances[series].at[b.issuance()];
        if (asked.document == 0) revert IProjects.DocumentMissing(_verifications[issuance.verification].project);
        issuance.corrected = true;
        b = _blocks[series].carve(b, asked.blockFirst, first, asked.last);
        uint64 freedKg = b.count(first) * _kgPerSerial[series];
        _verifications[issuance.verification].drawnKg -= freedKg;
        _become(BlockStatus.Cancelled, series, first, b.withPurpose(Purpose.WrongIssuance, 0));

        emit Corrected(series, asked.blockFirst, first, asked.last, freedKg, asked.document, asked.request);
    }

    // ---------------------------------------------------------------- transfer

    /// @inheritdoc ICreditLedger
    function propose(Proposal calldata asked) external returns (bytes32 transfer) {
        SeriesId series = asked.series;
        uint64 first = asked.first;
        PackedBlock b = _blockOf(series, asked.blockFirst);
        MemberKind kind = _requireRegistrar(b.holder());
        transfer = keccak256(abi.encode(b.holder(), asked.request));
        if (_transfers[transfer].state != 0) revert TransferExists(transfer);
        // A kind is one of four names, not an amount that somebody could shift.
        // slither-disable-next-line incorrect-equality
        if (kind == MemberKind.Programme) revert KindMovesNothing(b.holder());
        _requireDestination(b.holder(), asked.to);
        _requireAvailable(b, series, asked.blockFirst, first, asked.last);
        _requireUsable(series, b.issuance());
        MemberId home = Ids.home(series);
        if (b.holder() != home) RECOGNITION.requireMove(b.entry(), asked.to == home);
        (uint32 acceptFrom, bool large) = _applyRules(b.holder(), asked);

        b = _blocks[series].carve(b, asked.blockFirst, first, asked.last);
        _become(BlockStatus.InTransit, series, first, b);
        if (large) _proposers[transfer] = msg.sender;
        _transfers[transfer] = StoredTransfer({
            series: series,
            first: first,
            to: asked.to,
            acceptFrom: acceptFrom,
            deadline: asked.deadline,
            state: uint8(TransferStatus.Proposed) | (large ? COSIGN_PENDING : 0)
        });

        emit TransferProposed(
            transfer,
            series,
            asked.blockFirst,
            first,
            asked.last,
            b.holder(),
            asked.to,
            acceptFrom,
            asked.deadline,
            large,
            asked.request
        );
    }

    /// @inheritdoc ICreditLedger
    function cosign(bytes32 transfer, bytes32 request) external {
        (StoredTransfer memory t, PackedBlock b) = _proposed(transfer);
        _requireRegistrar(b.holder());
        // One flag of our own storage: there is nothing between set and not set.
        // slither-disable-next-line incorrect-equality
        if (t.state & COSIGN_PENDING == 0) revert CosignNotNeeded(transfer);
        if (_proposers[transfer] == msg.sender) revert CosignBySame(transfer, msg.sender);

        _transfers[transfer].state = uint8(TransferStatus.Proposed);

        emit TransferCosigned(transfer, msg.sender, request);
    }

    /// @inheritdoc ICreditLedger
    function accept(bytes32 transfer, bytes32 request) external {
        (StoredTransfer memory t, PackedBlock b) = _proposed(transfer);
        _requireRegistrar(t.to);
        if (block.timestamp < t.acceptFrom) revert TransferTooEarly(transfer, t.acceptFrom);
        if (block.timestamp >= t.deadline) revert TransferOver(transfer, t.deadline);
        if (t.state & COSIGN_PENDING != 0) revert CosignPending(transfer);
        if (b.holds() != 0) revert BlockHeld(t.series, t.first);
        (ProjectId project, MethodologyId methodology) = _requireUsable(t.series, b.issuance());

        _transfers[transfer].state = uint8(TransferStatus.Accepted);
        if (!_knows[b.holder()][t.to]) _knows[b.holder()][t.to] = true;
        uint64 arrivingKg = b.count(t.first) * _kgPerSerial[t.series];
        uint32 entry = 0;
        if (t.to != Ids.home(t.series)) {
            uint24 factorPpm;
            // Recognition was named at construction and calls nobody back. It comes first because the cut follows from its factor.
            // slither-disable-next-line reentrancy-no-eth,reentrancy-benign,reentrancy-events
            (factorPpm, entry) = RECOGNITION.enter(t.to, methodology, project, t.series, b.issuance(), arrivingKg);
            if (factorPpm < b.factorPpm()) b = _cut(t.series, t.first, b, factorPpm);
        }
        b = b.withHolder(t.to).withEntry(entry);
        _become(BlockStatus.Available, t.series, t.first, b);

        emit TransferAccepted(transfer, b.last(), b.factorPpm(), entry, arrivingKg, request);
    }

    /// @inheritdoc ICreditLedger
    function reject(bytes32 transfer, uint8 reason, bytes32 request) external {
        (StoredTransfer memory t, PackedBlock b) = _proposed(transfer);
        _requireRegistrar(t.to);

        _return(transfer, t, b, TransferStatus.Rejected);

        emit TransferRejected(transfer, reason, request);
    }

    /// @inheritdoc ICreditLedger
    function withdraw(bytes32 transfer, bytes32 request) external {
        (StoredTransfer memory t, PackedBlock b) = _proposed(transfer);
        _requireRegistrar(b.holder());

        _return(transfer, t, b, TransferStatus.Withdrawn);

        emit TransferWithdrawn(transfer, request);
    }

    /// @inheritdoc ICreditLedger
    function expire(bytes32 transfer) external {
        (StoredTransfer memory t, PackedBlock b) = _proposed(transfer);
        if (block.timestamp < t.deadline) revert TransferNotOver(transfer, t.deadline);

        _return(transfer, t, b, TransferStatus.Expired);

        emit TransferExpired(transfer);
    }

    // ---------------------------------------------------------------- use

    /// @inheritdoc ICreditLedger
    function retire(RetirementRequest calldata asked) external {
        SeriesId series = asked.series;
        uint64 first = asked.first;
        PackedBlock b = _blockOf(series, asked.blockFirst);
        bool claims = _requireRegistrar(b.holder()) != MemberKind.Programme;
        if (asked.purpose == Purpose.None || asked.purpose > Purpose.PointsAndRewards) {
            revert PurposeInvalid(asked.purpose);
        }
        if ((asked.purpose == Purpose.EtsCompliance) != (asked.complianceYear != 0)) {
            revert ComplianceYearInvalid(asked.complianceYear, asked.purpose);
        }
        if (claims && asked.beneficiary == 0) revert BeneficiaryMissing();
        _requireAvailable(b, series, asked.blockFirst, first, asked.last);
        _requireUsable(series, b.issuance());
        if (b.holder() != Ids.home(series)) RECOGNITION.requireUse(b.entry(), uint8(asked.purpose));

        b = _blocks[series].carve(b, asked.blockFirst, first, asked.last);
        _become(BlockStatus.Retired, series, first, b.withPurpose(asked.purpose, asked.complianceYear));
        if (asked.beneficiary != 0) _beneficiaries[series][first] = asked.beneficiary;

        emit Retired(
            series,
            asked.blockFirst,
            first,
            asked.last,
            b.holder(),
            claims ? b.holder() : NOBODY,
            asked.purpose,
            asked.beneficiary,
            asked.complianceYear,
            asked.request
        );
    }

    // ---------------------------------------------------------------- pledge

    /// @inheritdoc ICreditLedger
    function pledge(PledgeOrder calldata order, bytes calldata signature) external {
        SeriesId series = order.series;
        uint64 first = order.first;
        _requireRegistrar(order.member);
        PackedBlock b = _blockOf(series, order.blockFirst);
        if (b.holder() != order.member) revert BlockNotHeldBy(series, order.blockFirst, b.holder(), order.member);
        if (order.until <= block.timestamp) revert PledgeUntilInvalid(order.until);
        _requireAvailable(b, series, order.blockFirst, first, order.last);
        _requireUsable(series, b.issuance());
        address institution = _institution(order.member, Orders.hash(order), order.deadline, signature);

        b = _blocks[series].carve(b, order.blockFirst, first, order.last);
        _become(BlockStatus.Pledged, series, first, b);
        _pledges[series][first] = Pledge({institution: institution, until: order.until});

        emit PledgeTaken(
            series, order.blockFirst, first, order.last, order.member, institution, order.until, order.request
        );
    }

    /// @inheritdoc ICreditLedger
    function release(ReleaseOrder calldata order, bytes calldata signature) external {
        (PackedBlock b, Pledge memory p) = _pledged(order.series, order.first);
        if (order.until != p.until) revert NotPledged(order.series, order.first);
        address signer = _institution(b.holder(), Orders.hash(order), order.deadline, signature);
        if (signer != p.institution) revert NotPledgee(order.series, order.first, p.institution, signer);

        _endPledge(order.series, order.first, b, BlockStatus.Available);

        emit PledgeReleased(order.series, order.first, order.request);
    }

    /// @inheritdoc ICreditLedger
    function lapse(SeriesId series, uint64 first) external {
        (PackedBlock b, Pledge memory p) = _pledged(series, first);
        if (block.timestamp < p.until) revert PledgeNotOver(series, first, p.until);

        _endPledge(series, first, b, BlockStatus.Available);

        emit PledgeReleased(series, first, 0);
    }

    // ---------------------------------------------------------------- by ballot

    /// @inheritdoc ICreditLedger
    function cancelByBallot(SeriesId series, uint64 blockFirst, uint64 first, uint64 last, bytes32 document) external {
        bytes32 ballot = _requireBallot();
        PackedBlock b = _blockOf(series, blockFirst);
        _requireWithin(b, series, blockFirst, first, last);
        bool whole = first == blockFirst && last == b.last();
        // A pledge and a hold know their block by its name, so they can't follow its pieces.
        if (b.status() != BlockStatus.Available && !(whole && b.status() == BlockStatus.Pledged)) {
            revert BlockNotAvailable(series, blockFirst, b.status());
        }
        if (b.holds() != 0 && !whole) revert BlockHeld(series, blockFirst);

        b = _blocks[series].carve(b, blockFirst, first, last);
        b = b.withPurpose(Purpose.OrderedByBallot, 0).withHolds(0);
        if (b.status() == BlockStatus.Pledged) _endPledge(series, first, b, BlockStatus.Cancelled);
        else _become(BlockStatus.Cancelled, series, first, b);

        emit CancelledByBallot(series, blockFirst, first, last, document, ballot);
    }

    /// @inheritdoc ICreditLedger
    function setTransferRules(TransferRules calldata rules) external {
        _setTransferRules(rules, _requireBallot());
    }

    // ---------------------------------------------------------------- by Holds

    /// @inheritdoc IHoldable
    /// @dev A ballot's cancellation ends a block's marks. The holds that made them don't know of it and unmark later, all their subjects
    /// at once, so unmarking a final block does nothing rather than keep the other subjects held for ever. The count neither overflows
    /// nor falls below 0: Holds bounds the marks, and takes off only what it placed.
    function mark(Subject subject, int8 by) external {
        if (msg.sender != HOLDS) revert NotHolds(msg.sender);
        SeriesId series = SeriesId.wrap(Ids.idOf(subject));
        uint64 first = Ids.firstSerialOf(subject);
        PackedBlock b = _blocks[series][first];
        BlockStatus status = b.status();
        bool wellWritten = Subject.unwrap(subject) == Subject.unwrap(Ids.blockSubject(series, first));
        if (status == BlockStatus.None || !wellWritten) revert SubjectUnknown(subject);
        if (_isFinal(status)) {
            if (by < 0) return;
            revert BlockNotAvailable(series, first, status);
        }
        _blocks[series][first] = b.withHolds(by < 0 ? b.holds() - 1 : b.holds() + 1);
    }

    // ---------------------------------------------------------------- views

    /// @inheritdoc ICreditLedger
    function getSeries(SeriesId series) external view returns (Series memory) {
        return Series({kgPerSerial: _kgPerSerial[series], head: _issuances[series].at[0].next});
    }

    /// @inheritdoc ICreditLedger
    function getVerification(VerificationId verification) external view returns (Verification memory) {
        StoredVerification memory v = _verifications[verification];
        return Verification({
            project: v.project,
            verifiedKg: v.verifiedKg,
            drawnKg: v.drawnKg,
            periodStart: v.periodStart,
            periodStated: v.periodStart != 0,
            voided: v.flags & VOIDED != 0,
            locked: v.flags & LOCKED != 0
        });
    }

    /// @inheritdoc ICreditLedger
    function getIssuance(SeriesId series, uint64 first) external view returns (Issuance memory, Tally memory) {
        Interval memory i = _issuances[series].at[first];
        // The list's head has a next, but is no issuance.
        if (i.last == 0) i.next = 0;
        return (
            Issuance({
                last: i.last, next: i.next, verification: i.verification, vintage: i.vintage, corrected: i.corrected
            }),
            _tallies[series][first].unpack()
        );
    }

    /// @inheritdoc ICreditLedger
    function getBlock(SeriesId series, uint64 first) external view returns (UnitBlock memory) {
        return _blocks[series][first].unpack();
    }

    /// @inheritdoc ICreditLedger
    function getTransfer(bytes32 transfer) external view returns (Transfer memory) {
        StoredTransfer memory t = _transfers[transfer];
        return Transfer({
            series: t.series,
            first: t.first,
            to: t.to,
            acceptFrom: t.acceptFrom,
            deadline: t.deadline,
            status: _statusOf(t),
            cosignPending: t.state & COSIGN_PENDING != 0
        });
    }

    /// @inheritdoc ICreditLedger
    function getPledge(SeriesId series, uint64 first) external view returns (Pledge memory) {
        return _pledges[series][first];
    }

    /// @inheritdoc ICreditLedger
    function beneficiaryOf(SeriesId series, uint64 first) external view returns (bytes32) {
        return _beneficiaries[series][first];
    }

    /// @inheritdoc ICreditLedger
    function originOf(MemberId member, bytes32 origin) external view returns (SeriesId series, uint64 first) {
        Origin memory spent = _origins[member][origin];
        return (spent.series, spent.first);
    }

    /// @inheritdoc ICreditLedger
    function reissueOf(SeriesId series, uint64 first) external view returns (uint64) {
        return _reissueOf[series][first];
    }

    /// @inheritdoc ICreditLedger
    function knows(MemberId from, MemberId to) external view returns (bool) {
        return _knows[from][to];
    }

    /// @inheritdoc ICreditLedger
    function getTransferRules() external view returns (TransferRules memory) {
        return _transferRules;
    }

    // ---------------------------------------------------------------- blocks

    /// @dev The one place where a block changes its status or its holder, and where a tally moves (L1, L2, L4). `b` is what the block
    /// becomes; its status still says what it was. The assertion never fails: every caller has asked for a status that can change.
    function _become(BlockStatus status, SeriesId series, uint64 first, PackedBlock b) private {
        assert(!_isFinal(b.status()));
        PackedTally tally = _tallies[series][b.issuance()];
        _tallies[series][b.issuance()] = tally.moved(b.status(), status, b.count(first));
        _blocks[series][first] = b.withStatus(status);
    }

    function _isFinal(BlockStatus status) private pure returns (bool) {
        return status >= BlockStatus.Retired;
    }

    /// @dev Cancels the highest serials of a block in transit, so that the kept ones over all of them are at most the new factor over the
    /// block's. What was cut before is not cut again. @return kept the rest under the new factor, not yet written.
    function _cut(SeriesId series, uint64 first, PackedBlock b, uint24 factorPpm) private returns (PackedBlock kept) {
        uint256 keptCount = (uint256(b.count(first)) * factorPpm) / b.factorPpm();
        // A whole number of serials, rounded down: none kept is exactly zero.
        // slither-disable-next-line incorrect-equality
        if (keptCount == 0) revert NothingKept(series, first, b.last(), b.factorPpm(), factorPpm);
        uint64 cutFirst = first + uint64(keptCount);
        // The new factor is lower and the count is rounded down, so something lies above.
        kept = _blocks[series].carve(b, first, first, cutFirst - 1).withFactor(factorPpm);
        _become(BlockStatus.Cancelled, series, cutFirst, b.withPurpose(Purpose.ConversionCut, 0));
    }

    function _blockOf(SeriesId series, uint64 first) private view returns (PackedBlock b) {
        b = _blocks[series][first];
        if (b.status() == BlockStatus.None) revert BlockUnknown(series, first);
    }

    function _requireWithin(PackedBlock b, SeriesId series, uint64 blockFirst, uint64 first, uint64 last) private pure {
        if (first < blockFirst || last < first || b.last() < last) {
            revert RangeOutsideBlock(series, blockFirst, b.last(), first, last);
        }
    }

    function _requireAvailable(PackedBlock b, SeriesId series, uint64 blockFirst, uint64 first, uint64 last)
        private
        pure
    {
        _requireWithin(b, series, blockFirst, first, last);
        if (b.status() != BlockStatus.Available) revert BlockNotAvailable(series, blockFirst, b.status());
        if (b.holds() != 0) revert BlockHeld(series, blockFirst);
    }

    /// @dev Suspensions and holds of the project and its methodology are asked for here, at use; they rewrite no block.
    function _requireUsable(SeriesId series, uint64 issuance)
        private
        view
        returns (ProjectId project, MethodologyId methodology)
    {
        project = _verifications[_issuances[series].at[issuance].verification].project;
        methodology = PROJECTS.requireUsable(project);
    }

    // ---------------------------------------------------------------- issuing

    function _standing(VerificationId verification) private view returns (StoredVerification memory v) {
        v = _verifications[verification];
        if (ProjectId.unwrap(v.project) == 0) revert VerificationUnknown(verification);
        if (v.flags & VOIDED != 0) revert VerificationVoided(verification);
    }

    /// @dev Enters the verified period into the project's list.
    function _claimPeriod(
        VerificationRequest calldata asked,
        VerificationId verification,
        uint24 creditingStart,
        uint24 creditingEnd
    ) private {
        (uint24 start, uint24 end) = (asked.periodStart, asked.periodEnd);
        if (start == 0 || end < start) revert PeriodInvalid(start, end);
        if (start < creditingStart || creditingEnd < end) {
            revert PeriodOutsideCrediting(asked.project, start, end, creditingStart, creditingEnd);
        }
        IntervalList storage periods = _periods[asked.project];
        uint64 other = periods.overlapped(start, end, asked.predecessor);
        if (other != 0) {
            revert PeriodOverlaps(asked.project, start, end, uint24(other), uint24(periods.at[other].last));
        }
        if (!periods.insert(start, end, asked.predecessor, verification, 0)) {
            revert PeriodPredecessorWrong(asked.project, start, asked.predecessor);
        }
    }

    /// @dev Draws `kg` on a verification, never beyond it (L3). @return project its project, which may be issued from now.
    function _draw(VerificationId verification, uint64 kg) private returns (ProjectId project) {
        StoredVerification memory v = _standing(verification);
        project = v.project;
        if (kg > v.verifiedKg - v.drawnKg) revert VerificationExceeded(verification, v.verifiedKg, v.drawnKg, kg);
        // The crediting period it returns was compared with the monitoring period in `verify`.
        // slither-disable-next-line unused-return
        PROJECTS.requireCreditable(project);
        if (v.flags & LOCKED != 0) {
            bytes32 lock = _externalLocks[verification];
            ExternalLock memory found = PROJECTS.getLock(lock);
            bool ours = ProjectId.unwrap(found.project) == ProjectId.unwrap(project);
            if (!ours || found.status != LockStatus.Cancelled) {
                revert ExternalLockPending(verification, lock);
            }
        }
        _verifications[verification].drawnKg = v.drawnKg + kg;
    }

    /// @dev A reissue names an issuance of its own series and project of which something was corrected.
    function _linkReissue(IssueRequest calldata asked, ProjectId project) private {
        Interval storage wrong = _issuances[asked.series].at[asked.reissueOf];
        if (wrong.last == 0) revert IssuanceUnknown(asked.series, asked.reissueOf);
        ProjectId wrongProject = _verifications[wrong.verification].project;
        if (!wrong.corrected || ProjectId.unwrap(wrongProject) != ProjectId.unwrap(project)) {
            revert IssuanceNotCorrected(asked.series, asked.reissueOf);
        }
        _reissueOf[asked.series][asked.first] = asked.reissueOf;
    }

    function _spendOrigin(IssueRequest calldata asked, MemberId member) private {
        Origin memory spent = _origins[member][asked.origin];
        if (spent.first != 0) revert OriginSpent(member, asked.origin, spent.series, spent.first);
        _origins[member][asked.origin] = Origin({series: asked.series, first: asked.first});
    }

    function _insertRange(IssueRequest calldata asked) private {
        IntervalList storage issuances = _issuances[asked.series];
        uint64 other = issuances.overlapped(asked.first, asked.last, asked.predecessor);
        if (other != 0) revert RangeOverlaps(asked.series, asked.first, asked.last, other, issuances.at[other].last);
        if (!issuances.insert(asked.first, asked.last, asked.predecessor, asked.verification, asked.vintage)) {
            revert PredecessorWrong(asked.series, asked.first, asked.predecessor);
        }
    }

    // ---------------------------------------------------------------- transfers

    function _statusOf(StoredTransfer memory t) private pure returns (TransferStatus) {
        return TransferStatus(t.state & ~COSIGN_PENDING);
    }

    /// @return t the transfer, which is proposed. @return b its block, which is in transit and still the sender's.
    function _proposed(bytes32 transfer) private view returns (StoredTransfer memory t, PackedBlock b) {
        t = _transfers[transfer];
        TransferStatus status = _statusOf(t);
        // A status is a name, not an amount that somebody could shift.
        // slither-disable-next-line incorrect-equality
        if (status == TransferStatus.None) revert TransferUnknown(transfer);
        if (status != TransferStatus.Proposed) revert TransferNotProposed(transfer, status);
        b = _blocks[t.series][t.first];
    }

    function _requireDestination(MemberId from, MemberId to) private view {
        if (to == from) revert TransferToItself(to);
        Member memory m = CONSORTIUM.getMember(to);
        if (m.kind == MemberKind.None) revert IConsortium.MemberUnknown(to);
        if (m.kind == MemberKind.Programme) revert KindMovesNothing(to);
        if (m.leftAt != 0) revert IConsortium.MemberLeft(to);
    }

    /// @return acceptFrom later than now where no transfer from the one to the other was ever accepted.
    /// @return large a second registrar must sign.
    function _applyRules(MemberId from, Proposal calldata asked) private view returns (uint32 acceptFrom, bool large) {
        TransferRules memory rules = _transferRules;
        uint256 opens = block.timestamp + (_knows[from][asked.to] ? 0 : rules.newCounterpartyWait);
        uint256 earliest = block.timestamp + rules.minLifetime;
        if (earliest <= opens) earliest = opens + 1;
        uint256 latest = block.timestamp + rules.maxLifetime;
        if (asked.deadline < earliest || latest < asked.deadline) {
            revert DeadlineInvalid(asked.deadline, uint64(earliest), uint64(latest));
        }
        large = (asked.last - asked.first + 1) * _kgPerSerial[asked.series] > rules.cosignAboveKg;
        // It lies before the deadline, so it fits.
        acceptFrom = uint32(opens);
    }

    /// @dev Held or not: a held transfer may end, only not be accepted.
    function _return(bytes32 transfer, StoredTransfer memory t, PackedBlock b, TransferStatus status) private {
        _transfers[transfer].state = uint8(status);
        _become(BlockStatus.Available, t.series, t.first, b);
    }

    /// @dev The wait lies within the longest lifetime, or no first transfer could ever be accepted.
    function _setTransferRules(TransferRules calldata rules, bytes32 ballot) private {
        if (
            rules.minLifetime == 0 || rules.maxLifetime < rules.minLifetime
                || rules.maxLifetime <= rules.newCounterpartyWait
        ) {
            revert TransferRulesInvalid();
        }

        _transferRules = rules;

        emit TransferRulesChanged(
            rules.newCounterpartyWait, rules.minLifetime, rules.maxLifetime, rules.cosignAboveKg, ballot
        );
    }

    // ---------------------------------------------------------------- pledges

    /// @dev Spends an order. @return The financial institution of `member` that signed it.
    function _institution(MemberId member, bytes32 structHash, uint40 deadline, bytes calldata signature)
        private
        returns (address)
    {
        // The Consortium was named at construction and calls nobody back. It comes before the writes because its answer goes into them.
        // slither-disable-next-line reentrancy-no-eth,reentrancy-benign,reentrancy-events
        return CONSORTIUM.spendOrder(member, ROLE_FINANCIAL_INSTITUTION, structHash, deadline, signature);
    }

    function _pledged(SeriesId series, uint64 first) private view returns (PackedBlock b, Pledge memory p) {
        b = _blocks[series][first];
        if (b.status() != BlockStatus.Pledged) revert NotPledged(series, first);
        p = _pledges[series][first];
    }

    function _endPledge(SeriesId series, uint64 first, PackedBlock b, BlockStatus status) private {
        delete _pledges[series][first];
        _become(status, series, first, b);
    }
}
