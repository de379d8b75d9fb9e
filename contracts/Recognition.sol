// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Register} from "./Register.sol";
import {IConsortium, ROLE_VOTER} from "./interfaces/IConsortium.sol";
import {ICreditLedger, Issuance} from "./interfaces/ICreditLedger.sol";
import {IMethodologies, MethodologyStatus} from "./interfaces/IMethodologies.sol";
import {IProjects, ProjectStatus} from "./interfaces/IProjects.sol";
import {
    EndRecognitionOrder,
    IRecognition,
    RevocationEffect,
    Standing,
    Terms,
    TermsEntry
} from "./interfaces/IRecognition.sol";
import {Orders} from "./lib/Orders.sol";
import {calendarYear} from "./types/Calendar.sol";
import {
    Ids,
    KIND_ISSUANCE,
    KIND_METHODOLOGY,
    KIND_PROJECT,
    MemberId,
    MethodologyId,
    ProjectId,
    SeriesId,
    Subject
} from "./types/Ids.sol";

/// @title Recognition
/// @dev Terms are numbered from 1 and never change. A standing says which are in force for a subject and a member. An entry is the
/// combination of terms under which credits came in; blocks remember it by its number, so that a use asks the standings of that
/// combination and no block is ever rewritten.
contract Recognition is Register, IRecognition {
    /// @dev In force now or not, the uses stay those of the terms that stood on entry.
    struct Entry {
        MethodologyId methodology;
        ProjectId project;
        MemberId member;
        uint16 uses;
        /// @dev Zero where the issuance had no terms of its own.
        SeriesId series;
        uint64 issuance;
    }

    uint24 private constant WHOLE_PPM = 1_000_000;
    uint64 private constant NO_CAP = type(uint64).max;

    /// @dev Purposes 1 to 8 retire; those above cancel, which no terms permit.
    uint16 private constant ALL_USES = 0x01FE;

    IMethodologies public immutable METHODOLOGIES;
    IProjects public immutable PROJECTS;
    ICreditLedger public immutable LEDGER;

    mapping(Subject subject => mapping(MemberId member => Standing)) private _standings;
    mapping(uint32 terms => Terms) private _terms;
    mapping(uint32 terms => bytes32) private _ballots;
    mapping(uint32 terms => mapping(uint16 year => uint64)) private _arrivedKg;
    mapping(uint32 entry => Entry) private _entries;
    mapping(uint256 combination => uint32) private _entryOf;
    uint32 private _termsCount;
    uint32 private _entryCount;

    constructor(IConsortium consortium, IMethodologies methodologies, IProjects projects, ICreditLedger ledger)
        Register(consortium)
    {
        METHODOLOGIES = methodologies;
        PROJECTS = projects;
        LEDGER = ledger;
    }

    // ---------------------------------------------------------------- by ballot

    /// @inheritdoc IRecognition
    function recognise(Subject subject, TermsEntry[] calldata entries) external {
        bytes32 ballot = _requireBallot();
        _requireRecognisable(subject);
        for (uint256 i = 0; i < entries.length; ++i) {
            // The Consortium is asked about each member. It refuses none, so that no entry keeps the others out.
            // slither-disable-next-line calls-loop
            if (CONSORTIUM.consented(ballot, entries[i].member)) {
                _setTerms(subject, entries[i].member, entries[i].terms, ballot);
            } else {
                emit RecognitionNotConsented(subject, entries[i].member, ballot);
            }
        }
    }

    /// @inheritdoc IRecognition
    function suspend(Subject subject, MemberId member) external {
        bytes32 ballot = _requireBallot();
        Standing storage standing = _recognised(subject, member);
        if (standing.suspended) revert RecognitionSuspended(subject, member);
        standing.suspended = true;
        emit RecognitionSuspensionChanged(subject, member, true, ballot);
    }

    /// @inheritdoc IRecognition
    function lift(Subject subject, MemberId member) external {
        bytes32 ballot = _requireBallot();
        Standing storage standing = _recognised(subject, member);
        if (!standing.suspended) revert RecognitionNotSuspended(subject, member);
        standing.suspended = false;
        emit RecognitionSuspensionChanged(subject, member, false, ballot);
    }

    /// @inheritdoc IRecognition
    function revoke(Subject subject, MemberId member, RevocationEffect effect) external {
        bytes32 ballot = _requireBallot();
        Standing storage standing = _recognised(subject, member);
        RevocationEffect meant = _orDefault(effect);
        RevocationEffect recorded = standing.revoked;
        // A member that ends its own first does not keep the ballot's other actions from being carried out.
        if (meant == recorded) return;
        if (meant < recorded && !CONSORTIUM.consented(ballot, member)) {
            revert RecognitionRevoked(subject, member, recorded);
        }
        standing.revoked = meant;
        emit RecognitionEnded(subject, member, meant, ballot, 0);
    }

    // ---------------------------------------------------------------- by the member itself

    /// @inheritdoc IRecognition
    function end(EndRecognitionOrder calldata order, bytes calldata signature) external {
        // The Consortium was named at construction and calls nobody back; it reverts by itself, and which voter signed changes nothing.
        // slither-disable-next-line unused-return,reentrancy-benign,reentrancy-events
        CONSORTIUM.spendOrder(order.member, ROLE_VOTER, Orders.hash(order), order.deadline, signature);
        Standing storage standing = _recognised(order.subject, order.member);
        if (standing.revoked != RevocationEffect.None) {
            revert RecognitionRevoked(order.subject, order.member, standing.revoked);
        }
        standing.revoked = _orDefault(order.effect);
        emit RecognitionEnded(order.subject, order.member, standing.revoked, 0, order.request);
    }

    // ---------------------------------------------------------------- by the ledger

    /// @inheritdoc IRecognition
    /// @dev The methodology's terms are always asked; the project's where it has some, and where the methodology's do not cover every
    /// project; the issuance's where it has some.
    function enter(
        MemberId member,
        MethodologyId methodology,
        ProjectId project,
        SeriesId series,
        uint64 issuance,
        uint64 arrivingKg
    ) external returns (uint24 factorPpm, uint32 entry) {
        if (msg.sender != address(LEDGER)) revert NotLedger(msg.sender);

        Entry memory entered = Entry(methodology, project, member, ALL_USES, SeriesId.wrap(0), 0);
        uint32[3] memory numbers;

        Subject subject = Ids.subject(methodology);
        (numbers[0], factorPpm) = _apply(entered, WHOLE_PPM, subject, arrivingKg);

        subject = Ids.subject(project);
        if (!_terms[numbers[0]].coversEveryProject || _standings[subject][member].terms != 0) {
            (numbers[1], factorPpm) = _apply(entered, factorPpm, subject, arrivingKg);
        }

        subject = Ids.issuanceSubject(series, issuance);
        if (_standings[subject][member].terms != 0) {
            (entered.series, entered.issuance) = (series, issuance);
            (numbers[2], factorPpm) = _apply(entered, factorPpm, subject, arrivingKg);
        }

        entry = _form(entered, numbers);
    }

    // ---------------------------------------------------------------- views

    /// @inheritdoc IRecognition
    function requireUse(uint32 entry, uint8 purpose) external view {
        Entry storage entered = _entries[entry];
        MemberId member = entered.member;
        _requireUsable(Ids.subject(entered.methodology), member, true);
        _requireUsable(Ids.subject(entered.project), member, false);
        if (entered.issuance != 0) {
            _requireUsable(Ids.issuanceSubject(entered.series, entered.issuance), member, true);
        }
        if ((uint256(entered.uses) >> purpose) & 1 == 0) revert UseNotPermitted(purpose, entered.uses);
    }

    /// @inheritdoc IRecognition
    function requireMove(uint32 entry, bool goingHome) external view {
        Entry storage entered = _entries[entry];
        MemberId member = entered.member;
        _requireMovable(Ids.subject(entered.methodology), member, true, goingHome);
        _requireMovable(Ids.subject(entered.project), member, false, goingHome);
        if (entered.issuance != 0) {
            _requireMovable(Ids.issuanceSubject(entered.series, entered.issuance), member, true, goingHome);
        }
    }

    /// @inheritdoc IRecognition
    function recognisesMethodology(MemberId member, MethodologyId methodology) external view returns (bool) {
        Standing storage standing = _standings[Ids.subject(methodology)][member];
        return standing.terms != 0 && !standing.suspended && standing.revoked == RevocationEffect.None
            && _inForce(_terms[standing.terms]);
    }

    /// @inheritdoc IRecognition
    function getStanding(Subject subject, MemberId member) external view returns (Standing memory) {
        return _standings[subject][member];
    }

    /// @inheritdoc IRecognition
    function getTerms(uint32 terms) external view returns (Terms memory, bytes32 ballot) {
        return (_terms[terms], _ballots[terms]);
    }

    /// @inheritdoc IRecognition
    function arrivedKg(uint32 terms, uint16 year) external view returns (uint64) {
        return _arrivedKg[terms][year];
    }

    // ---------------------------------------------------------------- internal

    /// @dev A suspension stays: the ballot that lifts it may need other votes than the one that makes terms. One ballot makes one set of
    /// terms for a subject and member, lest the last of two silently win.
    function _setTerms(Subject subject, MemberId member, Terms calldata terms, bytes32 ballot) private {
        uint8 kind = Ids.kindOf(subject);
        if (kind != KIND_METHODOLOGY && Ids.homeOf(subject) == member) revert HomeNeedsNone(subject, member);

        Standing storage standing = _standings[subject][member];
        if (
            terms.factorPpm == 0 || terms.factorPpm > WHOLE_PPM || terms.uses == 0 || terms.uses & ~ALL_USES != 0
                || terms.validFrom >= terms.validUntil || terms.annualCapKg == 0
                || (terms.coversEveryProject && kind != KIND_METHODOLOGY) || _ballots[standing.terms] == ballot
        ) revert TermsInvalid(subject, member);

        // Terms are numbered across members and ballots; a ballot makes few of them.
        // slither-disable-next-line costly-loop
        uint32 number = ++_termsCount;
        _terms[number] = terms;
        _ballots[number] = ballot;
        standing.terms = number;
        standing.revoked = RevocationEffect.None;

        emit Recognised(
            subject,
            member,
            number,
            terms.factorPpm,
            terms.uses,
            terms.validFrom,
            terms.validUntil,
            terms.annualCapKg,
            terms.coversEveryProject,
            ballot
        );
    }

    /// @dev Narrows what the credits enter under by one subject's terms, which must stand, and draws on their cap.
    /// @return number of the terms. @return lowest the lower of `factorPpm` and theirs.
    function _apply(Entry memory entered, uint24 factorPpm, Subject subject, uint64 arrivingKg)
        private
        returns (uint32 number, uint24 lowest)
    {
        number = _draw(subject, entered.member, arrivingKg);
        Terms storage terms = _terms[number];
        entered.uses &= terms.uses;
        lowest = terms.factorPpm < factorPpm ? terms.factorPpm : factorPpm;
    }

    /// @dev Reverts unless the subject's terms stand now and their cap has room; draws on it. Without a cap nothing is counted.
    /// @return number of the terms.
    function _draw(Subject subject, MemberId member, uint64 arrivingKg) private returns (uint32 number) {
        Standing storage standing = _recognised(subject, member);
        number = standing.terms;
        if (standing.suspended) revert RecognitionSuspended(subject, member);
        if (standing.revoked != RevocationEffect.None) revert RecognitionRevoked(subject, member, standing.revoked);

        Terms storage terms = _terms[number];
        if (!_inForce(terms)) revert TermsLapsed(subject, member, terms.validFrom, terms.validUntil);

        uint64 capKg = terms.annualCapKg;
        if (capKg == NO_CAP) return number;
        uint16 year = calendarYear(block.timestamp);
        uint64 arrived = _arrivedKg[number][year];
        if (uint256(arrived) + arrivingKg > capKg) {
            revert CapExceeded(subject, member, year, arrived, arrivingKg, capKg);
        }
        _arrivedKg[number][year] = arrived + arrivingKg;
        emit CapDrawn(number, year, arrivingKg, arrived + arrivingKg);
    }

    /// @dev Terms belong to one subject and one member, so their numbers name methodology, issuance and member; the project is named by
    /// itself, for it may have no terms. An issuance without terms is left out: naming it would cost three slots for each issuance that
    /// moves, and what is later found wrong with one issuance is stopped by a hold.
    /// @param numbers of the terms: methodology's, project's or 0, issuance's or 0.
    function _form(Entry memory entered, uint32[3] memory numbers) private returns (uint32 entry) {
        uint256 combination = uint256(uint96(ProjectId.unwrap(entered.project))) << 96 | uint256(numbers[0]) << 64
            | uint256(numbers[1]) << 32 | numbers[2];
        entry = _entryOf[combination];
        if (entry != 0) return entry;

        entry = ++_entryCount;
        _entryOf[combination] = entry;
        Entry storage formed = _entries[entry];
        formed.methodology = entered.methodology;
        formed.project = entered.project;
        formed.member = entered.member;
        formed.uses = entered.uses;
        if (numbers[2] != 0) {
            formed.series = entered.series;
            formed.issuance = entered.issuance;
        }

        emit EntryFormed(
            entry,
            entered.member,
            entered.methodology,
            entered.project,
            entered.series,
            entered.issuance,
            numbers[0],
            numbers[1],
            numbers[2],
            entered.uses
        );
    }

    /// @dev The subject exists, and is written in the one way that `enter` looks it up by.
    function _requireRecognisable(Subject subject) private view {
        uint8 kind = Ids.kindOf(subject);
        bytes12 id = Ids.idOf(subject);
        Subject written = Subject.wrap(0);
        bool exists = false;
        if (kind == KIND_METHODOLOGY) {
            written = Ids.subject(MethodologyId.wrap(id));
            exists = METHODOLOGIES.getMethodology(MethodologyId.wrap(id)).status != MethodologyStatus.None;
        } else if (kind == KIND_PROJECT) {
            written = Ids.subject(ProjectId.wrap(id));
            exists = PROJECTS.getProject(ProjectId.wrap(id)).status != ProjectStatus.None;
        } else if (kind == KIND_ISSUANCE) {
            uint64 first = Ids.firstSerialOf(subject);
            written = Ids.issuanceSubject(SeriesId.wrap(id), first);
            // Whether it was issued is asked here, not where its serials stand (the tally).
            // slither-disable-next-line unused-return
            (Issuance memory issuance,) = LEDGER.getIssuance(SeriesId.wrap(id), first);
            exists = issuance.last != 0;
        }
        if (!exists || Subject.unwrap(written) != Subject.unwrap(subject)) revert SubjectNotRecognisable(subject);
    }

    /// @param always whether the combination has terms of the subject for certain; a project may have none. It makes an unknown entry,
    /// whose subjects are all zero, one that nothing is permitted under.
    function _requireUsable(Subject subject, MemberId member, bool always) private view {
        Standing storage standing = _standings[subject][member];
        if (always && standing.terms == 0) revert NotRecognised(subject, member);
        if (standing.suspended) revert RecognitionSuspended(subject, member);
        RevocationEffect revoked = standing.revoked;
        if (revoked == RevocationEffect.ReturnOnly || revoked == RevocationEffect.Frozen) {
            revert RecognitionRevoked(subject, member, revoked);
        }
    }

    function _requireMovable(Subject subject, MemberId member, bool always, bool goingHome) private view {
        Standing storage standing = _standings[subject][member];
        if (goingHome && standing.terms != 0) {
            if (standing.revoked == RevocationEffect.Frozen) {
                revert RecognitionRevoked(subject, member, RevocationEffect.Frozen);
            }
        } else {
            _requireUsable(subject, member, always);
        }
    }

    function _recognised(Subject subject, MemberId member) private view returns (Standing storage standing) {
        standing = _standings[subject][member];
        if (standing.terms == 0) revert NotRecognised(subject, member);
    }

    function _inForce(Terms storage terms) private view returns (bool) {
        return block.timestamp >= terms.validFrom && block.timestamp < terms.validUntil;
    }

    function _orDefault(RevocationEffect effect) private pure returns (RevocationEffect) {
        return effect == RevocationEffect.None ? RevocationEffect.ReturnOnly : effect;
    }
}
