// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Register} from "./Register.sol";
import {IConsortium} from "./interfaces/IConsortium.sol";
import {IHoldable} from "./interfaces/IHolds.sol";
import {Filing, IMethodologies, Methodology, MethodologyStatus} from "./interfaces/IMethodologies.sol";
import {FIRST_PROGRAMME, Ids, KIND_METHODOLOGY, MemberId, MethodologyId, Subject} from "./types/Ids.sol";

/// @title Methodologies
/// @dev What a filing says (document, definition, lineage) is in its event alone; storage keeps what the other registers ask.
contract Methodologies is Register, IMethodologies, IHoldable {
    address public immutable HOLDS;

    mapping(MethodologyId methodology => Methodology) private _methodologies;

    constructor(IConsortium consortium, address holds) Register(consortium) {
        // Holds' address is computed before it is created, and `verify` of hub/chain/deployment.py compares it in the code afterwards.
        // slither-disable-next-line missing-zero-check
        HOLDS = holds;
    }

    // ---------------------------------------------------------------- by the home registrar

    /// @inheritdoc IMethodologies
    function file(MemberId member, Filing calldata filing) external returns (MethodologyId methodology) {
        _requireRegistrar(member);
        if (
            filing.native == 0 || filing.document == 0 || filing.validFrom >= filing.validUntil
                || (filing.definition == 0 && MemberId.unwrap(member) < FIRST_PROGRAMME)
        ) revert FilingInvalid(filing.native);

        methodology = MethodologyId.wrap(Ids.record(KIND_METHODOLOGY, member, filing.native));
        Methodology storage filed = _methodologies[methodology];
        if (filed.status != MethodologyStatus.None) revert MethodologyExists(methodology);

        if (MethodologyId.unwrap(filing.supersedes) != 0) _supersede(member, filing.supersedes, filing.request);

        filed.status = MethodologyStatus.Filed;
        filed.filedAt = uint40(block.timestamp);
        filed.validFrom = filing.validFrom;
        filed.validUntil = filing.validUntil;
        filed.supersedes = filing.supersedes;

        emit MethodologyFiled(
            methodology,
            member,
            filing.native,
            filing.document,
            filing.definition,
            filing.validFrom,
            filing.validUntil,
            filing.supersedes,
            filing.lineage,
            filing.request
        );
    }

    /// @inheritdoc IMethodologies
    function withdraw(MethodologyId methodology, bytes32 request) external {
        Methodology storage filed = _known(methodology);
        _requireRegistrar(Ids.home(methodology));
        if (filed.status != MethodologyStatus.Filed && filed.status != MethodologyStatus.Superseded) {
            revert MethodologyNotUsable(methodology, filed.status);
        }
        filed.status = MethodologyStatus.Withdrawn;
        emit MethodologyStatusChanged(methodology, MethodologyStatus.Withdrawn, 0, request);
    }

    // ---------------------------------------------------------------- by ballot

    /// @inheritdoc IMethodologies
    /// @dev A withdrawn one too: otherwise its home could make a ballot fail by withdrawing just before it is executed.
    function suspend(MethodologyId methodology) external {
        bytes32 ballot = _requireBallot();
        Methodology storage filed = _known(methodology);
        if (filed.status == MethodologyStatus.Suspended) revert MethodologyNotUsable(methodology, filed.status);
        filed.beforeSuspension = filed.status;
        filed.status = MethodologyStatus.Suspended;
        emit MethodologyStatusChanged(methodology, MethodologyStatus.Suspended, ballot, 0);
    }

    /// @inheritdoc IMethodologies
    function lift(MethodologyId methodology) external {
        bytes32 ballot = _requireBallot();
        Methodology storage filed = _known(methodology);
        if (filed.status != MethodologyStatus.Suspended) revert MethodologyNotUsable(methodology, filed.status);
        filed.status = filed.beforeSuspension;
        filed.beforeSuspension = MethodologyStatus.None;
        emit MethodologyStatusChanged(methodology, filed.status, ballot, 0);
    }

    // ---------------------------------------------------------------- by Holds

    /// @inheritdoc IHoldable
    /// @dev No event: Holds emits what it marks. The count neither overflows nor falls below 0: Holds bounds the marks, and takes off only
    /// what it placed.
    function mark(Subject subject, int8 by) external {
        if (msg.sender != HOLDS) revert NotHolds(msg.sender);
        MethodologyId methodology = MethodologyId.wrap(Ids.idOf(subject));
        Methodology storage filed = _methodologies[methodology];
        if (
            filed.status == MethodologyStatus.None
                || Subject.unwrap(subject) != Subject.unwrap(Ids.subject(methodology))
        ) revert SubjectUnknown(subject);
        filed.holds = by > 0 ? filed.holds + 1 : filed.holds - 1;
    }

    // ---------------------------------------------------------------- views

    /// @inheritdoc IMethodologies
    function requireOpen(MethodologyId methodology) external view {
        Methodology storage filed = _known(methodology);
        if (filed.status != MethodologyStatus.Filed) revert MethodologyNotUsable(methodology, filed.status);
        if (filed.holds != 0) revert MethodologyHeld(methodology);
        if (block.timestamp < filed.validFrom || block.timestamp >= filed.validUntil) {
            revert MethodologyOutOfDate(methodology, filed.validFrom, filed.validUntil);
        }
    }

    /// @inheritdoc IMethodologies
    function requireUsable(MethodologyId methodology) external view {
        Methodology storage filed = _known(methodology);
        if (filed.status != MethodologyStatus.Filed && filed.status != MethodologyStatus.Superseded) {
            revert MethodologyNotUsable(methodology, filed.status);
        }
        if (filed.holds != 0) revert MethodologyHeld(methodology);
    }

    /// @inheritdoc IMethodologies
    function requireNotHeld(MethodologyId methodology) external view {
        if (_known(methodology).holds != 0) revert MethodologyHeld(methodology);
    }

    /// @inheritdoc IMethodologies
    function getMethodology(MethodologyId methodology) external view returns (Methodology memory) {
        return _methodologies[methodology];
    }

    // ---------------------------------------------------------------- internal

    /// @dev Only the member's own, only one that is in force: what a ballot suspended is not replaced, and nothing is replaced twice.
    function _supersede(MemberId member, MethodologyId earlier, bytes32 request) private {
        Methodology storage filed = _known(earlier);
        MemberId home = Ids.home(earlier);
        if (home != member) revert NotHomeMember(home, member);
        if (filed.status != MethodologyStatus.Filed) revert MethodologyNotUsable(earlier, filed.status);
        filed.status = MethodologyStatus.Superseded;
        emit MethodologyStatusChanged(earlier, MethodologyStatus.Superseded, 0, request);
    }

    function _known(MethodologyId methodology) private view returns (Methodology storage filed) {
        filed = _methodologies[methodology];
        if (filed.status == MethodologyStatus.None) revert MethodologyUnknown(methodology);
    }
}
