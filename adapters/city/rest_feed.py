"""A city registry with a change feed over HTTP: JSON pages with a cursor, effects written back under their own keys.

What the wire looks like is declared (`RestForm`); what is in a record is the city's mapping.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

from pydantic import Field, HttpUrl, TypeAdapter, field_validator

from adapters.city.columns import needed, whole
from adapters.city.feed import REISSUE_FIRST, CityFeed
from adapters.city.mapping import CityMapping
from adapters.city.records import Issuance
from adapters.city.settings import CitySettings
from adapters.city.telling import native_key
from adapters.protocol import Effect, Fault, Health, Holding, NativeRecord, Page, Receipt
from adapters.transports.jsonlines import flattened
from adapters.transports.rest import Answer, RestClient, RestLimits
from hub.errors import ConfigurationWrong, RetryLater, YrdhubError
from mutual_recognition.documents import Json
from mutual_recognition.refusal import Refusal

_BOOK_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class RestForm:
    """What a registry's interface is. Paths are under `url`; names are of parameters (`cursor`, `limit`), of fields of
    an answer (`items`, `next`, `more`, `reference`, `code`, `reason`) and of an item (`kind`, `native_id`, `version`,
    `content`; "" content: the item is the record itself, and `envelope` names what is no part of it).

    `feed` gives every version of every record in commit order, `holdings` the books, page by page the same way;
    `as_of` is the field of a page of books that says as of which change it holds ("": not said). Effects are posted to
    `effects` under `key_header`, and asked for at `effects`/KEY ("": it takes none). `record` is where one record is
    asked for, with {kind} and {id} ("": it cannot be).
    """

    feed: str = "changes"
    items: str = "items"
    next: str = "next"
    more: str = "more"
    cursor: str = "after"
    limit: str = "limit"
    kind: str = "kind"
    native_id: str = "id"
    version: str = "version"
    content: str = "content"
    envelope: tuple[str, ...] = ()
    read_version: Callable[[Json], int] = whole
    kinds: Mapping[str, str] = field(default_factory=dict)
    status: str = ""
    record: str = ""
    holdings: str = ""
    as_of: str = ""
    effects: str = ""
    key_header: str = "Idempotency-Key"
    reference: str = "reference"
    code: str = "code"
    reason: str = "message"
    beginning: str = "0"


class RestFeedSettings(CitySettings):
    """`url` is the registry's address, `token_file` holds its bearer token and is read for every request. Seconds:
    `read_seconds` for an answer, `longest_wait` between two attempts."""

    url: str
    token_file: Path
    page_size: Annotated[int, Field(ge=1, le=5000)] = 200
    read_seconds: Annotated[float, Field(gt=0, le=300)] = 20.0
    attempts: Annotated[int, Field(ge=1, le=20)] = 4
    longest_wait: Annotated[float, Field(ge=0, le=300)] = 10.0
    use_proxy: bool = False

    @field_validator("url")
    @classmethod
    def _an_address(cls, url: str) -> str:
        TypeAdapter(HttpUrl).validate_python(url)
        return url


class RestFeedAdapter(CityFeed):
    """One registry over HTTP, by its mapping and the form of its interface."""

    def __init__(self, settings: RestFeedSettings, mapping: CityMapping, form: RestForm) -> None:
        takes_effects = bool(form.effects) and mapping.effects is not None
        super().__init__(settings, mapping, idempotent_push=takes_effects, lookup=takes_effects)
        self._settings, self._form = settings, form
        limits = RestLimits(
            read_seconds=settings.read_seconds, attempts=settings.attempts, longest_wait=settings.longest_wait
        )
        self._client = RestClient(settings.url, settings.token_file, limits, trust_environment=settings.use_proxy)

    def health(self) -> Health:
        """Whether the registry answers: its status where it has one, else the first record of its feed."""
        form = self._form
        try:
            if form.status:
                answer = self._client.get(form.status, attempts=1)
            else:
                wanted: dict[str, str | int] = {form.cursor: form.beginning, form.limit: 1}
                answer = self._client.get(form.feed, attempts=1, query=wanted)
        except YrdhubError as trouble:
            return Health(False, str(trouble))
        if not answer.ok:
            return Health(False, f"answers {answer.status}: {self._words(answer.body)}")
        plain = answer.body if form.status and isinstance(answer.body, dict) else {}
        return Health(True, "", {name: value for name, value in plain.items() if isinstance(value, str | int)})

    # ---------------------------------------------------------------- read

    def read(self, cursor: str) -> Iterator[Page]:
        """The change feed from `cursor` on. Raises RetryLater while the registry does not answer well,
        ConfigurationWrong when its fields have changed; what came before the changed record is given first, and given
        again at the next reading (the journal passes it over)."""
        at = cursor or self._form.beginning
        while True:
            body = self._page(self._form.feed, at)
            records: list[NativeRecord] = []
            faults: list[Fault] = []
            try:
                for place, item in enumerate(body[self._form.items], start=1):
                    self._take(item, f"{self._settings.url} {self._form.feed} after {at} item {place}", records, faults)
            except ConfigurationWrong:
                if records:
                    yield Page(records, at, faults)  # the cursor stays: what is behind the change is not lost
                raise
            following = str(body[self._form.next])
            if records or faults:
                yield Page(records, following, faults)
            if not body[self._form.more]:
                return
            at = following

    def _page(self, path: str, at: str) -> Any:
        form = self._form

        def check(answer: Answer) -> None:
            body = answer.body
            if answer.ok and isinstance(body, dict) and body.get(form.more) is True and str(body.get(form.next)) == at:
                raise RetryLater(
                    f"the page after {at} does not lead on",
                    code="page_repeated",
                    what=at,
                    where=answer.where,
                    remedy="nothing: the page is asked for again. If it lasts, ask the registry's operators",
                )

        wanted: dict[str, str | int] = {form.cursor: at, form.limit: self._settings.page_size}
        answer = self._client.get(path, check=check, query=wanted)
        if not answer.ok:
            raise self._not_given(answer)
        body = answer.body
        sound = isinstance(body, dict) and isinstance(body.get(form.items), list)
        if not sound or not isinstance(body.get(form.more), bool) or form.next not in body:
            named = ", ".join(body) if isinstance(body, dict) else type(body).__name__
            raise ConfigurationWrong(
                f"a page is an object with {form.items} (a list), {form.next} and {form.more} (true or false)",
                code="schema_changed",
                what=named,
                where=answer.where,
                remedy="change the adapter's form to what the registry sends",
            )
        return body

    def _take(self, item: Json, where: str, records: list[NativeRecord], faults: list[Fault]) -> None:
        form = self._form
        if not isinstance(item, dict):
            faults.append(Fault(where, "", str(item)[:200], "not an object", "record_broken"))
            return
        absent = [name for name in (form.kind, form.native_id, form.version, form.content) if name and name not in item]
        if absent:
            raise ConfigurationWrong(
                f"a record's fields have changed (gone: {', '.join(absent)}; there are: {', '.join(item)})",
                code="schema_changed",
                what=", ".join(item)[:300],
                where=where,
                remedy="change the adapter's form, or have the registry undo the change; nothing was skipped",
            )
        content = item[form.content] if form.content else item
        try:
            kind = form.kinds.get(needed(item[form.kind]), needed(item[form.kind]))
            native_id, version = needed(item[form.native_id]), form.read_version(item[form.version])
            if not isinstance(content, dict):
                raise Refusal(content, "the record has no content")
        except Refusal as refusal:
            faults.append(Fault(where, "", str(refusal.value)[:200], refusal.reason, refusal.code))
            return
        payload = flattened(content)
        if self.mapping.shapes_of(kind):
            outside = set() if form.content else {form.kind, form.version, *form.envelope}
            outside -= set(self.mapping.names_of(kind))
            self.mapping.check_names(kind, [name for name in payload if name not in outside], where)
            payload |= self._reissue(kind, payload)
        records.append(NativeRecord(kind, native_id, version, payload, where))

    def _reissue(self, kind: str, content: Mapping[str, Json]) -> dict[str, Json]:
        """The first serial of the issuance that this one replaces, which the chain needs: asked for by its number."""
        for shape in self.mapping.shapes_of(kind):
            names = {column.attribute: column.name for column in shape.columns}
            beside = any(column.attribute == "reissue_first" for column in shape.beside)
            replaced = str(content.get(names.get("reissue_of", ""), "") or "").strip()
            if shape.model is not Issuance or not (beside and replaced and self._form.record):
                continue
            path = self._form.record.format(kind=quote(kind, safe=""), id=quote(replaced, safe=""))
            answer = self._client.get(path)
            if answer.status == 404:
                return {REISSUE_FIRST: ""}
            if not answer.ok:
                raise self._not_given(answer)
            found = answer.body.get(self._form.content) if self._form.content else answer.body
            return {REISSUE_FIRST: shape.first_serial(flattened(found or {}))}
        return {}

    # ---------------------------------------------------------------- write back

    def push(self, effects: Sequence[Effect]) -> Sequence[Receipt]:
        """Books effects in order, each under its key. What was answered is returned even if the registry then fails.

        Raises RetryLater when not even the first was answered.
        """
        if not self.profile.idempotent_push:
            return []
        bodies, receipts = self._worded(effects)
        for key, (effect_key, body) in bodies.items():
            try:
                receipts.append(self._push(effect_key, key, body))
            except RetryLater:
                if receipts:
                    return receipts
                raise
        return receipts

    def _push(self, effect_key: str, key: str, body: dict[str, Json]) -> Receipt:
        try:
            answer = self._client.post(self._form.effects, body, {self._form.key_header: key})
        except RetryLater as lost:
            booked = self._booked(effect_key)  # the answer may be lost though the effect is booked: its key tells
            if booked is None:
                raise lost
            return booked
        if answer.ok:
            return Receipt(effect_key, True, self._reference(answer))
        return Receipt(effect_key, False, reason=self._words(answer.body))

    def lookup(self, keys: Sequence[str]) -> Mapping[str, Receipt]:
        """See RegistryAdapter."""
        if not self.profile.lookup:
            return {}
        found = {key: self._booked(key) for key in keys}
        return {key: receipt for key, receipt in found.items() if receipt is not None}

    def _booked(self, effect_key: str) -> Receipt | None:
        answer = self._client.get(f"{self._form.effects}/{quote(native_key(effect_key), safe='')}")
        if answer.status == 404:
            return None
        if not answer.ok:
            raise self._not_given(answer)
        return Receipt(effect_key, True, self._reference(answer))

    def _reference(self, answer: Answer) -> str:
        return str(answer.body.get(self._form.reference, "")) if isinstance(answer.body, dict) else ""

    # ---------------------------------------------------------------- books

    def holdings(self) -> Iterable[Holding]:
        """The registry's books, whole. Raises RetryLater when they keep changing while they are read."""
        if not self._form.holdings or self.mapping.holding is None:
            raise self._no_books()
        for _ in range(_BOOK_TRIES):
            lines = self._lines_of_books()
            if lines is not None:
                where = f"{self._settings.url} {self._form.holdings}"
                return list(self._books((flattened(line), where) for line in lines))
        raise RetryLater(
            f"the registry's books changed {_BOOK_TRIES} times while they were read",
            code="books_changing",
            where=f"{self._settings.url} {self._form.holdings}",
            remedy="reconcile at a quieter time",
        )

    def _lines_of_books(self) -> list[Json] | None:
        lines: list[Json] = []
        at, as_of, more = self._form.beginning, None, True
        while more:
            body = self._page(self._form.holdings, at)
            now = body.get(self._form.as_of) if self._form.as_of else None
            if as_of not in (None, now):
                return None
            as_of = now
            lines += body[self._form.items]
            more, at = body[self._form.more], str(body[self._form.next])
        return lines

    def close(self) -> None:
        """Ends the connections."""
        self._client.close()

    def _not_given(self, answer: Answer) -> ConfigurationWrong:
        return ConfigurationWrong(
            f"the registry answers {answer.status}: {self._words(answer.body)}",
            code="request_refused",
            what=answer.status,
            where=answer.where,
            remedy="correct the adapter's form or its configuration; if both are right, ask the registry's operators",
        )

    def _words(self, body: Json) -> str:
        if not isinstance(body, Mapping):
            return "the registry refuses without a reason"
        return f"{body.get(self._form.code, 'refused')}: {body.get(self._form.reason, '')}"
