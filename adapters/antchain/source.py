"""The platform as a source of scenario records: days, pages, and what becomes of each item."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, TypeAdapter, ValidationError, field_validator

from adapters.antchain.client import GatewayClient, GatewayLimits
from adapters.antchain.wire import LARGEST_PAGE, METHOD, SMALLEST_PAGE, VERSION, AcquisitionItem
from adapters.city.settings import read_settings
from adapters.protocol import Health
from adapters.scenarios.source import ReceivedItem, RefusedItem, ScenarioPage
from hub.errors import ConfigurationWrong, RetryLater, YrdhubError
from mutual_recognition.documents import Json
from mutual_recognition.numerals import parse_decimal
from mutual_recognition.periods import UTC_PLUS_8
from mutual_recognition.quantities import MassUnit
from mutual_recognition.refusal import Refusal
from mutual_recognition.scenarios import Activity, ScenarioRefused, grams_from

_DAY_TRIES: Final = 3
_MOST_POINTS: Final = 10**9


class ScenarioForm(BaseModel):
    """What a scenario's activity data mean: unit by item code. Codes that are not named are not kept (a start and an
    end of a trip, say)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = ""
    activity: dict[str, str] = {}


class AntchainSettings(BaseModel):
    """`offset_unit` is the unit of offset_volume (g, kg or t): the wire does not say it, so it is never assumed.
    `since` is the first day; `lookback_days`: so many days are read again at each pull, since acts are told late."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    configured_in: Path | None = None
    url: str
    access_key: Annotated[str, Field(min_length=1, max_length=200)]
    access_secret_file: Path
    project: str = ""
    platform: str = ""
    since: date
    lookback_days: Annotated[int, Field(ge=0, le=400)] = 7
    offset_unit: MassUnit
    scenarios: dict[str, ScenarioForm]
    page_size: Annotated[int, Field(ge=SMALLEST_PAGE, le=LARGEST_PAGE)] = LARGEST_PAGE
    read_seconds: Annotated[float, Field(gt=0, le=300)] = 20.0
    attempts: Annotated[int, Field(ge=1, le=20)] = 4
    longest_wait: Annotated[float, Field(ge=0, le=300)] = 10.0
    use_proxy: bool = False

    @field_validator("url")
    @classmethod
    def _an_address(cls, url: str) -> str:
        TypeAdapter(HttpUrl).validate_python(url)
        return url

    @field_validator("offset_unit", mode="before")
    @classmethod
    def _a_unit(cls, given: object) -> MassUnit:
        try:
            return MassUnit.parse(str(given))
        except Refusal as refusal:
            raise ValueError(refusal.reason) from None


class AntchainSource:
    """One project (or all that the access key sees) at one platform."""

    def __init__(self, settings: AntchainSettings) -> None:
        self._settings = settings
        limits = GatewayLimits(
            read_seconds=settings.read_seconds, attempts=settings.attempts, longest_wait=settings.longest_wait
        )
        self._client = GatewayClient(
            settings.url,
            settings.access_key,
            settings.access_secret_file,
            limits,
            trust_environment=settings.use_proxy,
        )

    @property
    def name(self) -> str:
        """The configuration's."""
        return self._settings.name

    def health(self) -> Health:
        """Whether the gateway answers a signed request."""
        try:
            answer = self._client.call(METHOD, VERSION, self._asking(self._settings.since, 1), attempts=1)
        except YrdhubError as trouble:
            return Health(False, str(trouble))
        return Health(True, "", {"records_on_the_first_day": answer.get("total")})

    def read(self, cursor: str, since: date | None = None) -> Iterator[ScenarioPage]:
        """Day by day, page by page, to today. The cursor is a day whose acts were read whole, and moves with the last
        page of a day; the days before it are read again as far as `lookback_days`."""
        today = datetime.now(UTC_PLUS_8).date()
        reached = _day_of(cursor) if cursor else self._settings.since - timedelta(days=1)
        day = since or max(self._settings.since, reached + timedelta(days=1 - self._settings.lookback_days))
        while day <= today:
            # today is not over, and a day that leaves a gap behind it moves nothing
            after = day if day == reached + timedelta(days=1) and day < today else reached
            yield from self._day(day, reached, after)
            reached, day = after, day + timedelta(days=1)

    def _day(self, day: date, before: date, after: date) -> Iterator[ScenarioPage]:
        """The pages of a day. Acts may be added while it is read, which moves pages: it is read again until it holds as
        many different acts as the platform says. Raises RetryLater when it never does."""
        for _ in range(_DAY_TRIES):
            seen: set[str] = set()
            page, total = 1, -1
            while True:
                answer = self._client.call(METHOD, VERSION, self._asking(day, page))
                listed, total = self._listed(answer, page)
                items, refused = self._items(listed)
                seen.update(
                    str(entry.get("acquisition_item_no")) if isinstance(entry, dict) else "" for entry in listed
                )
                last = page * self._settings.page_size >= total or not listed
                whole = last and len(seen) == total
                yield ScenarioPage(items, refused, (after if whole else before).isoformat(), total)
                if last:
                    break
                page += 1
            if whole:
                return
        raise RetryLater(
            f"{total} acts are said to be on {day}, {len(seen)} were given, {_DAY_TRIES} times over",
            code="day_incomplete",
            what=day.isoformat(),
            where=f"{self._settings.url} {METHOD}",
            remedy="nothing: the day is read again at the next pull. If it lasts, ask the platform's operators",
        )

    def _asking(self, day: date, page: int) -> dict[str, str]:
        asked = {
            "occurrent_start_time": f"{day} 00:00:00",
            "occurrent_end_time": f"{day} 23:59:59",
            "current": str(page),
            "page_size": str(self._settings.page_size),
        }
        asked |= {"project_no": self._settings.project} if self._settings.project else {}
        return asked | ({"carbon_offset_platform_no": self._settings.platform} if self._settings.platform else {})

    def _listed(self, answer: Mapping[str, Json], page: int) -> tuple[list[Json], int]:
        listed, total, current = answer.get("list"), answer.get("total"), answer.get("current")
        if current != page:
            raise RetryLater(
                f"page {current} is given where page {page} was asked for",
                code="page_repeated",
                where=f"{self._settings.url} {METHOD}",
                remedy="nothing: it is asked for at the next pull. If it lasts, ask the platform's operators",
            )
        if not isinstance(listed, list) or type(total) is not int or total < 0:
            raise ConfigurationWrong(
                "a page holds `list` (a list) and `total` (a whole number)",
                code="schema_changed",
                what=", ".join(answer),
                where=f"{self._settings.url} {METHOD}",
                remedy="change `adapters/antchain/wire.py` to what the platform sends",
            )
        return listed, total

    def _items(self, listed: list[Json]) -> tuple[list[ReceivedItem], list[RefusedItem]]:
        items: list[ReceivedItem] = []
        refused: list[RefusedItem] = []
        for place, entry in enumerate(listed):
            number = str(entry.get("acquisition_item_no") or "") if isinstance(entry, dict) else ""
            try:
                items.append(received(AcquisitionItem.model_validate(entry), self._settings))
            except ValidationError as invalid:
                first = invalid.errors(include_url=False, include_input=False)[0]
                field = ".".join(str(part) for part in first["loc"]) or "item"
                # no number: then its place on the day names it
                refused.append(RefusedItem(number or f"unnumbered {place}", field, "field_refused", first["msg"]))
            except ItemRefused as no:
                refused.append(RefusedItem(number, no.field, no.code, no.reason))
        return items, refused

    def close(self) -> None:
        """Ends the connections."""
        self._client.close()


class ItemRefused(Exception):
    """An item that cannot be taken: its field and the reason, never its value."""

    def __init__(self, field: str, code: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field, self.code, self.reason = field, code, reason


def received(item: AcquisitionItem, settings: AntchainSettings) -> ReceivedItem:
    """An item of the wire as the store takes it: the day alone of its time, named activity data alone. Raises
    ItemRefused."""
    form = settings.scenarios.get(item.scenario_code)
    if form is None:
        raise ItemRefused("scenario_code", "scenario_unknown", f"scenario {item.scenario_code} is not configured")
    if not item.offset_volume:
        raise ItemRefused("offset_volume", "field_missing", "no reduction is stated")
    try:
        grams = grams_from(item.offset_volume, settings.offset_unit)
    except ScenarioRefused as refusal:
        raise ItemRefused("offset_volume", refusal.code, refusal.reason) from None
    if not 0 <= item.carbon_energy <= _MOST_POINTS:
        raise ItemRefused("carbon_energy", "points_refused", "points are a whole number without sign")
    amounts: dict[str, Activity] = {}
    for amount in item.active_datum:
        unit = form.activity.get(amount.item_code)
        if unit is None:
            continue
        if amount.item_code in amounts:
            raise ItemRefused("active_datum", "activity_twice", f"{amount.item_code} is stated twice")
        amounts[amount.item_code] = Activity(amount.item_code, _amount(amount.item_amount), unit)
    return ReceivedItem(
        number=item.acquisition_item_no,
        account=item.account_did,
        scenario=item.scenario_code,
        day=_occurred(item.occurrent_time),
        activity=tuple(amounts.values()),
        reduction_g=grams,
        stated=f"{item.offset_volume.strip()} {_UNIT_WORDS[settings.offset_unit]}",
        points=item.carbon_energy,
        project=item.project_no,
        platform=item.platform_no,
    )


_UNIT_WORDS: Final = {MassUnit.GRAM: "g", MassUnit.KILOGRAM: "kg", MassUnit.TONNE: "t"}


def _amount(written: str) -> Decimal:
    try:
        return parse_decimal(written)
    except Refusal as refusal:
        raise ItemRefused("active_datum", "activity_refused", refusal.reason) from None


def _occurred(written: str) -> date:
    """The day at UTC+8; a time without an offset is Asia/Shanghai's. A time more than a day ahead is no time of an
    act."""
    try:
        found = datetime.fromisoformat(written.strip())
    except ValueError:
        raise ItemRefused("occurrent_time", "time_refused", "not a time in ISO 8601") from None
    local = found.replace(tzinfo=UTC_PLUS_8) if found.tzinfo is None else found.astimezone(UTC_PLUS_8)
    if local > datetime.now(UTC) + timedelta(days=1):
        raise ItemRefused("occurrent_time", "time_refused", "it lies in the future")
    return local.date()


def _day_of(cursor: str) -> date:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", cursor, re.ASCII):
        raise ConfigurationWrong(
            "not a cursor of this source",
            code="cursor_invalid",
            what=cursor,
            remedy="pull again with --since DAY: acts already known are passed over",
        )
    return date.fromisoformat(cursor)


def create(settings: Mapping[str, Json]) -> AntchainSource:
    """A source from its configuration. Raises ConfigurationWrong."""
    return AntchainSource(read_settings(AntchainSettings, settings))
