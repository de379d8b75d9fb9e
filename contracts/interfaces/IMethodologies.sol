// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {MemberId, MethodologyId} from "../types/Ids.sol";

enum MethodologyStatus {
    None,
    Filed,
    /// @dev A later version took its place: no new project under it, those registered go on.
    Superseded,
    Withdrawn,
    Suspended
}

struct Methodology {
    MethodologyStatus status;
    /// @dev What a ballot's lift returns it to.
    MethodologyStatus beforeSuspension;
    uint16 holds;
    uint40 filedAt;
    /// @dev Block time, seconds; no new project before the one, nor from the other on.
    uint40 validFrom;
    uint40 validUntil;
    MethodologyId supersedes;
}

struct Filing {
    bytes32 request;
    /// @dev keccak-256 of registry, code and version (identifiers.py `native_key`).
    bytes32 native;
    /// @dev SHA-256 of the canonical filing document.
    bytes32 document;
    /// @dev SHA-256 of the canonical machine-readable definition that computes the reduction. Zero: none published (programme members only).
    bytes32 definition;
    uint40 validFrom;
    uint40 validUntil;
    /// @dev Zero, or the member's own filing that this one replaces.
    MethodologyId supersedes;
    /// @dev Zero, or keccak-256 of the code it descends from (e.g. a CDM methodology).
    bytes32 lineage;
}

/// @title Methodologies
/// @notice Versioned filings (方法学备案) of the members. A filing never changes; a later version takes its place. Suspended, superseded and
/// withdrawn filings stop what is new; credits already issued under them are stopped by a hold alone.
interface IMethodologies {
    /// @notice `file`: the member has filed this native id before; a new version has an id of its own.
    error MethodologyExists(MethodologyId methodology);
    /// @notice No filing has this id.
    error MethodologyUnknown(MethodologyId methodology);
    /// @notice Its status does not allow what was asked.
    error MethodologyNotUsable(MethodologyId methodology, MethodologyStatus status);
    /// @notice A hold marks it: nothing is registered, verified, issued, moved or used under it.
    error MethodologyHeld(MethodologyId methodology);
    /// @notice `requireOpen`: now is before `validFrom`, or not before `validUntil` (block time, seconds).
    error MethodologyOutOfDate(MethodologyId methodology, uint40 validFrom, uint40 validUntil);
    /// @notice `file`: the native id, the document or (programme members excepted) the definition is zero, or `validFrom` is not before
    /// `validUntil`.
    error FilingInvalid(bytes32 native);
    /// @notice `file`: the filing to be superseded is `home`'s, and `member` may replace its own alone.
    error NotHomeMember(MemberId home, MemberId member);

    /// @notice On `file`; the values are those of `Filing`. One that it supersedes has a MethodologyStatusChanged before this.
    /// @param validFrom block time, seconds, as `validUntil`: new projects from the one until before the other.
    event MethodologyFiled(
        MethodologyId indexed methodology,
        MemberId indexed member,
        bytes32 native,
        bytes32 document,
        bytes32 definition,
        uint40 validFrom,
        uint40 validUntil,
        MethodologyId supersedes,
        bytes32 lineage,
        bytes32 indexed request
    );
    /// @notice On `withdraw`, `suspend`, `lift`, and of what a `file` supersedes; `status` is the new one. `ballot` is zero where the home
    /// member did it; `request` is zero where a ballot did.
    event MethodologyStatusChanged(
        MethodologyId indexed methodology, MethodologyStatus status, bytes32 indexed ballot, bytes32 indexed request
    );

    /// @notice By a registrar of `member`. @return the id, computed from `member` and `filing.native`.
    function file(MemberId member, Filing calldata filing) external returns (MethodologyId);
    /// @notice By the home registrar: no new project, verification or issuance under it. Final. Not while a ballot has it suspended.
    function withdraw(MethodologyId methodology, bytes32 request) external;
    /// @notice By ballot: no new project, verification or issuance under it until lifted.
    function suspend(MethodologyId methodology) external;
    /// @notice By ballot: gives back the status it had.
    function lift(MethodologyId methodology) external;

    /// @notice Reverts unless a project may be registered under it now.
    function requireOpen(MethodologyId methodology) external view;
    /// @notice Reverts unless reductions of projects under it may be verified and issued now (Filed or Superseded, and not held).
    function requireUsable(MethodologyId methodology) external view;
    /// @notice Reverts while a hold marks it: then nothing under it moves or is used, credits issued before included.
    function requireNotHeld(MethodologyId methodology) external view;
    /// @notice The filing; all zero (`status` None) where there is none of this id.
    function getMethodology(MethodologyId methodology) external view returns (Methodology memory);
}
