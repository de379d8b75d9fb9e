"""What to do about a check that did not pass, in a line; the sections are those of `adapters/GUIDE.md`."""

from __future__ import annotations

from typing import Final

ADVICE: Final[dict[str, str]] = {
    "profile_is_sane": "correct `member` (six digits, GB/T 2260), `registry` and the title",
    "health_is_true_while_the_registry_is_up": "correct address, folder or token; see what health says (section 8)",
    "reading_ends_and_gives_every_record_once": "give a changed record a new version, and each record a number of its "
    "own (section 4)",
    "pages_are_bounded_and_say_where_records_stand": "ask for smaller pages: `page_size` (section 3)",
    "cursor_resumes_exactly": "the feed must keep its order: new records only at its end (section 4)",
    "pages_repeat_harmlessly": "leave fields out that differ at each reading, such as times of export (section 4)",
    "versions_rise": "name the field that rises with every change: a number, or an instant (section 4)",
    "translation_is_pure_and_survives_the_journal": "a reading may use its value alone: no clock, file or counter",
    "every_kind_is_translated_or_declared_uninteresting": "map the kind, or name it with a reason in `passed_over`",
    "no_kind_is_refused_wholly": "change the mapping of that kind; where single records are wrong, have them corrected",
    "foundations_come_first": "put the kinds in the order in which they build on each other (section 4)",
    "quantities_agree_with_ranges": "correct the unit of the quantity (kg or t) or the reading of serials (section 5)",
    "refusals_say_what_to_do": "read values with the readings of the shared rooms, or raise Refusal with a reason",
    "nothing_personal_leaves": "map the beneficiary to `beneficiary`, and to no other attribute (section 5)",
    "holdings_are_consistent_with_the_feed": "correct the statuses of the books, or have them published (section 6)",
    "push_twice_has_one_effect_and_lookup_tells_it": "the registry must book a key once and say that it has it; a "
    "registry that cannot takes no effects by itself: leave `effects` out, a person books from the list (section 7)",
    "effects_it_cannot_book_get_a_refused_receipt": "an effect on serials that the registry does not know must be "
    "answered by a refusal with its reason (section 7)",
    "a_person_is_told_what_to_book": "let `EFFECTS` of the mapping name every field to type (section 7)",
    "what_cannot_be_put_into_words_is_refused": "refuse with a reason what a person cannot be told (section 7)",
    "a_booking_that_is_seen_confirms_nothing": "`sightings` only says where a booking seems to stand (section 7)",
    "schema_drift_names_the_fields": "let the shared rooms check the fields of each record (section 5)",
    "a_registry_that_is_down_is_retried_later": "raise RetryLater for passing trouble (section 11)",
}
"""By name of the check."""

NEEDS_A_STAND_IN: Final[dict[str, str]] = {
    "schema_drift_names_the_fields": "nothing: tested where a stand-in registry may be changed (section 9)",
    "a_registry_that_is_down_is_retried_later": "nothing: tested where a stand-in registry may be stopped (section 9)",
}
"""Checks that are not run against a registry in service."""
