"""What each custom error means, in a sentence, and what can be done about it. A test proves the table complete.

Placeholders are the error's Solidity parameters; `:time` is a block time, `:day` a day number, `:ppm` parts per
million, `:role` officer roles, `:bits` the bits that are set. Without one, enums read by
name, members and ids as they are. An error that two contracts declare with different parameters stands here by its
signature.
"""

from __future__ import annotations

from typing import NamedTuple


class Words(NamedTuple):
    """`sentence` says what was wrong; `remedy` what to do, empty where that depends on the case."""

    sentence: str
    remedy: str = ""


_SIGN_ANEW = "sign the order anew"
_OWN_MEMBER = "use a key of the member whose record it is"

WORDS: dict[str, Words] = {
    # ------------------------------------------------------------ any register
    "BatchItemFailed": Words("Item {index} of the batch was refused, so none of it was done."),
    "RequestRepeated": Words("This request was carried out before.", "nothing: it already has its effect"),
    # ------------------------------------------------------------ members and officers
    "MemberUnknown": Words("Nobody is a member under {member}.", "check the member's GB/T 2260 code"),
    "MemberExists": Words("{member} is, or was, a member already."),
    "MemberLeft": Words("Member {member} has left; nothing new is written in its name."),
    "MemberIdInvalid": Words("{member} cannot be the id of a member of the kind {kind}."),
    "SeatsTaken": Words("All seats for voting members are taken."),
    "LastFullMember": Words("{member} is the last full member and cannot leave."),
    "KindNotPermitted": Words("Member {member} is of a kind that may not do this."),
    "NotOfficer": Words(
        "{account} is not, or no longer, an officer of member {member} with the role {role:role}.", _OWN_MEMBER
    ),
    "OfficerServesAnother": Words(
        "{account} already serves member {member}; a key serves one member only.", "make another key"
    ),
    "OfficerInvalid": Words(
        "{account} cannot be an officer with the roles {roles:role} until {validUntil:time}.",
        "name an account, known roles and a time in the future",
    ),
    "OfficersTooMany": Words("Member {member} has as many officers as it can have.", "remove one first"),
    "LastVoter": Words("It would leave member {member} without a voter.", "name another voter first"),
    "VotersRemain": Words(
        "Member {member} still has a voter, so only that voter can change its officers.",
    ),
    # ------------------------------------------------------------ signed orders
    "OrderExpired": Words("The order could be carried out until {deadline:time}.", _SIGN_ANEW),
    "OrderRepeated": Words("This order was carried out before.", "nothing: it already has its effect"),
    "SignatureInvalid": Words(
        "The signature is not one of this order (digest {digest}).", "sign it for this chain and this hub"
    ),
    "SameMember": Words(
        "Both signatures are of member {member}; two different full members are needed.",
        "ask a voter of another full member",
    ),
    # ------------------------------------------------------------ ballots
    "BallotExists": Words("Ballot {ballot} is open already.", "nothing: vote on it"),
    "BallotUnknown": Words("There is no ballot {ballot}."),
    "BallotClosed": Words("Voting on ballot {ballot} closed at {closedAt:time}."),
    "BallotNotExecutable": Words("Ballot {ballot} cannot be carried out: it is {outcome}."),
    "BallotPeriodInvalid": Words(
        "A ballot of this kind closes between {earliest:time} and {latest:time}, not at {closesAt:time}."
    ),
    "ActionsMismatch": Words(
        "The actions given (hash {given}) are not those that were voted (hash {expected}).",
        "give the actions of the BallotOpened event",
    ),
    "ActionsInvalid": Words("A ballot cannot have {count} actions."),
    "CallNotAllowed": Words("A ballot of the kind {kind} may not call {selector} of {target}."),
    "BallotActionFailed": Words("Action {index} of the ballot was refused, so none of it was done."),
    "NotInElectorate": Words("Member {member} was not asked in ballot {ballot}: its members are those of its opening."),
    "ChoiceInvalid": Words("A vote is yes, no or abstain."),
    "RevisionStale(bytes32,uint24,uint32,uint32)": Words(
        "Member {member} already voted in revision {recorded} on ballot {ballot}; revision "
        "{revision} does not replace it.",
        "sign a vote with a higher revision",
    ),
    "RuleInvalid": Words(
        "The rule for ballots of the kind {kind} contradicts itself or is out of bounds.",
        "state shares above zero, times above zero, and a delay for officers, rules and upgrade",
    ),
    # ------------------------------------------------------------ pause and authority
    "Paused": Words(
        "Registrar writes are paused until {until:time}.", "wait, or see the ballot or order that paused them"
    ),
    "PauseInvalid": Words("A pause must end in the future and by {latest:time}, not at {until:time}."),
    "PauseTooSoon": Words("The next pause without a ballot can begin at {notBefore:time}.", "open a ballot"),
    "NotBallot": Words("{caller} is not an executed ballot; only a ballot may do this.", "open a ballot"),
    "NotRegister": Words("{caller} is no register of this hub."),
    "NotLedger": Words("{caller} is not the credit ledger; only it may do this."),
    "NotHolds": Words("{caller} is not the register of holds; only it may do this."),
    # ------------------------------------------------------------ methodologies
    "MethodologyExists": Words("Methodology {methodology} is filed already."),
    "MethodologyUnknown": Words("No methodology {methodology} is filed.", "file it first"),
    "MethodologyNotUsable": Words("Methodology {methodology} cannot be used: it is {status}."),
    "MethodologyHeld": Words("A hold stands on methodology {methodology}.", "see who placed it, and why"),
    "MethodologyOutOfDate": Words(
        "Methodology {methodology} takes new projects from {validFrom:time} until {validUntil:time} only."
    ),
    "FilingInvalid": Words(
        "The filing {native} lacks its name, document or definition, or its validity ends before it begins."
    ),
    "NotHomeMember": Words("The record's home is member {home}, not {member}.", _OWN_MEMBER),
    # ------------------------------------------------------------ projects
    "ProjectExists": Words("Project {project} is registered already."),
    "ProjectUnknown": Words("No project {project} is registered.", "register it first"),
    "ProjectNotUsable": Words("Project {project} cannot be used: it is {status}."),
    "ProjectHeld": Words("A hold stands on project {project}.", "see who placed it, and why"),
    "ProjectElsewhere": Words("Project {project} is under another mechanism (code {mechanism})."),
    "RegistrationInvalid": Words("The registration {native} lacks its name, document or declaration."),
    "DocumentMissing": Words("What is recorded of project {project} names no document."),
    "CreditingPeriodInvalid": Words("{start:day} to {end:day} is no crediting period."),
    "RevisionStale(bytes12,uint32,uint32)": Words(
        "Project {project} stands at revision {recorded}; revision {revision} does not follow it.",
        "read the project again and amend what stands there",
    ),
    "AssetClaimed": Words("Asset {asset} already serves project {by}; an asset serves one project at a time."),
    "AssetNotClaimed": Words("Asset {asset} does not serve project {project}."),
    "AssetInvalid": Words("Asset number {index} of the list is empty or repeated."),
    "MethodologyNotRecognised": Words(
        "Methodology {methodology} is another member's, and member {member} does not recognise it.",
        "have its recognition voted first",
    ),
    "MechanismUnchanged": Words("Project {project} is recorded under mechanism {mechanism} already."),
    "LockInvalid": Words("An external lock needs a lot and a mechanism; given were {lock} and {mechanism}."),
    "LockTaken": Words("External lot {lock} serves, or served, project {project} (it is {status}); a lot serves once."),
    "LockNotFrozen": Words("External lot {lock} is not frozen: it is {status}."),
    # ------------------------------------------------------------ recognition
    "TermsInvalid": Words("The terms of member {member} for {subject} are out of bounds or name no such member."),
    "SubjectNotRecognisable": Words(
        "{subject} is nothing that can be recognised.", "name a methodology, project or issuance"
    ),
    "HomeNeedsNone": Words("{subject} is member {member}'s own and needs no recognition there."),
    "NotRecognised": Words("Member {member} does not recognise {subject}.", "have its recognition voted first"),
    "RecognitionSuspended": Words("Member {member}'s recognition of {subject} is suspended."),
    "RecognitionRevoked": Words("Member {member}'s recognition of {subject} was revoked; what is there is: {effect}."),
    "RecognitionNotSuspended": Words("Member {member}'s recognition of {subject} is not suspended."),
    "TermsLapsed": Words(
        "Member {member}'s terms for {subject} hold from {validFrom:time} until {validUntil:time} only.",
        "have new terms voted",
    ),
    "CapExceeded": Words(
        "Member {member} takes at most {capKg} kg of {subject} in {year}; {arrived} kg arrived and "
        "{arriving} kg are too much.",
        "send less, or wait for the next year (UTC+8)",
    ),
    "UseNotPermitted": Words("The terms do not permit use for purpose {purpose} (they permit the bits {uses:bits})."),
    # ------------------------------------------------------------ series, verifications, issuances
    "SeriesExists": Words("Series {series} is registered already."),
    "SeriesUnknown": Words("No series {series} is registered.", "register it first"),
    "SeriesInvalid": Words("A serial stands for 1 or 1000 kgCO2e, not {kgPerSerial}."),
    "VerificationExists": Words("Verification {verification} is recorded already."),
    "VerificationUnknown": Words("No verification {verification} is recorded.", "record it first"),
    "VerificationVoided": Words("Verification {verification} was voided."),
    "VerificationInUse": Words("{drawnKg} kg of live issuances draw on verification {verification}."),
    "VerificationExceeded": Words(
        "Verification {verification} covers {verifiedKg} kg, {drawnKg} kg are issued, and "
        "{askedKg} kg more are too much."
    ),
    "VerificationEmpty": Words("Verification {native} lacks its name, quantity or document."),
    "PeriodInvalid": Words("{start:day} to {end:day} is no monitoring period."),
    "PeriodOutsideCrediting": Words(
        "The period {start:day} to {end:day} is not within project {project}'s crediting period, "
        "{creditingStart:day} to "
        "{creditingEnd:day}."
    ),
    "PeriodOverlaps": Words(
        "The period {start:day} to {end:day} of project {project} overlaps the verified one "
        "{otherStart:day} to {otherEnd:day}."
    ),
    "PeriodPredecessorWrong": Words(
        "The period that begins {start:day} does not follow the one that begins {predecessor:day} "
        "in project {project}.",
        "read the project's periods again and name the one before",
    ),
    "ExternalLockPending": Words(
        "Verification {verification} waits for the cancellation of external lot {lock}.", "cancel the lot first"
    ),
    "OriginSpent": Words(
        "Member {member}'s record {origin} was issued already, as series {series} from serial {first}."
    ),
    "RangeInvalid": Words(
        "{first} to {last} is no range of serials.", "serials begin at 1 and the last is not below the first"
    ),
    "RangeOverlaps": Words(
        "Serials {first} to {last} of series {series} overlap {otherFirst} to {otherLast}, which exist."
    ),
    "PredecessorWrong": Words(
        "In series {series}, the issuance from {first} does not follow the one from {predecessor}.",
        "read the series again and name the issuance before",
    ),
    "ProjectOfAnother": Words("Project {project} is not member {member}'s, so its series cannot issue for it."),
    "IssuanceUnknown": Words("No issuance of series {series} begins at serial {first}."),
    "IssuanceNotCorrected": Words(
        "The issuance from {first} of series {series} was not corrected, so nothing replaces it."
    ),
    # ------------------------------------------------------------ unit blocks
    "BlockUnknown": Words("No unit block of series {series} begins at serial {first}.", "read the blocks again"),
    "BlockNotAvailable": Words("The unit block from {first} of series {series} is not available: it is {status}."),
    "BlockHeld": Words(
        "A hold stands on the unit block from {first} of series {series}.", "see who placed it, and why"
    ),
    "BlockNotHeldBy": Words(
        "The unit block from {first} of series {series} is held by member {holder}, not {member}.", _OWN_MEMBER
    ),
    "RangeOutsideBlock": Words(
        "Serials {first} to {last} are not within the unit block {blockFirst} to {blockLast} of series {series}."
    ),
    "BlockNotAtHome": Words(
        "The unit block from {first} of series {series} is with member {holder}; only credits at home are corrected.",
        "open a case: what has left is not rewritten",
    ),
    # ------------------------------------------------------------ transfers
    "TransferExists": Words("Transfer {transfer} was proposed before."),
    "TransferUnknown": Words("There is no transfer {transfer}."),
    "TransferNotProposed": Words("Transfer {transfer} is over: it is {status}."),
    "TransferToItself": Words("Member {member} already holds what it would receive."),
    "TransferTooEarly": Words(
        "Transfer {transfer} goes to a new counterparty and can be accepted from {acceptFrom:time} on.",
        "wait until then",
    ),
    "TransferOver": Words("The deadline of transfer {transfer} passed at {deadline:time}.", "propose it anew"),
    "TransferNotOver": Words("Transfer {transfer} runs until {deadline:time} and cannot expire before."),
    "DeadlineInvalid": Words("The deadline lies between {earliest:time} and {latest:time}, not at {deadline:time}."),
    "CosignPending": Words(
        "Transfer {transfer} waits for a second registrar of the sender.", "have another registrar sign it"
    ),
    "CosignNotNeeded": Words("Transfer {transfer} needs no second registrar, or has its signature."),
    "CosignBySame": Words("{registrar} proposed transfer {transfer} and cannot be its second registrar."),
    "NothingKept": Words(
        "Of serials {first} to {last} of series {series}, none would be left after the cut from "
        "{fromPpm:ppm} to {toPpm:ppm}.",
        "send a larger block",
    ),
    "KindMovesNothing": Words("Member {member} is a programme member; nothing moves from or to it."),
    # ------------------------------------------------------------ retirement, pledge
    "PurposeInvalid": Words("{purpose} is no purpose of a retirement.", "use 1 to 8"),
    "ComplianceYearInvalid": Words(
        "Compliance year {year} does not go with the purpose {purpose}.",
        "state it for ETS compliance, and for nothing else",
    ),
    "BeneficiaryMissing": Words(
        "A retirement needs the commitment to its beneficiary, and the record names none.",
        "state the beneficiary at the registry, by name or by its unified social credit code; who retires for itself "
        "is its own",
    ),
    "PledgeUntilInvalid": Words("A pledge cannot run until {until:time}."),
    "NotPledged": Words(
        "The unit block from {first} of series {series} is not pledged, or not until the time that the order names."
    ),
    "PledgeNotOver": Words("The pledge of the unit block from {first} of series {series} runs until {until:time}."),
    "NotPledgee": Words("The unit block from {first} of series {series} is pledged to {institution}, not to {signer}."),
    "TransferRulesInvalid": Words("The rules of transfers contradict themselves or are out of bounds."),
    # ------------------------------------------------------------ holds
    "HoldUnknown": Words("There is no hold {hold}."),
    "HoldEnded": Words("Hold {hold} has ended."),
    "HoldNotOver": Words("Hold {hold} runs until {until:time}."),
    "HoldTooLong": Words(
        "A hold ends in the future and by {latest:time}, not at {until:time}.", "open a ballot for longer"
    ),
    "HoldSubjectsInvalid": Words("A hold has 1 to 50 different subjects; {count} were given."),
    "HoldsTooMany": Words(
        "Two holds of member {member} (of ballots, where it is 0) on {subject} run already.", "end one of them first"
    ),
    "HoldReasonMissing": Words("A hold needs a reason and evidence."),
    "EvidenceSpent": Words("Member {member} has placed a hold on evidence {evidence} before.", "open a ballot"),
    "SubjectNotHoldable": Words("{subject} is nothing that can be held.", "name a methodology, project or unit block"),
    "SubjectUnknown": Words("{subject} does not exist."),
    # ------------------------------------------------------------ OpenZeppelin: proxies, initialisation, calls
    "InvalidInitialization": Words("The register was set up already."),
    "NotInitializing": Words("This runs only while a register is set up."),
    "UUPSUnauthorizedCallContext": Words("This is called through the register's proxy only."),
    "UUPSUnsupportedProxiableUUID": Words("The new code is not an upgrade of this kind (slot {slot})."),
    "ERC1967InvalidImplementation": Words("{implementation} has no code that a proxy could run."),
    "ERC1967NonPayable": Words("Registers take no money."),
    "AddressEmptyCode": Words("There is no contract at {target}."),
    "FailedCall": Words("A call inside failed without a reason."),
    # ------------------------------------------------------------ Solidity itself
    "Error": Words("{message}"),
    "Panic": Words("The contract stopped itself (panic {code}).", "report it: this is a fault of the contract"),
    "RevertedWithoutReason": Words(
        "The call was reverted without a reason: out of gas, no such function, or arguments that cannot be read.",
        "check that the deployment file belongs to this chain",
    ),
    "UnknownError": Words("The call was reverted with an error that this version does not know (selector {selector})."),
}
