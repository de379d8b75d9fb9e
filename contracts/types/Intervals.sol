// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {VerificationId} from "./Ids.sol";

/// @dev Serials of an issuance, or days of a verified period, both ends included; its first is the key. One storage slot.
struct Interval {
    uint64 last;
    /// @dev First of the next higher interval; 0: none.
    uint64 next;
    VerificationId verification;
    /// @dev The last two are an issuance's own.
    uint16 vintage;
    bool corrected;
}

/// @dev Intervals in ascending order, linked. 0 is the first of none: `at[0]` is the head, with no last and with the lowest as its next.
struct IntervalList {
    mapping(uint64 first => Interval) at;
}

/// @title Intervals
/// @notice A set of numbers that holds each number once, in intervals. The caller names the interval before the new one, so that the gap is
/// checked in constant cost, in any order of arrival. If predecessor and successor are neighbours in the list and the new interval lies
/// strictly between them, it can overlap none.
/// @dev A wrong hint can make a call fail; it can't make a wrong one pass.
library Intervals {
    /// @notice Looks at the predecessor and at what follows it. @return The first of the one that [first, last] overlaps, or 0.
    function overlapped(IntervalList storage list, uint64 first, uint64 last, uint64 predecessor)
        internal
        view
        returns (uint64)
    {
        Interval storage before = list.at[predecessor];
        if (predecessor <= last && first <= before.last) return predecessor;
        uint64 next = before.next;
        if (next != 0 && next <= last && first <= list.at[next].last) return next;
        return 0;
    }

    /// @notice Links [first, last] in behind its predecessor; the caller has asked `overlapped`.
    /// @return inserted false where the hint is stale: no such interval, or it isn't the one before.
    function insert(
        IntervalList storage list,
        uint64 first,
        uint64 last,
        uint64 predecessor,
        VerificationId verification,
        uint16 vintage
    ) internal returns (bool inserted) {
        Interval storage before = list.at[predecessor];
        uint64 next = before.next;
        bool exists = predecessor == 0 || before.last != 0;
        if (!exists || predecessor >= first || (next != 0 && next < first)) return false;
        before.next = first;
        list.at[first] =
            Interval({last: last, next: next, verification: verification, vintage: vintage, corrected: false});
        return true;
    }

    /// @notice Takes an interval out. @return removed false where `predecessor` isn't the one before.
    function remove(IntervalList storage list, uint64 first, uint64 predecessor) internal returns (bool removed) {
        if (list.at[predecessor].next != first) return false;
        list.at[predecessor].next = list.at[first].next;
        delete list.at[first];
        return true;
    }
}
