// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Register} from "./Register.sol";
import {IConsortium} from "./interfaces/IConsortium.sol";
import {IHoldable} from "./interfaces/IHolds.sol";
import {IMethodologies} from "./interfaces/IMethodologies.sol";
import {ExternalLock, IProjects, LockStatus, Project, ProjectStatus, Registration} from "./interfaces/IProjects.sol";
import {IRecognition} from "./interfaces/IRecognition.sol";
import {Ids, KIND_PROJECT, MemberId, MethodologyId, ProjectId, Subject} from "./types/Ids.sol";

/// @title Projects
/// @dev Assets are claimed across all members, so that one meter never serves two cities. The claims of a project are not listed here: the
/// events say them, and `claimant` answers the only question that the chain asks.
contract Projects is Register, IProjects, IHoldable {
    IMethodologies public immutable METHODOLOGIES;
    IRecognition public immutable RECOGNITION;
    address public immutable HOLDS;

    mapping(ProjectId project => Project) private _projects;
    mapping(bytes32 asset => ProjectId) private _claimants;
    mapping(bytes32 lock => ExternalLock) private _locks;

    /// @dev Of the operations that can be undone and done again, where the state itself would not refuse a repeat.
    mapping(MemberId member => mapping(bytes32 request => bool)) private _requests;

    constructor(IConsortium consortium, IMethodologies methodologies, IRecognition recognition, address holds)
        Register(consortium)
    {
        METHODOLOGIES = methodologies;
        RECOGNITION = recognition;
        // Holds' address is computed before it is created, and `verify` of hub/chain/deployment.py compares it in the code afterwards.
        // slither-disable-next-line missing-zero-check
        HOLDS = holds;
    }

    // ---------------------------------------------------------------- the registration

    /// @inheritdoc IProjects
    function register(MemberId member, Registration calldata registration, bytes32[] calldata assets)
        external
        returns (ProjectId project)
    {
        _requireRegistrar(member);
        if (registration.native == 0 || registration.document == 0 || registration.declaration == 0) {
            revert RegistrationInvalid(registration.native);
        }
        _requirePeriod(registration.creditingStart, registration.creditingEnd);

        project = ProjectId.wrap(Ids.record(KIND_PROJECT, member, registration.native));
        Project storage registered = _projects[project];
        if (registered.status != ProjectStatus.None) revert ProjectExists(project);

        METHODOLOGIES.requireOpen(registration.methodology);
        if (
            Ids.home(registration.methodology) != member
                && !RECOGNITION.recognisesMethodology(member, registration.methodology)
        ) revert MethodologyNotRecognised(registration.methodology, member);

        registered.methodology = registration.methodology;
        registered.status = ProjectStatus.Registered;
        registered.creditingStart = registration.creditingStart;
        registered.creditingEnd = registration.creditingEnd;
        registered.revision = 1;
        _claim(project, assets);

        emit ProjectRegistered(
            project,
            member,
            registration.native,
            registration.methodology,
            registration.document,
            registration.creditingStart,
            registration.creditingEnd,
            registration.declaration,
            assets,
            registration.request
        );
    }

    /// @inheritdoc IProjects
    function amend(
        ProjectId project,
        uint32 revision,
        bytes32 document,
        uint24 creditingStart,
        uint24 creditingEnd,
        bytes32 request
    ) external {
        Project storage registered = _registeredAtHome(project);
        if (uint256(revision) != uint256(registered.revision) + 1) {
            revert RevisionStale(project, revision, registered.revision);
        }
        if (document == 0) revert DocumentMissing(project);
        _requirePeriod(creditingStart, creditingEnd);

        registered.revision = revision;
        registered.creditingStart = creditingStart;
        registered.creditingEnd = creditingEnd;
        emit ProjectAmended(project, revision, document, creditingStart, creditingEnd, request);
    }

    /// @inheritdoc IProjects
    function withdraw(ProjectId project, bytes32 request) external {
        _registeredAtHome(project).status = ProjectStatus.Withdrawn;
        emit ProjectStatusChanged(project, ProjectStatus.Withdrawn, 0, request);
    }

    // ---------------------------------------------------------------- assets

    /// @inheritdoc IProjects
    function claimAssets(ProjectId project, bytes32[] calldata assets, bytes32 request) external {
        _registeredAtHome(project);
        _spend(project, request);
        _claim(project, assets);
        emit AssetsClaimed(project, assets, request);
    }

    /// @inheritdoc IProjects
    function releaseAssets(ProjectId project, bytes32[] calldata assets, bytes32 request) external {
        Project storage registered = _knownAtHome(project);
        if (registered.status == ProjectStatus.Suspended) revert ProjectNotUsable(project, registered.status);
        if (registered.holds != 0) revert ProjectHeld(project);
        _spend(project, request);
        for (uint256 i = 0; i < assets.length; ++i) {
            if (ProjectId.unwrap(_claimants[assets[i]]) != ProjectId.unwrap(project)) {
                revert AssetNotClaimed(assets[i], project);
            }
            _claimants[assets[i]] = ProjectId.wrap(0);
        }
        emit AssetsReleased(project, assets, request);
    }

    // ---------------------------------------------------------------- other mechanisms

    /// @inheritdoc IProjects
    function declareMechanism(ProjectId project, uint16 mechanism, bytes32 evidence, bytes32 request) external {
        Project storage registered = _knownAtHome(project);
        if (mechanism == registered.mechanism) revert MechanismUnchanged(project, mechanism);
        if (mechanism != 0 && registered.mechanism != 0) revert ProjectElsewhere(project, registered.mechanism);
        if (evidence == 0) revert DocumentMissing(project);
        _spend(project, request);
        registered.mechanism = mechanism;
        emit MechanismDeclared(project, mechanism, evidence, request);
    }

    /// @inheritdoc IProjects
    function freezeExternal(ProjectId project, bytes32 lock, uint16 mechanism, bytes32 evidence, bytes32 request)
        external
    {
        _registeredAtHome(project);
        if (lock == 0 || mechanism == 0) revert LockInvalid(lock, mechanism);
        ExternalLock storage taken = _locks[lock];
        if (taken.status != LockStatus.None) revert LockTaken(lock, taken.project, taken.status);
        taken.project = project;
        taken.mechanism = mechanism;
        _setLock(lock, taken, LockStatus.Frozen, evidence, request);
    }

    /// @inheritdoc IProjects
    function cancelExternal(bytes32 lock, bytes32 evidence, bytes32 request) external {
        _setLock(lock, _frozenAtHome(lock), LockStatus.Cancelled, evidence, request);
    }

    /// @inheritdoc IProjects
    function releaseExternal(bytes32 lock, bytes32 evidence, bytes32 request) external {
        _setLock(lock, _frozenAtHome(lock), LockStatus.Released, evidence, request);
    }

    // ---------------------------------------------------------------- by ballot

    /// @inheritdoc IProjects
    /// @dev A withdrawn one too, for its credits live on.
    function suspend(ProjectId project) external {
        bytes32 ballot = _requireBallot();
        Project storage registered = _known(project);
        if (registered.status == ProjectStatus.Suspended) revert ProjectNotUsable(project, registered.status);
        registered.beforeSuspension = registered.status;
        registered.status = ProjectStatus.Suspended;
        emit ProjectStatusChanged(project, ProjectStatus.Suspended, ballot, 0);
    }

    /// @inheritdoc IProjects
    function lift(ProjectId project) external {
        bytes32 ballot = _requireBallot();
        Project storage registered = _known(project);
        if (registered.status != ProjectStatus.Suspended) revert ProjectNotUsable(project, registered.status);
        registered.status = registered.beforeSuspension;
        registered.beforeSuspension = ProjectStatus.None;
        emit ProjectStatusChanged(project, registered.status, ballot, 0);
    }

    // ---------------------------------------------------------------- by Holds

    /// @inheritdoc IHoldable
    /// @dev As in Methodologies: no event, and the count never runs out.
    function mark(Subject subject, int8 by) external {
        if (msg.sender != HOLDS) revert NotHolds(msg.sender);
        ProjectId project = ProjectId.wrap(Ids.idOf(subject));
        Project storage registered = _projects[project];
        bool wellWritten = Subject.unwrap(subject) == Subject.unwrap(Ids.subject(project));
        if (registered.status == ProjectStatus.None || !wellWritten) revert SubjectUnknown(subject);
        registered.holds = by > 0 ? registered.holds + 1 : registered.holds - 1;
    }

    // ---------------------------------------------------------------- views

    /// @inheritdoc IProjects
    function requireCreditable(ProjectId project) external view returns (uint24 creditingStart, uint24 creditingEnd) {
        Project storage registered = _known(project);
        if (registered.status != ProjectStatus.Registered) revert ProjectNotUsable(project, registered.status);
        if (registered.holds != 0) revert ProjectHeld(project);
        if (registered.mechanism != 0) revert ProjectElsewhere(project, registered.mechanism);
        METHODOLOGIES.requireUsable(registered.methodology);
        return (registered.creditingStart, registered.creditingEnd);
    }

    /// @inheritdoc IProjects
    function requireUsable(ProjectId project) external view returns (MethodologyId methodology) {
        Project storage registered = _known(project);
        if (registered.status == ProjectStatus.Suspended) revert ProjectNotUsable(project, registered.status);
        if (registered.holds != 0) revert ProjectHeld(project);
        methodology = registered.methodology;
        METHODOLOGIES.requireNotHeld(methodology);
    }

    /// @inheritdoc IProjects
    function getProject(ProjectId project) external view returns (Project memory) {
        return _projects[project];
    }

    /// @inheritdoc IProjects
    function claimant(bytes32 asset) external view returns (ProjectId) {
        return _claimants[asset];
    }

    /// @inheritdoc IProjects
    function getLock(bytes32 lock) external view returns (ExternalLock memory) {
        return _locks[lock];
    }

    // ---------------------------------------------------------------- internal

    /// @dev An asset listed twice is refused as claimed by the project itself.
    function _claim(ProjectId project, bytes32[] calldata assets) private {
        for (uint256 i = 0; i < assets.length; ++i) {
            if (assets[i] == 0) revert AssetInvalid(i);
            ProjectId by = _claimants[assets[i]];
            if (ProjectId.unwrap(by) != 0) revert AssetClaimed(assets[i], by);
            _claimants[assets[i]] = project;
        }
    }

    function _setLock(bytes32 lock, ExternalLock storage taken, LockStatus status, bytes32 evidence, bytes32 request)
        private
    {
        if (evidence == 0) revert DocumentMissing(taken.project);
        taken.status = status;
        emit ExternalLockChanged(lock, taken.project, taken.mechanism, status, evidence, request);
    }

    function _spend(ProjectId project, bytes32 request) private {
        mapping(bytes32 => bool) storage spent = _requests[Ids.home(project)];
        if (spent[request]) revert RequestRepeated(request);
        spent[request] = true;
    }

    /// @dev A day of 0 at the end would be a field left unset.
    function _requirePeriod(uint24 start, uint24 end) private pure {
        if (end == 0 || start > end) revert CreditingPeriodInvalid(start, end);
    }

    function _frozenAtHome(bytes32 lock) private view returns (ExternalLock storage taken) {
        taken = _locks[lock];
        if (taken.status != LockStatus.Frozen) revert LockNotFrozen(lock, taken.status);
        _requireRegistrar(Ids.home(taken.project));
    }

    function _registeredAtHome(ProjectId project) private view returns (Project storage registered) {
        registered = _knownAtHome(project);
        if (registered.status != ProjectStatus.Registered) revert ProjectNotUsable(project, registered.status);
    }

    function _knownAtHome(ProjectId project) private view returns (Project storage registered) {
        registered = _known(project);
        _requireRegistrar(Ids.home(project));
    }

    function _known(ProjectId project) private view returns (Project storage registered) {
        registered = _projects[project];
        if (registered.status == ProjectStatus.None) revert ProjectUnknown(project);
    }
}
