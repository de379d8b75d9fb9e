// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title Ids
/// @notice What the registers call things. A record's id is its meaning, hashed, under the member whose record it is, so that
/// anyone can compute it from the member's own record and nobody can take a name in another member's space.
///
/// Layout of the twelve-byte ids: 3 bytes member, then the first 9 bytes of
/// `keccak256(abi.encode(kind, member, native))`, where `native` is the keccak-256 of the registry's own identifier text
/// (`mutual_recognition/identifiers.py` says which text) and `kind` is one of the `KIND_` numbers below.

/// @dev GB/T 2260 code (six digits, at most 999999) of a full or associate member; 1000001 and up for programme members. 0 is nobody.
type MemberId is uint24;
type MethodologyId is bytes12;
type ProjectId is bytes12;
type SeriesId is bytes12;
type VerificationId is bytes12;

/// @dev What a hold, a suspension or a recognition speaks of. Byte 0 is the kind (a `KIND_` number), bytes 1-12 the id (for an
/// issuance or a block: the series), bytes 13-20 the first serial (issuance, block; else zero), the rest zero.
type Subject is bytes32;

using {memberIdEquals as ==, memberIdDiffers as !=} for MemberId global;

function memberIdEquals(MemberId a, MemberId b) pure returns (bool) {
    return MemberId.unwrap(a) == MemberId.unwrap(b);
}

function memberIdDiffers(MemberId a, MemberId b) pure returns (bool) {
    return MemberId.unwrap(a) != MemberId.unwrap(b);
}

uint8 constant KIND_METHODOLOGY = 1;
uint8 constant KIND_PROJECT = 2;
uint8 constant KIND_ISSUANCE = 3;
uint8 constant KIND_BLOCK = 4;
uint8 constant KIND_SERIES = 5;
uint8 constant KIND_VERIFICATION = 6;

/// @dev The first programme member; every id below is a GB/T 2260 code.
uint24 constant FIRST_PROGRAMME = 1_000_001;

MemberId constant NOBODY = MemberId.wrap(0);

/// @notice Builds and takes apart ids. Pure.
library Ids {
    function record(uint8 kind, MemberId member, bytes32 native) internal pure returns (bytes12) {
        bytes32 digest = keccak256(abi.encode(kind, member, native));
        return bytes12(bytes32(uint256(MemberId.unwrap(member)) << 232) | (digest >> 24));
    }

    function memberOf(bytes12 id) internal pure returns (MemberId) {
        return MemberId.wrap(uint24(bytes3(id)));
    }

    function home(MethodologyId id) internal pure returns (MemberId) {
        return memberOf(MethodologyId.unwrap(id));
    }

    function home(ProjectId id) internal pure returns (MemberId) {
        return memberOf(ProjectId.unwrap(id));
    }

    function home(SeriesId id) internal pure returns (MemberId) {
        return memberOf(SeriesId.unwrap(id));
    }

    function home(VerificationId id) internal pure returns (MemberId) {
        return memberOf(VerificationId.unwrap(id));
    }

    function subject(MethodologyId id) internal pure returns (Subject) {
        return _subject(KIND_METHODOLOGY, MethodologyId.unwrap(id), 0);
    }

    function subject(ProjectId id) internal pure returns (Subject) {
        return _subject(KIND_PROJECT, ProjectId.unwrap(id), 0);
    }

    function issuanceSubject(SeriesId series, uint64 first) internal pure returns (Subject) {
        return _subject(KIND_ISSUANCE, SeriesId.unwrap(series), first);
    }

    function blockSubject(SeriesId series, uint64 first) internal pure returns (Subject) {
        return _subject(KIND_BLOCK, SeriesId.unwrap(series), first);
    }

    function kindOf(Subject s) internal pure returns (uint8) {
        return uint8(Subject.unwrap(s)[0]);
    }

    /// @dev The twelve bytes after the kind: a methodology, a project, or the series of an issuance or block.
    function idOf(Subject s) internal pure returns (bytes12) {
        return bytes12(Subject.unwrap(s) << 8);
    }

    function firstSerialOf(Subject s) internal pure returns (uint64) {
        return uint64(uint256(Subject.unwrap(s)) >> 88);
    }

    function homeOf(Subject s) internal pure returns (MemberId) {
        return memberOf(idOf(s));
    }

    function _subject(uint8 kind, bytes12 id, uint64 first) private pure returns (Subject) {
        return Subject.wrap(bytes32(uint256(kind) << 248) | (bytes32(id) >> 8) | bytes32(uint256(first) << 88));
    }
}
