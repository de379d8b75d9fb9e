// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {MemberId, MethodologyId, ProjectId} from "../types/Ids.sol";

enum ProjectStatus {
    None,
    Registered,
    Withdrawn,
    Suspended
}

enum LockStatus {
    None,
    Frozen,
    Cancelled,
    Released
}

struct Project {
    MethodologyId methodology;
    ProjectStatus status;
    /// @dev What a ballot's lift returns it to.
    ProjectStatus beforeSuspension;
    uint16 holds;
    /// @dev 0: under no other mechanism. Else a code of `mutual_recognition/mechanisms.py` (CCER, CDM, VCS, GS, green certificate ...).
    uint16 mechanism;
    /// @dev Days since 1970-01-01, both included.
    uint24 creditingStart;
    uint24 creditingEnd;
    /// @dev Of the project document; from 1.
    uint32 revision;
}

struct Registration {
    bytes32 request;
    bytes32 native;
    MethodologyId methodology;
    bytes32 document;
    uint24 creditingStart;
    uint24 creditingEnd;
    /// @dev SHA-256 of the signed declaration about other mechanisms. Never zero.
    bytes32 declaration;
}

struct ExternalLock {
    ProjectId project;
    LockStatus status;
    uint16 mechanism;
}

/// @title Projects
/// @notice Registrations (减排项目), what assets they claim, and what other mechanisms they stand under. An asset serves one project at a time;
/// a project is under one mechanism at a time.
interface IProjects {
    /// @notice `register`: the member has registered this native id before.
    error ProjectExists(ProjectId project);
    /// @notice No project has this id.
    error ProjectUnknown(ProjectId project);
    /// @notice Its status does not allow what was asked.
    error ProjectNotUsable(ProjectId project, ProjectStatus status);
    /// @notice A hold marks it: no verification, issuance, movement, use, or release of assets.
    error ProjectHeld(ProjectId project);
    /// @notice It is under `mechanism`: nothing is verified or issued here, and it leaves that one before it enters another.
    error ProjectElsewhere(ProjectId project, uint16 mechanism);
    /// @notice `register`: the native id, the document or the declaration is zero.
    error RegistrationInvalid(bytes32 native);
    /// @notice The hash of the document that shows it is zero.
    error DocumentMissing(ProjectId project);
    /// @notice The period (days since 1970-01-01, both included) ends on day 0 or before it starts.
    error CreditingPeriodInvalid(uint24 start, uint24 end);
    /// @notice `amend`: `revision` is not `recorded` plus 1: read the project again.
    error RevisionStale(ProjectId project, uint32 revision, uint32 recorded);
    /// @notice The asset serves the project `by`, which is the claiming one itself where its list names an asset twice.
    error AssetClaimed(bytes32 asset, ProjectId by);
    /// @notice `releaseAssets`: the project does not claim this asset.
    error AssetNotClaimed(bytes32 asset, ProjectId project);
    /// @notice Item `index` (from 0) of the assets is zero.
    error AssetInvalid(uint256 index);
    /// @notice `register`: the methodology is another member's, and `member` does not recognise it now.
    error MethodologyNotRecognised(MethodologyId methodology, MemberId member);
    /// @notice `declareMechanism`: `mechanism` is what is recorded already (0: none).
    error MechanismUnchanged(ProjectId project, uint16 mechanism);
    /// @notice `freezeExternal`: the lock's hash or the mechanism is zero.
    error LockInvalid(bytes32 lock, uint16 mechanism);
    /// @notice `freezeExternal`: the lot was frozen before, for `project`; `status` says what became of it.
    error LockTaken(bytes32 lock, ProjectId project, LockStatus status);
    /// @notice `cancelExternal`, `releaseExternal`: the lock is `status` and not Frozen; None: no such lock.
    error LockNotFrozen(bytes32 lock, LockStatus status);
    /// @notice `claimAssets`, `releaseAssets`, `declareMechanism`: the home member has used this request id in one of them before.
    error RequestRepeated(bytes32 request);

    /// @notice On `register`, as revision 1. All `assets` are the project's now.
    /// @param creditingStart days since 1970-01-01, as `creditingEnd`; both included.
    event ProjectRegistered(
        ProjectId indexed project,
        MemberId indexed member,
        bytes32 native,
        MethodologyId methodology,
        bytes32 document,
        uint24 creditingStart,
        uint24 creditingEnd,
        bytes32 declaration,
        bytes32[] assets,
        bytes32 indexed request
    );
    /// @notice On `amend`; what it says replaces the document and the crediting period (days since 1970-01-01, both included).
    event ProjectAmended(
        ProjectId indexed project,
        uint32 revision,
        bytes32 document,
        uint24 creditingStart,
        uint24 creditingEnd,
        bytes32 indexed request
    );
    /// @notice On `withdraw` by the home registrar (`ballot` zero), on `suspend` and `lift` by ballot (`request` zero).
    /// @param status the new one.
    event ProjectStatusChanged(
        ProjectId indexed project, ProjectStatus status, bytes32 indexed ballot, bytes32 indexed request
    );
    /// @notice On `claimAssets`; those claimed at registration are in ProjectRegistered.
    event AssetsClaimed(ProjectId indexed project, bytes32[] assets, bytes32 indexed request);
    /// @notice On `releaseAssets`: any project may claim these now.
    event AssetsReleased(ProjectId indexed project, bytes32[] assets, bytes32 indexed request);
    /// @notice On `declareMechanism`: the project entered `mechanism`, or left the one it was under (0).
    /// @param evidence SHA-256 of the document that shows it.
    event MechanismDeclared(ProjectId indexed project, uint16 mechanism, bytes32 evidence, bytes32 indexed request);
    /// @notice On `freezeExternal`, `cancelExternal` and `releaseExternal`; `status` is the lock's new one.
    /// @param evidence SHA-256 of the document that shows it.
    event ExternalLockChanged(
        bytes32 indexed lock,
        ProjectId indexed project,
        uint16 mechanism,
        LockStatus status,
        bytes32 evidence,
        bytes32 indexed request
    );

    /// @notice By the home registrar. The methodology is the member's own, or another's that the member recognises.
    /// @param assets keyed hashes of meters, plants, piles, vehicles; all free.
    function register(MemberId member, Registration calldata registration, bytes32[] calldata assets)
        external
        returns (ProjectId);
    /// @notice A new document or crediting period; `revision` is the recorded one plus 1.
    function amend(
        ProjectId project,
        uint32 revision,
        bytes32 document,
        uint24 creditingStart,
        uint24 creditingEnd,
        bytes32 request
    ) external;
    /// @notice Ends the project: no further verification or issuance. Final; its assets can then be released. Not while a ballot has it
    /// suspended, for that would free its credits.
    function withdraw(ProjectId project, bytes32 request) external;
    /// @notice Further assets for a registered project; all free.
    function claimAssets(ProjectId project, bytes32[] calldata assets, bytes32 request) external;
    /// @notice Frees assets for another project. Not while it is held or suspended, for that would take away what is being asked about.
    function releaseAssets(ProjectId project, bytes32[] calldata assets, bytes32 request) external;
    /// @notice The project entered (`mechanism` > 0) or left (0) another mechanism. While it is under one, nothing is verified or issued here,
    /// and it can't enter a third. A fact about the world: it may be declared whatever the project's status.
    function declareMechanism(ProjectId project, uint16 mechanism, bytes32 evidence, bytes32 request) external;
    /// @notice First phase of an external lock (e.g. untraded green certificates of the crediting period): frozen there, said here.
    /// @param lock keyed hash of the certificates' lot; one lot serves one project, once: a lock given up is not frozen again.
    function freezeExternal(ProjectId project, bytes32 lock, uint16 mechanism, bytes32 evidence, bytes32 request)
        external;
    /// @notice Second phase: cancelled there. A verification that names the lock can be issued from only after this.
    function cancelExternal(bytes32 lock, bytes32 evidence, bytes32 request) external;
    /// @notice Gives a frozen lock up.
    function releaseExternal(bytes32 lock, bytes32 evidence, bytes32 request) external;
    /// @notice By ballot: nothing new, and its credits neither move nor are used until lifted.
    function suspend(ProjectId project) external;
    /// @notice By ballot: gives back the status it had.
    function lift(ProjectId project) external;

    /// @notice Reverts unless reductions of the project may be verified and issued now: registered, not held, under no other mechanism, and
    /// its methodology usable.
    function requireCreditable(ProjectId project) external view returns (uint24 creditingStart, uint24 creditingEnd);
    /// @notice Reverts unless credits of the project may be moved, pledged and used now: not suspended, not held, its methodology not held.
    /// @return methodology the one it is registered under.
    function requireUsable(ProjectId project) external view returns (MethodologyId methodology);
    /// @notice The project; all zero (`status` None) where there is none of this id.
    function getProject(ProjectId project) external view returns (Project memory);
    /// @return the project that claims the asset; zero: none.
    function claimant(bytes32 asset) external view returns (ProjectId);
    /// @notice The external lock; all zero (`status` None) where the lot was never frozen.
    function getLock(bytes32 lock) external view returns (ExternalLock memory);
}
