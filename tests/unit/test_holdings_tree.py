"""The tree of a registry's holdings: it follows from the map of serials alone, and finds exactly what differs."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mutual_recognition import holdings_tree as tree_module
from mutual_recognition.holdings import CONTRADICTION, as_seen, of_block, runs_of
from mutual_recognition.holdings_tree import (
    TOP,
    Child,
    Difference,
    Node,
    Place,
    Run,
    Tree,
    apply,
    build,
    children_as_text,
    children_from_text,
    compared,
    differences,
    joined,
    member_root,
    overlay,
    runs_as_text,
    runs_below,
    runs_from_text,
)
from mutual_recognition.unit_blocks import BlockStatus

PLACES = [Place(holder, status) for holder in (310000, 320500) for status in ("available", "retired", "in_transit")]
SERIALS = 700


@st.composite
def books(draw: st.DrawFn) -> dict[int, Place]:
    """A small world of serials, many runs in it, some far out; each in a place or nowhere."""
    cuts = sorted(draw(st.sets(st.integers(1, SERIALS), max_size=120)))
    world: dict[int, Place] = {}
    for first, after in pairwise(cuts):
        place = draw(st.sampled_from([None, *PLACES]))
        if place is not None:
            world |= dict.fromkeys(range(first, after), place)
    far = draw(st.sampled_from([0, 2**20 - 300, 2**62]))
    return {serial + far: place for serial, place in world.items()}


@st.composite
def edits(draw: st.DrawFn) -> list[Run]:
    """Disjoint edits in order."""
    cuts = sorted(draw(st.sets(st.integers(1, SERIALS), max_size=12)))
    far = draw(st.sampled_from([0, 2**20 - 300, 2**62]))
    return [
        Run(first + far, after - 1 + far, draw(st.sampled_from([None, *PLACES])))
        for first, after in zip(cuts[::2], cuts[1::2], strict=False)
    ]


@pytest.fixture(autouse=True, scope="module")
def small_leaves() -> Any:
    """Leaves of four runs, so that a small world has a tall tree."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree_module, "BUCKET", 4)
        yield


def runs_in(world: dict[int, Place]) -> list[Run]:
    return list(joined(Run(serial, serial, world[serial]) for serial in sorted(world)))


def tree_of(world: dict[int, Place]) -> tuple[Tree, bytes | None]:
    nodes = Tree()
    top = build(runs_in(world), nodes)
    return nodes, None if top is None else top.hash()


def changed_by(world: dict[int, Place], changes: list[Run]) -> dict[int, Place]:
    after = dict(world)
    for edit in changes:
        for serial in range(edit.first, edit.last + 1):
            after.pop(serial, None)
            if edit.place is not None:
                after[serial] = edit.place
    return after


@settings(max_examples=150, deadline=None)
@given(books(), st.lists(edits(), min_size=1, max_size=6))
def test_apply__random_changes__gives_the_tree_made_from_scratch(
    world: dict[int, Place], rounds: list[list[Run]]
) -> None:
    nodes, _ = tree_of(world)
    for changes in rounds:
        world = changed_by(world, changes)
        top = apply(nodes, changes)
        fresh, root = tree_of(world)
        assert (None if top is None else top.hash()) == root
        assert nodes.nodes == fresh.nodes
    assert list(runs_below(nodes, nodes.get(TOP, 0))) == runs_in(world)


@settings(max_examples=150, deadline=None)
@given(books(), books())
def test_roots__are_equal_exactly_when_the_runs_are(left: dict[int, Place], right: dict[int, Place]) -> None:
    assert (tree_of(left)[1] == tree_of(right)[1]) == (left == right)
    assert tree_of(left)[1] == tree_of(dict(left))[1]


@settings(max_examples=200, deadline=None)
@given(books(), edits(), st.booleans())
def test_differences__are_found_to_the_serial(world: dict[int, Place], changes: list[Run], other_way: bool) -> None:
    altered = changed_by(world, changes)
    pair = (altered, world) if other_way else (world, altered)
    found: dict[int, tuple[Place | None, Place | None]] = {}
    for one in differences(tree_of(pair[0])[0], tree_of(pair[1])[0]):
        found |= dict.fromkeys(range(one.first, one.last + 1), (one.ours, one.theirs))
    expected = {
        serial: (pair[0].get(serial), pair[1].get(serial))
        for serial in pair[0].keys() | pair[1].keys()
        if pair[0].get(serial) != pair[1].get(serial)
    }
    assert found == expected


@settings(max_examples=100, deadline=None)
@given(books(), st.data())
def test_swap_of_equal_quantities__has_equal_totals_and_another_root(
    world: dict[int, Place], data: st.DataObject
) -> None:
    ours = sorted(serial for serial, place in world.items() if place == PLACES[0])
    theirs = sorted(serial for serial, place in world.items() if place == PLACES[1])
    if not ours or not theirs:
        return
    one, other = data.draw(st.sampled_from(ours)), data.draw(st.sampled_from(theirs))
    swapped = world | {one: world[other], other: world[one]}
    assert sorted(swapped.values()) == sorted(world.values())
    assert tree_of(swapped)[1] != tree_of(world)[1]
    found = list(differences(tree_of(world)[0], tree_of(swapped)[0]))
    assert {serial for d in found for serial in range(d.first, d.last + 1)} == {one, other}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"last": 99}, Difference(100, 100, PLACES[0], None)),
        ({"last": 101}, Difference(101, 101, None, PLACES[0])),
        ({"place": Place(320500, "available")}, Difference(1, 100, PLACES[0], Place(320500, "available"))),
        ({"place": Place(310000, "retired")}, Difference(1, 100, PLACES[0], Place(310000, "retired"))),
    ],
)
def test_differences__one_off__holder_only__status_only(changed: dict[str, Any], expected: Difference) -> None:
    left, right = Tree(), Tree()
    build([Run(1, 100, PLACES[0])], left)
    build([Run(1, 100, PLACES[0])._replace(**changed)], right)
    assert list(differences(left, right)) == [expected]


def test_tree__knows_nothing_of_blocks() -> None:
    pieces = [Run(serial, serial, PLACES[0]) for serial in range(1, 5000)]
    whole, split = Tree(), Tree()
    build(joined(pieces), whole)
    for piece in reversed(pieces):
        apply(split, [piece])
    assert whole.nodes == split.nodes
    assert whole.nodes[TOP, 0].runs == (Run(1, 4999, PLACES[0]),)


def test_a_run_of_ten_trillion_serials__costs_no_more_than_a_short_one() -> None:
    nodes = Tree()
    apply(nodes, [Run(5, 10**13, PLACES[0])])
    apply(nodes, [Run(serial, serial, PLACES[1]) for serial in range(1_000, 3_000, 100)])
    assert len(nodes.nodes) < 400


def test_hash__is_the_published_form() -> None:
    """Computed by hand from the module's own description: an auditor's program must get the same."""
    import hashlib

    leaf = Node(TOP, 0, (Run(1, 9, Place(310000, "available")),))
    assert leaf.hash() == hashlib.sha256(b"\x001 9 310000 available\n").digest()
    child = Child(3, b"\x11" * 32, 9, None, None)
    assert Node(2, 0, children=(child,)).hash() == hashlib.sha256(b"\x01\x02\x03" + b"\x11" * 32).digest()
    one = bytes(range(12))
    assert (
        member_root(310000, {one: b"\x22" * 32})
        == hashlib.sha256(b"\x02" + bytes.fromhex("04baf0") + one + b"\x22" * 32).digest()
    )


@given(books())
@settings(max_examples=40, deadline=None)
def test_text_forms__give_the_same_back(world: dict[int, Place]) -> None:
    runs = tuple(runs_in(world))
    assert runs_from_text(runs_as_text(runs)) == runs
    for node in tree_of(world)[0].nodes.values():
        assert children_from_text(children_as_text(node.children)) == node.children


def test_overlay_and_compared__of_nothing() -> None:
    assert list(overlay([], [Run(3, 4, None)])) == []
    assert list(compared([], [Run(3, 4, PLACES[0])])) == [Difference(3, 4, None, PLACES[0])]


# -------------------------------------------------------------------- what a member sees


def test_as_seen__scope_of_a_member() -> None:
    assert as_seen(310000, 310000, 310000, "pledged") == Place(310000, "available")
    assert as_seen(310000, 310000, 320500, "in_transit") == Place(320500, "available")
    assert as_seen(310000, 310000, 320500, "retired") == Place(320500, "retired")
    assert as_seen(310000, 320500, 310000, "in_transit") == Place(310000, "in_transit")
    assert as_seen(310000, 320500, 330100, "available") is None


def test_of_block__on_its_way_to_the_member__is_pending_there() -> None:
    status = BlockStatus.IN_TRANSIT.value
    assert of_block(320500, 310000, 310000, status, 320500) == Place(320500, "pending")
    assert of_block(310000, 310000, 310000, status, 320500) == Place(310000, "in_transit")
    assert of_block(330100, 310000, 310000, status, 320500) is None


def test_runs_of__a_serial_in_two_lines__is_a_contradiction() -> None:
    lines = [(1, 10, 310000, "available"), (5, 6, 310000, "available"), (10, 12, 310000, "retired")]
    assert list(runs_of(310000, lines)) == [
        Run(1, 4, Place(310000, "available")),
        Run(5, 6, Place(310000, CONTRADICTION)),
        Run(7, 9, Place(310000, "available")),
        Run(10, 10, Place(310000, CONTRADICTION)),
        Run(11, 12, Place(310000, "retired")),
    ]
