"""Members, officers, ballots, rules and pauses."""

from __future__ import annotations

from hub.db import tables
from hub.index.projectors.registry import ZERO32, Event, Projectors
from hub.index.rows import Rows

projectors = Projectors("Consortium")


@projectors.on("MemberJoined")
def member_joined(event: Event, rows: Rows) -> None:
    a = event.args
    rows.put(
        tables.members,
        {
            "member": a["member"],
            "kind": a["kind"],
            "parent": a["parent"],
            "seat": a["seat"],
            "joined_at": event.block_time,
            "left_at": 0,
            "left_by_ballot": ZERO32,
            "accounts": [],
        },
    )


@projectors.on("MemberDeparted")
def member_departed(event: Event, rows: Rows) -> None:
    member = event.args["member"]
    for account in rows.get(tables.members, member)["accounts"]:
        rows.remove(tables.officers, account)
    rows.change(tables.members, member, left_at=event.block_time, left_by_ballot=event.args["ballot"], accounts=[])


@projectors.on("MemberParentChanged")
def member_parent_changed(event: Event, rows: Rows) -> None:
    rows.change(tables.members, event.args["member"], parent=event.args["parent"])


@projectors.on("OfficerChanged")
def officer_changed(event: Event, rows: Rows) -> None:
    a = event.args
    others = [account for account in rows.get(tables.members, a["member"])["accounts"] if account != a["account"]]
    if a["roles"] == 0:
        rows.remove(tables.officers, a["account"])
        rows.change(tables.members, a["member"], accounts=others)
        return
    rows.change(tables.members, a["member"], accounts=[*others, a["account"]])
    row = {
        "account": a["account"],
        "member": a["member"],
        "roles": a["roles"],
        "valid_until": a["validUntil"],
        "changed_by_ballot": a["ballot"],
    }
    rows.put(tables.officers, row | event.seen())


@projectors.on("BallotOpened")
def ballot_opened(event: Event, rows: Rows) -> None:
    a = event.args
    row = {
        "ballot": a["ballot"],
        "proposer": a["proposer"],
        "kind": a["kind"],
        "document": a["document"],
        "closes_at": a["closesAt"],
        "quorum_ppm": a["quorumPpm"],
        "approval_ppm": a["approvalPpm"],
        "delay": a["delay"],
        "execute_within": a["executeWithin"],
        "electorate": f"{a['electorate']:#066x}",
        "invited": f"{a['invited']:#066x}",
        "actions": [{"target": call["target"], "data": "0x" + call["data"].hex()} for call in a["actions"]],
        "executed_at": 0,
        "request": a["request"],
    }
    rows.put(tables.ballots, row | event.seen())


@projectors.on("VoteCast")
def vote_cast(event: Event, rows: Rows) -> None:
    a = event.args
    row = {name: a[name] for name in ("ballot", "member", "choice", "revision", "voter")}
    rows.put(tables.votes, row | event.seen())


@projectors.on("BallotCompleted")
def ballot_completed(event: Event, rows: Rows) -> None:
    rows.change(tables.ballots, event.args["ballot"], closes_at=event.args["closedAt"])


@projectors.on("BallotExecuted")
def ballot_executed(event: Event, rows: Rows) -> None:
    rows.change(tables.ballots, event.args["ballot"], executed_at=event.block_time)


@projectors.on("RuleChanged")
def rule_changed(event: Event, rows: Rows) -> None:
    a = event.args
    rows.put(
        tables.ballot_rules,
        {
            "kind": a["kind"],
            "quorum_ppm": a["quorumPpm"],
            "approval_ppm": a["approvalPpm"],
            "min_voting": a["minVoting"],
            "max_voting": a["maxVoting"],
            "delay": a["delay"],
            "execute_within": a["executeWithin"],
            "changed_by_ballot": a["ballot"],
        },
    )


@projectors.on("PauseRuleChanged")
def pause_rule_changed(event: Event, rows: Rows) -> None:
    value = {"max_duration": event.args["maxDuration"], "cooldown": event.args["cooldown"]}
    rows.put(tables.settings, {"name": "pause_rule", "value": value})


@projectors.on("CallAllowed")
def call_allowed(event: Event, rows: Rows) -> None:
    rows.put(tables.allowed_calls, {name: event.args[name] for name in ("target", "selector", "kind", "allowed")})


@projectors.on("RegisterAdded")
def register_added(event: Event, rows: Rows) -> None:
    register = event.args["register"]
    rows.put(tables.settings, {"name": f"register:{register}", "value": {"register": register}})


@projectors.on("PauseStarted")
def pause_started(event: Event, rows: Rows) -> None:
    a = event.args
    value = {
        "from": event.block_time,
        "until": a["until"],
        "reason": a["reason"],
        "by": [member for member in (a["first"], a["second"]) if member],
        "ballot": a["ballot"],
        "ended_at": 0,
    }
    rows.put(tables.settings, {"name": "pause", "value": value})


@projectors.on("PauseEnded")
def pause_ended(event: Event, rows: Rows) -> None:
    value = rows.get(tables.settings, "pause")["value"] | {"ended_at": event.block_time}
    rows.put(tables.settings, {"name": "pause", "value": value})
