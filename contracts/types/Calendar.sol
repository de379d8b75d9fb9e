// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @dev China Standard Time has had no daylight saving since 1992.
uint256 constant UTC_OFFSET = 8 hours;

/// @dev Days from 0000-03-01 to 1970-01-01, proleptic Gregorian.
uint256 constant DAYS_TO_EPOCH = 719_468;

/// @notice The calendar year, in UTC+8, of a block time. Constant cost.
/// @dev Years are counted from 1 March, so that the leap day comes last; a cycle of 400 years has 146,097 days (H. Hinnant, "chrono-Compatible
/// Low-Level Date Algorithms", civil_from_days). 1 January is day 306 of such a year.
function calendarYear(uint256 time) pure returns (uint16) {
    uint256 day = (time + UTC_OFFSET) / 1 days + DAYS_TO_EPOCH;
    uint256 dayOfCycle = day % 146_097;
    uint256 yearOfCycle = (dayOfCycle - dayOfCycle / 1460 + dayOfCycle / 36_524 - dayOfCycle / 146_096) / 365;
    uint256 dayOfYear = dayOfCycle - (365 * yearOfCycle + yearOfCycle / 4 - yearOfCycle / 100);
    return uint16((day / 146_097) * 400 + yearOfCycle + (dayOfYear < 306 ? 0 : 1));
}
