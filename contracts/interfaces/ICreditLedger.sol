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

    /// @notice `registerSeries`: the member has registered this native id before.
    error SeriesExists(SeriesId series);
    /// @notice `issue`: no series has this id.
    error SeriesUnknown(SeriesId series);
    /// @notice `registerSeries`: a serial stands for 1 or 1000 kg, not `kgPerSerial`.
    error SeriesInvalid(uint16 kgPerSerial);

    /// @notice `verify`: the member has recorded this native id before; one that was voided counts too.
    error VerificationExists(VerificationId verification);
    /// @notice No verification has this id.
    error VerificationUnknown(VerificationId verification);
    /// @notice It was taken back: nothing is issued under it, and it is not voided again.
    error VerificationVoided(VerificationId verification);
    /// @notice `voidVerification`: live issuances draw `drawnKg` kg on it, and `correct` alone gives kg back.
    error VerificationInUse(VerificationId verification, uint64 drawnKg);
    /// @notice `issue`: of `verifiedKg` kg `drawnKg` are drawn already, and the rest is less than `askedKg`.
    error VerificationExceeded(VerificationId verification, uint64 verifiedKg, uint64 drawnKg, uint64 askedKg);
    /// @notice `verify`: 0 kg, or the document's hash is zero.
    error VerificationEmpty(bytes32 native);
    /// @notice `verify`: the monitoring period (days since 1970-01-01) starts on day 0 or ends before it starts. Both 0: only a programme
    /// member may leave it unstated.
    error PeriodInvalid(uint24 start, uint24 end);
    /// @notice `verify`: the monitoring period is not within the project's crediting period (days since 1970-01-01, all included).
    error PeriodOutsideCrediting(
        ProjectId project, uint24 start, uint24 end, uint24 creditingStart, uint24 creditingEnd
    );
    /// @notice `verify`: a verified period of the project, `otherStart` to `otherEnd`, has a day in common with this one.
    error PeriodOverlaps(ProjectId project, uint24 start, uint24 end, uint24 otherStart, uint24 otherEnd);
    /// @notice `predecessor` is not the first day of the project's verified period right before `start`: read the list again.
    error PeriodPredecessorWrong(ProjectId project, uint24 start, uint24 predecessor);
    /// @notice `issue`: the external lock that the verification names is not cancelled, or is another project's.
    error ExternalLockPending(VerificationId verification, bytes32 lock);

    /// @notice `issue`: the registry's issuance record was issued from before, as the issuance of `series` that begins at `first`.
    error OriginSpent(MemberId member, bytes32 origin, SeriesId series, uint64 first);
    /// @notice `issue`: serials run from 1 to 2**63 - 1; an issuance has at least one and at most 2**48 - 1.
    error RangeInvalid(uint64 first, uint64 last);
    /// @notice `issue`: the serials meet those of the issuance `otherFirst` to `otherLast`, to which the hint led; equal and nested ranges too.
    error RangeOverlaps(SeriesId series, uint64 first, uint64 last, uint64 otherFirst, uint64 otherLast);
    /// @notice `issue`: the hint names no issuance, or not the one right before: read the list again.
    error PredecessorWrong(SeriesId series, uint64 first, uint64 predecessor);
    /// @notice `issue`: the verified project is not that of `member`, whose series this is.
    error ProjectOfAnother(ProjectId project, MemberId member);
    /// @notice `issue`: `reissueOf` names `first`, at which no issuance of the series begins.
    error IssuanceUnknown(SeriesId series, uint64 first);
    /// @notice `issue`: a reissue names an issuance of its own series and project, of which something was corrected.
    error IssuanceNotCorrected(SeriesId series, uint64 first);

    /// @notice No block of the series begins at `first`; that serial may lie inside a block.
    error BlockUnknown(SeriesId series, uint64 first);
    /// @notice It is `status`: to be corrected, proposed, retired or pledged it must be Available; a ballot cancels a whole
    /// pledged one too. What is final takes no new mark.
    error BlockNotAvailable(SeriesId series, uint64 first, BlockStatus status);
    /// @notice A hold marks the block; a ballot may still cancel it whole.
    error BlockHeld(SeriesId series, uint64 first);
    /// @notice `pledge`: the block is `holder`'s and not that of `member`, whose institution signed.
    error BlockNotHeldBy(SeriesId series, uint64 first, MemberId holder, MemberId member);
    /// @notice The serials `first` to `last` are not all in the block [`blockFirst`, `blockLast`], or `last` is below `first`.
    error RangeOutsideBlock(SeriesId series, uint64 blockFirst, uint64 blockLast, uint64 first, uint64 last);
    /// @notice `correct`: the block is `holder`'s; what has left home is no longer its issuer's to take back.
    error BlockNotAtHome(SeriesId series, uint64 first, MemberId holder);

    /// @notice `propose`: the sender has proposed a transfer by this request before.
    error TransferExists(bytes32 transfer);
    /// @notice No transfer has this id.
    error TransferUnknown(bytes32 transfer);
    /// @notice The transfer has ended; `status` says how.
    error TransferNotProposed(bytes32 transfer, TransferStatus status);
    /// @notice `propose`: the destination is the holder.
    error TransferToItself(MemberId member);
    /// @notice `accept`: it is the first to this counterparty and waits until `acceptFrom` (block time, seconds).
    error TransferTooEarly(bytes32 transfer, uint32 acceptFrom);
    /// @notice `accept`: its time ended at `deadline` (block time, seconds); anyone may `expire` it.
    error TransferOver(bytes32 transfer, uint32 deadline);
    /// @notice `expire`: it can be accepted until before `deadline` (block time, seconds).
    error TransferNotOver(bytes32 transfer, uint32 deadline);
    /// @notice `propose`: the rules want a deadline between `earliest` and `latest` (block time, seconds, both included).
    error DeadlineInvalid(uint32 deadline, uint64 earliest, uint64 latest);
    /// @notice `accept`: a second registrar of the sender has not signed yet.
    error CosignPending(bytes32 transfer);
    /// @notice `cosign`: the transfer is not above the limit, or a second registrar has signed.
    error CosignNotNeeded(bytes32 transfer);
    /// @notice `cosign`: `registrar` proposed the transfer; another one must sign.
    error CosignBySame(bytes32 transfer, address registrar);
    /// @notice `accept`: cutting serials `first` to `last` from the factor `fromPpm` to `toPpm` would leave no whole serial.
    error NothingKept(SeriesId series, uint64 first, uint64 last, uint24 fromPpm, uint24 toPpm);
    /// @notice `propose`: sender or destination is a programme member, whose credits stay where they are.
    error KindMovesNothing(MemberId member);

    /// @notice `retire`: credits are retired for a purpose from 1 to 8.
    error PurposeInvalid(Purpose purpose);
    /// @notice `retire`: EtsCompliance comes with a year, every other purpose with 0.
    error ComplianceYearInvalid(uint16 year, Purpose purpose);
    /// @notice `retire`: the commitment to the beneficiary is zero; only a programme member may leave it unstated.
    error BeneficiaryMissing();

    /// @notice `pledge`: `until` (block time, seconds) is not in the future.
    error PledgeUntilInvalid(uint40 until);
    /// @notice `release`, `lapse`: the block that begins at `first` is not pledged, or not by the pledge that the release order names.
    error NotPledged(SeriesId series, uint64 first);
    /// @notice `lapse`: the pledge runs until `until` (block time, seconds).
    error PledgeNotOver(SeriesId series, uint64 first, uint40 until);
    /// @notice `release`: `institution` took the pledge; `signer` is another institution of the holder.
    error NotPledgee(SeriesId series, uint64 first, address institution, address signer);
    /// @notice `setTransferRules`: the least lifetime is 0 or over the most, or the wait is not shorter than the most.
    error TransferRulesInvalid();

    // ---------------------------------------------------------------- events

    /// @notice On `registerSeries`; `native` is the keccak-256 of the registry's own id.
    event SeriesRegistered(
        SeriesId indexed series, MemberId indexed member, bytes32 native, uint16 kgPerSerial, bytes32 indexed request
    );

    /// @notice On `verify`; the values are those of `VerificationRequest`.
    /// @param periodStated false: the two days (since 1970-01-01) are 0 and mean nothing.
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
    /// @notice On `voidVerification`: the period is free again.
    event VerificationVoid(VerificationId indexed verification, bytes32 indexed request);

    /// @notice On `issue`: serials `first` to `last` are one block, available at home; the values are those of `IssueRequest`.
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
    /// @notice On `correct`: serials `first` to `last` are cancelled (WrongIssuance), and `freedKg` went back to the verification.
    event Corrected(
        SeriesId indexed series,
        uint64 blockFirst,
        uint64 indexed first,
        uint64 last,
        uint64 freedKg,
        bytes32 document,
        bytes32 indexed request
    );

    /// @notice On `propose`: serials `first` to `last` are in transit, still `from`'s.
    /// @param acceptFrom block time, seconds, as `deadline`: it can be accepted from the one until before the other.
    /// @param cosignPending a second registrar of the sender must sign first (TransferCosigned).
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
    /// @notice On `cosign`: `registrar`, the second of the sender's, has signed.
    event TransferCosigned(bytes32 indexed transfer, address registrar, bytes32 indexed request);
    /// @notice On `accept`: [first, keptLast] is now the destination's, available; what lies above it, to the block's old last, was cut
    /// (Cancelled, ConversionCut) with the sender as its last holder.
    /// @param factorPpm the block's from now on, ppm.
    /// @param arrivingKg kg before the cut.
    event TransferAccepted(
        bytes32 indexed transfer,
        uint64 keptLast,
        uint24 factorPpm,
        uint32 entry,
        uint64 arrivingKg,
        bytes32 indexed request
    );
    /// @notice On `reject` by the destination: the serials are available to the sender again.
    /// @param reason a code of the DES response list, or 0.
    event TransferRejected(bytes32 indexed transfer, uint8 reason, bytes32 indexed request);
    /// @notice On `withdraw` by the sender: the serials are available to it again.
    event TransferWithdrawn(bytes32 indexed transfer, bytes32 indexed request);
    /// @notice On `expire`, after the deadline: the serials are available to the sender again.
    event TransferExpired(bytes32 indexed transfer);

    /// @notice On `retire`: serials `first` to `last` are used up. `claimant` is 0 ("not stated") for a programme member.
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
    /// @notice On `cancelByBallot`: serials `first` to `last` are cancelled; a pledge or marks on them ended with it.
    /// @param document SHA-256 of the document that gives the reason.
    event CancelledByBallot(
        SeriesId indexed series,
        uint64 blockFirst,
        uint64 indexed first,
        uint64 last,
        bytes32 document,
        bytes32 indexed ballot
    );

    /// @notice On `pledge`: serials `first` to `last` are pledged to `institution`, still `member`'s.
    /// @param until block time, seconds; from then on anyone may release it (`lapse`).
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
    /// @notice On `release` and `lapse`: the block is available again. `request` is zero where its time had ended.
    event PledgeReleased(SeriesId indexed series, uint64 indexed first, bytes32 indexed request);

    /// @notice On initialisation (`ballot` zero) and `setTransferRules`: they apply to what is proposed from now on. Seconds, and kg.
    event TransferRulesChanged(
        uint32 newCounterpartyWait, uint32 minLifetime, uint32 maxLifetime, uint64 cosignAboveKg, bytes32 indexed ballot
    );

    // ---------------------------------------------------------------- by the home registrar

    /// @notice Names a series of the member's serials and what one of them stands for. By a registrar of `member`.
    /// @param native keccak-256 of the registry's own id of the series.
    /// @param kgPerSerial kgCO2e: 1 or 1000. It never changes.
    /// @return the id, computed from `member` and `native`.
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
    /// @notice By the sender: takes back what is not accepted yet; at any time, held or not.
    function withdraw(bytes32 transfer, bytes32 request) external;
    /// @notice By the destination: takes the credits in, under all its standing terms; home, they need none.
    function accept(bytes32 transfer, bytes32 request) external;
    /// @param reason a code of the DES response list, or 0.
    function reject(bytes32 transfer, uint8 reason, bytes32 request) external;
    /// @notice Ends a transfer whose deadline has passed. Anyone.
    function expire(bytes32 transfer) external;
    /// @notice Uses serials up for good: available ones, not held or suspended; away from home, only for purposes they entered for.
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
    /// @notice By ballot: rules for transfers proposed from now on.
    function setTransferRules(TransferRules calldata rules) external;

    // ---------------------------------------------------------------- views

    /// @notice The series; all zero (`kgPerSerial` 0) where there is none of this id.
    function getSeries(SeriesId series) external view returns (Series memory);
    /// @notice The verification, also when voided; all zero (`project` zero) where there is none of this id.
    function getVerification(VerificationId verification) external view returns (Verification memory);
    /// @notice The issuance that begins at `first`, and its serials by status; all zero (`last` 0) where none does.
    function getIssuance(SeriesId series, uint64 first) external view returns (Issuance memory, Tally memory);
    /// @notice The block that begins at `first`; all zero (`status` None) where none does, also where it lies inside one.
    function getBlock(SeriesId series, uint64 first) external view returns (UnitBlock memory);
    /// @notice The transfer, ended ones too; all zero (`status` None) where there is none of this id.
    function getTransfer(bytes32 transfer) external view returns (Transfer memory);
    /// @notice The pledge that runs on the block that begins at `first`; all zero where none does.
    function getPledge(SeriesId series, uint64 first) external view returns (Pledge memory);
    /// @notice Commitment to the beneficiary of the retired block that begins at `first`; zero: none stated.
    function beneficiaryOf(SeriesId series, uint64 first) external view returns (bytes32);
    /// @return series and first serial of the issuance that spent it; zero: unspent.
    function originOf(MemberId member, bytes32 origin) external view returns (SeriesId series, uint64 first);
    /// @notice First serial of the corrected issuance that the one at `first` replaces; 0: it replaces none.
    function reissueOf(SeriesId series, uint64 first) external view returns (uint64);
    /// @notice Whether a transfer from the one to the other was ever accepted, so that the next need not wait.
    function knows(MemberId from, MemberId to) external view returns (bool);
    /// @notice The rules for a transfer proposed now: seconds, and kg.
    function getTransferRules() external view returns (TransferRules memory);
}
