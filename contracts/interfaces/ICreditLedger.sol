// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {MemberId, ProjectId, SeriesId, VerificationId} from "../types/Ids.sol";

/// @dev Available, InTransit and Pledged can change; Retired and Cancelled are final. Held is a mark beside the first three.
enum BlockStatus {
    None,
    Available,
    InTransit,
    Pledged,
    Retired,
    Cancelled
}

/// @dev What a retirement is for (注销用途), 1-8, and why a block was cancelled, 9-11.
enum Purpose {
    None,
    EtsCompliance,
    OrganisationNeutrality,
    EventNeutrality,
    ProductNeutrality,
    BuildingNeutrality,
    Voluntary,
    EcologicalCompensation,
    PointsAndRewards,
    ConversionCut,
    WrongIssuance,
    OrderedByBallot
}

enum TransferStatus {
    None,
    Proposed,
    Accepted,
    Rejected,
    Withdrawn,
    Expired
}

struct Series {
    /// @dev kgCO2e a serial: 1 or 1000; 0: no such series.
    uint16 kgPerSerial;
    /// @dev First serial of the lowest issuance; 0: none yet.
    uint64 head;
}

struct Verification {
    ProjectId project;
    /// @dev kg verified, and kg of it that live issuances draw on (administratively cancelled ones give back).
    uint64 verifiedKg;
    uint64 drawnKg;
    /// @dev First day of the monitoring period, days since 1970-01-01; 0 where not stated.
    uint24 periodStart;
    bool periodStated;
    bool voided;
    /// @dev It names an external lock, which must be cancelled before anything is issued.
    bool locked;
}

/// @dev An issuance is named by its series and first serial.
struct Issuance {
    uint64 last;
    /// @dev First serial of the next issuance of the series; 0: none.
    uint64 next;
    VerificationId verification;
    uint16 vintage;
    /// @dev Some of it was cancelled as a wrong issuance, so that a reissue may name it.
    bool corrected;
}

/// @dev Serials of one issuance by status, over all members: the conservation law, readable. issued = the sum.
struct Tally {
    uint48 available;
    uint48 inTransit;
    uint48 pledged;
    uint48 retired;
    uint48 cancelled;
}

/// @dev Named by series and first serial; one storage slot.
struct UnitBlock {
    uint64 last;
    /// @dev First serial of its issuance.
    uint64 issuance;
    /// @dev Who holds it; in transit, still the sender; retired, the claimant's registry.
    MemberId holder;
    BlockStatus status;
    /// @dev Number of marks on it (`IHolds`).
    uint16 holds;
    /// @dev Lowest factor applied, ppm; 1,000,000 at issue.
    uint24 factorPpm;
    /// @dev The combination of terms it entered its holder under (Recognition); 0 at home.
    uint32 entry;
    Purpose purpose;
    /// @dev Compliance year of a retirement, or 0.
    uint16 complianceYear;
}

struct Transfer {
    SeriesId series;
    uint64 first;
    MemberId to;
    /// @dev Block time, seconds: not accepted before the one, nor from the other on.
    uint32 acceptFrom;
    uint32 deadline;
    TransferStatus status;
    /// @dev Above the limit, and no second registrar of the sender has signed yet.
    bool cosignPending;
}

/// @dev Rules of transfers; by ballot.
struct TransferRules {
    /// @dev Seconds that a first transfer to a new counterparty waits, and can be withdrawn, before it can be accepted.
    uint32 newCounterpartyWait;
    /// @dev Seconds from proposal to deadline, least and most.
    uint32 minLifetime;
    uint32 maxLifetime;
    /// @dev Above this many kg a second registrar of the sender signs.
    uint64 cosignAboveKg;
}

struct VerificationRequest {
    bytes32 request;
    bytes32 native;
    ProjectId project;
    /// @dev Both included; days since 1970-01-01. Both 0: not stated (programme members only).
    uint24 periodStart;
    uint24 periodEnd;
    uint64 verifiedKg;
    /// @dev SHA-256 of the canonical verification document.
    bytes32 document;
    /// @dev First day of the project's verified period before this one; 0: it is the earliest.
    uint24 predecessor;
    /// @dev Zero, or the external lock (Projects) that must be cancelled before issue.
    bytes32 externalLock;
}

struct IssueRequest {
    bytes32 request;
    SeriesId series;
    uint64 first;
    uint64 last;
    /// @dev First serial of the series' issuance before this one; 0: it is the lowest.
    uint64 predecessor;
    VerificationId verification;
    uint16 vintage;
    /// @dev keccak-256 of the registry's own issuance record id; spent once per member.
    bytes32 origin;
    bytes32 document;
    /// @dev Zero, or the first serial of the corrected issuance of the same series that this one replaces.
    uint64 reissueOf;
}

/// @dev `blockFirst` names the block that holds the serials `first` to `last`, which may be the whole of it or a part.
struct Proposal {
    bytes32 request;
    SeriesId series;
    uint64 blockFirst;
    uint64 first;
    uint64 last;
    MemberId to;
    uint32 deadline;
}

struct RetirementRequest {
    bytes32 request;
    SeriesId series;
    uint64 blockFirst;
    uint64 first;
    uint64 last;
    Purpose purpose;
    /// @dev Salted commitment to the beneficiary; never a name. Zero: none stated (programme members only).
    bytes32 beneficiary;
    /// @dev Required for EtsCompliance, else 0.
    uint16 complianceYear;
}

struct CorrectionRequest {
    bytes32 request;
    SeriesId series;
    uint64 blockFirst;
    uint64 first;
    uint64 last;
    /// @dev SHA-256 of the document that gives the reason.
    bytes32 document;
}

/// @dev EIP-712 `PledgeOrder(uint24 member,bytes12 series,uint64 blockFirst,uint64 first,uint64 last,uint40 until,bytes32 request,uint40 deadline)`,
/// signed by a financial institution of the holder member; the holder's registrar sends it, so both consent.
struct PledgeOrder {
    MemberId member;
    SeriesId series;
    uint64 blockFirst;
    uint64 first;
    uint64 last;
    /// @dev Block time; from then on anyone may release it.
    uint40 until;
    bytes32 request;
    uint40 deadline;
}

/// @dev EIP-712 `ReleaseOrder(bytes12 series,uint64 first,uint40 until,bytes32 request,uint40 deadline)`, signed by the institution that
/// took the pledge.
struct ReleaseOrder {
    SeriesId series;
    uint64 first;
    /// @dev The pledge's own `until`, by which the order means this pledge and no later one of the same block.
    uint40 until;
    bytes32 request;
    uint40 deadline;
}

struct Pledge {
    address institution;
    uint40 until;
}

/// @title CreditLedger
/// @notice Every issued serial number lies in exactly one unit block, which has one holder member and one status. Serials are the registry's own.
/// Quantities are whole serials; kg follow from the series.
/// @dev A split needs no event of its own: an operation on the part [first, last] of a block leaves [blockFirst, first-1] and [last+1, old last]
/// as blocks with everything else unchanged. All times in events are the block's.
interface ICreditLedger {
    // ---------------------------------------------------------------- errors

    error SeriesExists(SeriesId series);
    error SeriesUnknown(SeriesId series);
    error SeriesInvalid(uint16 kgPerSerial);

    error VerificationExists(VerificationId verification);
    error VerificationUnknown(VerificationId verification);
    error VerificationVoided(VerificationId verification);
    error VerificationInUse(VerificationId verification, uint64 drawnKg);
    error VerificationExceeded(VerificationId verification, uint64 verifiedKg, uint64 drawnKg, uint64 askedKg);
    error VerificationEmpty(bytes32 native);
    error PeriodInvalid(uint24 start, uint24 end);
    error PeriodOutsideCrediting(
        ProjectId project, uint24 start, uint24 end, uint24 creditingStart, uint24 creditingEnd
    );
    error PeriodOverlaps(ProjectId project, uint24 start, uint24 end, uint24 otherStart, uint24 otherEnd);
    error PeriodPredecessorWrong(ProjectId project, uint24 start, uint24 predecessor);
    error ExternalLockPending(VerificationId verification, bytes32 lock);

    error OriginSpent(MemberId member, bytes32 origin, SeriesId series, uint64 first);
    /// @dev Serials run from 1 to 2**63 - 1; an issuance has at least one and at most 2**48 - 1.
    error RangeInvalid(uint64 first, uint64 last);
    /// @dev Equal and nested ranges too; the other is named wherever the hint leads to it.
    error RangeOverlaps(SeriesId series, uint64 first, uint64 last, uint64 otherFirst, uint64 otherLast);
    /// @dev The hint names no issuance, or not the one right before: read the list again.
    error PredecessorWrong(SeriesId series, uint64 first, uint64 predecessor);
    error ProjectOfAnother(ProjectId project, MemberId member);
    error IssuanceUnknown(SeriesId series, uint64 first);
    /// @dev A reissue names an issuance of its own series and project, of which something was corrected.
    error IssuanceNotCorrected(SeriesId series, uint64 first);

    error BlockUnknown(SeriesId series, uint64 first);
    error BlockNotAvailable(SeriesId series, uint64 first, BlockStatus status);
    error BlockHeld(SeriesId series, uint64 first);
    error BlockNotHeldBy(SeriesId series, uint64 first, MemberId holder, MemberId member);
    error RangeOutsideBlock(SeriesId series, uint64 blockFirst, uint64 blockLast, uint64 first, uint64 last);
    error BlockNotAtHome(SeriesId series, uint64 first, MemberId holder);

    error TransferExists(bytes32 transfer);
    error TransferUnknown(bytes32 transfer);
    error TransferNotProposed(bytes32 transfer, TransferStatus status);
    error TransferToItself(MemberId member);
    error TransferTooEarly(bytes32 transfer, uint32 acceptFrom);
    error TransferOver(bytes32 transfer, uint32 deadline);
    error TransferNotOver(bytes32 transfer, uint32 deadline);
    error DeadlineInvalid(uint32 deadline, uint64 earliest, uint64 latest);
    error CosignPending(bytes32 transfer);
    error CosignNotNeeded(bytes32 transfer);
    error CosignBySame(bytes32 transfer, address registrar);
    error NothingKept(SeriesId series, uint64 first, uint64 last, uint24 fromPpm, uint24 toPpm);
    error KindMovesNothing(MemberId member);

    error PurposeInvalid(Purpose purpose);
    error ComplianceYearInvalid(uint16 year, Purpose purpose);
    error BeneficiaryMissing();

    error PledgeUntilInvalid(uint40 until);
    /// @dev Or its pledge is not the one that a release names.
    error NotPledged(SeriesId series, uint64 first);
    error PledgeNotOver(SeriesId series, uint64 first, uint40 until);
    error NotPledgee(SeriesId series, uint64 first, address institution, address signer);
    error TransferRulesInvalid();

    // ---------------------------------------------------------------- events

    event SeriesRegistered(
        SeriesId indexed series, MemberId indexed member, bytes32 native, uint16 kgPerSerial, bytes32 indexed request
    );

    event Verified(
        VerificationId indexed verification,
        ProjectId indexed project,
        bytes32 native,
        bool periodStated,
        uint24 periodStart,
        uint24 periodEnd,
        uint64 verifiedKg,
        bytes32 document,
        bytes32 externalLock,
        bytes32 indexed request
    );
    event VerificationVoid(VerificationId indexed verification, bytes32 indexed request);

    event Issued(
        SeriesId indexed series,
        uint64 indexed first,
        uint64 last,
        VerificationId verification,
        uint16 vintage,
        bytes32 origin,
        bytes32 document,
        uint64 reissueOf,
        bytes32 indexed request
    );
    /// @dev WrongIssuance: `freedKg` went back to the verification.
    event Corrected(
        SeriesId indexed series,
        uint64 blockFirst,
        uint64 indexed first,
        uint64 last,
        uint64 freedKg,
        bytes32 document,
        bytes32 indexed request
    );

    event TransferProposed(
        bytes32 indexed transfer,
        SeriesId indexed series,
        uint64 blockFirst,
        uint64 first,
        uint64 last,
        MemberId from,
        MemberId to,
        uint32 acceptFrom,
        uint32 deadline,
        bool cosignPending,
        bytes32 indexed request
    );
    event TransferCosigned(bytes32 indexed transfer, address registrar, bytes32 indexed request);
    /// @dev [first, keptLast] is now the destination's; what lies above it, to the block's old last, was cut (Cancelled, ConversionCut) with
    /// the sender as its last holder.
    event TransferAccepted(
        bytes32 indexed transfer,
        uint64 keptLast,
        uint24 factorPpm,
        uint32 entry,
        uint64 arrivingKg,
        bytes32 indexed request
    );
    event TransferRejected(bytes32 indexed transfer, uint8 reason, bytes32 indexed request);
    event TransferWithdrawn(bytes32 indexed transfer, bytes32 indexed request);
    event TransferExpired(bytes32 indexed transfer);

    /// @dev `claimant` is 0 ("not stated") for a programme member.
    event Retired(
        SeriesId indexed series,
        uint64 blockFirst,
        uint64 indexed first,
        uint64 last,
        MemberId holder,
        MemberId claimant,
        Purpose purpose,
        bytes32 beneficiary,
        uint16 complianceYear,
        bytes32 indexed request
    );
    event CancelledByBallot(
        SeriesId indexed series,
        uint64 blockFirst,
        uint64 indexed first,
        uint64 last,
        bytes32 document,
        bytes32 indexed ballot
    );

    event PledgeTaken(
        SeriesId indexed series,
        uint64 blockFirst,
        uint64 indexed first,
        uint64 last,
        MemberId member,
        address institution,
        uint40 until,
        bytes32 indexed request
    );
    /// @dev `request` is zero where its time had ended.
    event PledgeReleased(SeriesId indexed series, uint64 indexed first, bytes32 indexed request);

    event TransferRulesChanged(
        uint32 newCounterpartyWait, uint32 minLifetime, uint32 maxLifetime, uint64 cosignAboveKg, bytes32 indexed ballot
    );

    // ---------------------------------------------------------------- by the home registrar

    function registerSeries(MemberId member, bytes32 native, uint16 kgPerSerial, bytes32 request)
        external
        returns (SeriesId);
    /// @notice Records a verified monitoring period. Periods of one project never overlap.
    function verify(VerificationRequest calldata request) external returns (VerificationId);
    /// @notice Takes back a verification from which nothing live was issued; its period is free again, its native id stays spent.
    /// @param predecessor first day of the project's verified period before it; 0: none, or the period is not stated.
    function voidVerification(VerificationId verification, uint24 predecessor, bytes32 request) external;
    /// @notice Issues serials under a verification, never beyond it. A verification may be issued in several blocks and vintages.
    function issue(IssueRequest calldata request) external;
    /// @notice Cancels a wrong issuance, or part of it, while it is available at home and not held; frees what was verified.
    function correct(CorrectionRequest calldata request) external;

    // ---------------------------------------------------------------- by the holder's registrar

    /// @notice Proposes a transfer: the serials are in transit until it ends. @return transfer `keccak256(abi.encode(sender member, request))`.
    function propose(Proposal calldata proposal) external returns (bytes32 transfer);
    /// @notice A second registrar of the sender signs a large transfer.
    function cosign(bytes32 transfer, bytes32 request) external;
    function withdraw(bytes32 transfer, bytes32 request) external;
    /// @notice By the destination: takes the credits in, under all its standing terms; home, they need none.
    function accept(bytes32 transfer, bytes32 request) external;
    /// @param reason a code of the DES response list, or 0.
    function reject(bytes32 transfer, uint8 reason, bytes32 request) external;
    /// @notice Ends a transfer whose deadline has passed. Anyone.
    function expire(bytes32 transfer) external;
    function retire(RetirementRequest calldata request) external;
    /// @param signature of the institution; the sender is a registrar of `order.member`.
    function pledge(PledgeOrder calldata order, bytes calldata signature) external;
    /// @notice By the institution's signature; anyone relays.
    function release(ReleaseOrder calldata order, bytes calldata signature) external;
    /// @notice Ends a pledge whose time is over. Anyone.
    function lapse(SeriesId series, uint64 first) external;

    // ---------------------------------------------------------------- by ballot

    /// @notice Cancels available or pledged serials held or not; a pledged or held block only whole. What is in transit returns first.
    function cancelByBallot(SeriesId series, uint64 blockFirst, uint64 first, uint64 last, bytes32 document) external;
    function setTransferRules(TransferRules calldata rules) external;

    // ---------------------------------------------------------------- views

    function getSeries(SeriesId series) external view returns (Series memory);
    function getVerification(VerificationId verification) external view returns (Verification memory);
    function getIssuance(SeriesId series, uint64 first) external view returns (Issuance memory, Tally memory);
    function getBlock(SeriesId series, uint64 first) external view returns (UnitBlock memory);
    function getTransfer(bytes32 transfer) external view returns (Transfer memory);
    function getPledge(SeriesId series, uint64 first) external view returns (Pledge memory);
    function beneficiaryOf(SeriesId series, uint64 first) external view returns (bytes32);
    /// @return series and first serial of the issuance that spent it; zero: unspent.
    function originOf(MemberId member, bytes32 origin) external view returns (SeriesId series, uint64 first);
    function reissueOf(SeriesId series, uint64 first) external view returns (uint64);
    function knows(MemberId from, MemberId to) external view returns (bool);
    function getTransferRules() external view returns (TransferRules memory);
}
