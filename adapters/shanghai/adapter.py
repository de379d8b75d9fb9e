"""The Shanghai registry behind the adapter protocol: its change feed in, effects written back under their own keys."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, TypeAdapter, ValidationError, field_validator

from adapters.city.canonical import City, translate
from adapters.city.columns import check_names
from adapters.city.settings import CitySettings, read_settings
from adapters.city.telling import NotTellable, native_key, told
from adapters.protocol import ChangedLines, Effect, Health, Holding, NativeRecord, Page, Receipt, RegistryProfile
from adapters.shanghai.books import ShanghaiBooks
from adapters.shanghai.mapping import PURPOSES, REISSUE_FIRST, SHAPES, write_told
from adapters.transports.rest import Answer, RestClient, RestLimits
from hub.errors import ConfigurationWrong, RecordRefused, RetryLater, YrdhubError
from mutual_recognition.documents import Json
from mutual_recognition.records import Record

BASE: Final = "api/v1"
_LINE: Final = ("变更序号", "类别", "编号", "版本", "操作", "更新时间", "内容")
_PAGE: Final = ("数据", "下一游标", "还有更多")


class ShanghaiSettings(CitySettings):
    """`url` is the registry's address, `token_file` holds its bearer token and is read for every request."""

    url: str
    token_file: Path
    page_size: Annotated[int, Field(ge=1, le=500)] = 200
    read_seconds: Annotated[float, Field(gt=0, le=300)] = 20.0
    attempts: Annotated[int, Field(ge=1, le=20)] = 4
    longest_wait: Annotated[float, Field(ge=0, le=300)] = 10.0
    use_proxy: bool = False

    @field_validator("url")
    @classmethod
    def _an_address(cls, url: str) -> str:
        TypeAdapter(HttpUrl).validate_python(url)
        return url


class _Line(BaseModel):
    """A line of the change feed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sequence: Annotated[str, Field(alias="变更序号", pattern=r"^[0-9]{1,18}$")]
    kind: Annotated[str, Field(alias="类别", min_length=1, max_length=60)]
    native_id: Annotated[str, Field(alias="编号", min_length=1, max_length=200)]
    version: Annotated[int, Field(alias="版本", ge=1)]
    change: Annotated[str, Field(alias="操作")]
    updated_at: Annotated[str, Field(alias="更新时间")]
    content: Annotated[dict[str, Any], Field(alias="内容")]


class ShanghaiAdapter:
    """One registry of Shanghai's form."""

    def __init__(self, settings: ShanghaiSettings) -> None:
        self._settings = settings
        self._city: City = settings.city(PURPOSES)
        self._profile = RegistryProfile(
            name=settings.name,
            member=settings.member,
            registry=settings.registry,
            title=settings.title or "上海市碳普惠登记簿 / Shanghai carbon-inclusive registry",
            idempotent_push=True,
            lookup=True,
        )
        limits = RestLimits(
            read_seconds=settings.read_seconds, attempts=settings.attempts, longest_wait=settings.longest_wait
        )
        self._client = RestClient(settings.url, settings.token_file, limits, trust_environment=settings.use_proxy)
        self._books = ShanghaiBooks(self._page, self._city, f"{settings.url} chiyou")

    @property
    def profile(self) -> RegistryProfile:
        """Who this is."""
        return self._profile

    def health(self) -> Health:
        """Whether the registry answers, as the member it should be, and how far its clock is from ours."""
        try:
            answer = self._client.get(f"{BASE}/zhuangtai", attempts=1)
            if not answer.ok:
                return Health(False, f"answers {answer.status}: {_words(answer.body)}")
            body = answer.body
            facts: dict[str, Json] = {"latest_change": body["最新变更序号"], "member": body["单位代码"]}
            skew = datetime.fromisoformat(body["系统时间"]) - datetime.now(UTC)
            facts["clock_skew_seconds"] = round(skew.total_seconds())
        except YrdhubError as trouble:
            return Health(False, str(trouble))
        except (KeyError, TypeError, ValueError) as strange:
            return Health(False, f"its status cannot be read ({type(strange).__name__}: {strange})")
        if str(facts["member"]) != str(self._profile.member):
            return Health(False, f"answers as member {facts['member']}, configured is {self._profile.member}", facts)
        return Health(True, "", facts)

    # ---------------------------------------------------------------- read

    def read(self, cursor: str) -> Iterator[Page]:
        """The change feed from `cursor` (change:mark, the change read up to) on, every version of every record in
        commit order.

        The change read last is read once more, and must stand there as it did: a registry put back from a backup
        numbers on from there. Raises RetryLater while the registry does not answer well, ConfigurationWrong when its
        fields have changed or it was put back; what came before the changed record is given first.
        """
        at, _, mark = cursor.partition(":")
        at = str(int(at) - 1) if mark else at or "0"
        while True:
            body = self._page("biangeng", at)
            lines = body["数据"]
            if mark:
                lines, mark = self._after(lines, cursor), ""
            records: list[NativeRecord] = []
            reached = cursor
            try:
                for line in lines:
                    records.append(self._record(line))
                    reached = _cursor(line)
            except ConfigurationWrong:
                if records:
                    yield Page(records, reached)
                raise
            if records:
                yield Page(records, reached)
            at = str(body["下一游标"])
            if not body["还有更多"]:
                return

    def _after(self, lines: list[Json], cursor: str) -> list[Json]:
        """The lines after the one read last. Raises ConfigurationWrong where another one stands in its place."""
        if lines:
            self._record(lines[0])
            if _cursor(lines[0]) == cursor:
                return lines[1:]
        change = cursor.partition(":")[0]
        raise _put_back(f"change {change} is not the one that was read", f"{self._settings.url} change feed")

    def _page(self, path: str, at: str, *fields: str) -> Any:
        """A page of a list after a cursor, with these fields beside those of every page."""

        def check(answer: Answer) -> None:
            if not answer.ok:
                return
            if path == "biangeng":
                _check_advances(answer, at)
            elif "起始游标" in fields and isinstance(answer.body, dict) and answer.body.get("起始游标", at) != at:
                begins = answer.body["起始游标"]
                raise _cut_short(f"the page for cursor {at} is one for another cursor", begins, answer.where)

        answer = self._client.get(f"{BASE}/{path}", check=check, youbiao=at, tiaoshu=self._settings.page_size)
        if not answer.ok:
            raise _not_given(answer)
        if not isinstance(answer.body, dict):
            raise _schema("a page is an object", answer.body, answer.where)
        check_names([*_PAGE, *fields], answer.body, answer.where)
        if not isinstance(answer.body["数据"], list) or not isinstance(answer.body["还有更多"], bool):
            raise _schema("数据 is a list and 还有更多 a truth value", answer.body["还有更多"], answer.where)
        return answer.body

    def _record(self, line: Json) -> NativeRecord:
        where = f"{self._settings.url} change feed"
        if not isinstance(line, dict):
            raise _schema("a line of the feed is an object", line, where)
        where = f"{where} line {line.get('变更序号', '?')}"
        check_names(_LINE, line, where)
        try:
            read = _Line.model_validate(line)
        except ValidationError as invalid:
            first = invalid.errors(include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            raise _schema(f"{field}: {first['msg']}", first["input"], where) from invalid
        shape = SHAPES.get(read.kind)
        payload: dict[str, Json] = dict(line)
        if shape is not None:
            shape.check_names(read.content, where)
            if read.kind == "签发" and read.content["重新签发自"]:
                payload["内容"] = read.content | {REISSUE_FIRST: self._first_serial_of(str(read.content["重新签发自"]))}
        return NativeRecord(read.kind, read.native_id, read.version, payload, where)

    def _first_serial_of(self, issuance: str) -> str:
        """The first serial of another issuance, which a reissue names by number; "" where the registry has none
        such."""
        answer = self._client.get(f"{BASE}/qianfa/{issuance}")
        if answer.status == 404:
            return ""
        if not answer.ok:
            raise _not_given(answer)
        return str(answer.body["内容"]["起始号"])

    # ---------------------------------------------------------------- translate

    def translate(self, record: NativeRecord) -> Sequence[Record]:
        """See RegistryAdapter. Raises RecordRefused."""
        shape = SHAPES.get(record.kind)
        if shape is None:
            raise RecordRefused(
                "a kind of record that the mapping does not know",
                code="kind_unknown",
                field="类别",
                value=record.kind,
                where=record.source,
                remedy="extend the adapter's mapping; the record is kept until then",
            )
        content = record.payload.get("内容")
        where = f"{record.source}, {record.kind} {record.native_id} version {record.version}"
        if not isinstance(content, Mapping):
            raise RecordRefused(
                "the record has no content",
                code="field_missing",
                field="内容",
                value=content,
                where=where,
                remedy="correct the record at the registry; the corrected version is read by itself",
            )
        read = shape.read(content, where)
        try:
            return translate(read, self._city, where)
        except RecordRefused as refused:
            raise shape.in_native_words(refused) from refused

    # ---------------------------------------------------------------- write back

    def push(self, effects: Sequence[Effect]) -> Sequence[Receipt]:
        """Books effects in order, each under its key. What was answered is returned even if the registry then fails.

        Raises RetryLater when not even the first was answered.
        """
        receipts: list[Receipt] = []
        for effect in effects:
            try:
                receipts.append(self._push(effect))
            except RetryLater:
                if receipts:
                    return receipts
                raise
        return receipts

    def _push(self, effect: Effect) -> Receipt:
        try:
            body = write_told(told(effect, self._city))
        except NotTellable as unfit:
            return Receipt(effect.key, False, reason=f"{unfit.code}: {unfit.reason} ({unfit.value})")
        key = native_key(effect.key)
        try:
            answer = self._client.post(f"{BASE}/huixie", body, {"Idempotency-Key": key})
        except RetryLater as lost:
            # the answer may be lost though the effect is booked: its key tells
            booked = self._booked(effect.key)
            if booked is None:
                raise lost
            return booked
        if answer.ok:
            return Receipt(effect.key, True, str(answer.body.get("变更序号", "")))
        return Receipt(effect.key, False, reason=_words(answer.body))

    def lookup(self, keys: Sequence[str]) -> Mapping[str, Receipt]:
        """See RegistryAdapter."""
        found = {key: self._booked(key) for key in keys}
        return {key: receipt for key, receipt in found.items() if receipt is not None}

    def _booked(self, key: str) -> Receipt | None:
        answer = self._client.get(f"{BASE}/huixie/{native_key(key)}")
        if answer.status == 404:
            return None
        if not answer.ok:
            raise _not_given(answer)
        return Receipt(key, True, str(answer.body.get("变更序号", "")))

    # ---------------------------------------------------------------- books

    def holdings(self) -> Iterable[Holding]:
        """The registry's unit holdings at one change sequence, each with its number. Raises RetryLater when they keep
        changing while read."""
        return self._books.holdings()

    def holdings_cursor(self) -> str:
        """See ChangedHoldings."""
        return self._books.cursor()

    def holdings_since(self, cursor: str) -> Iterator[ChangedLines]:
        """See ChangedHoldings. Raises RetryLater, ConfigurationWrong."""
        return self._books.since(cursor)

    def close(self) -> None:
        """Ends the connections."""
        self._client.close()


def create(settings: Mapping[str, Json]) -> ShanghaiAdapter:
    """An adapter from its configuration. Raises ConfigurationWrong."""
    return ShanghaiAdapter(read_settings(ShanghaiSettings, settings))


def _check_advances(answer: Answer, at: str) -> None:
    """A page begins after the cursor that was asked for, and rises. Raises RetryLater for one that does not."""
    body = answer.body
    if not isinstance(body, dict) or not isinstance(body.get("数据"), list):
        return  # the shape is judged elsewhere
    before = int(at)
    for line in body["数据"]:
        sequence = str(line.get("变更序号", "")) if isinstance(line, dict) else ""
        if not sequence.isdecimal():
            return
        if int(sequence) <= before:
            raise _cut_short(f"the page for cursor {at} holds change {sequence} out of order", sequence, answer.where)
        before = int(sequence)
    if body.get("还有更多") is True and str(body.get("下一游标")) == at:
        raise _cut_short(f"the page for cursor {at} is empty and yet not the last", at, answer.where)


def _cut_short(message: str, value: object, where: str) -> RetryLater:
    return RetryLater(
        message,
        code="page_repeated",
        what=value,
        where=where,
        remedy="nothing: the page is asked for again. If it lasts, ask the registry's operators",
    )


def _words(body: Json) -> str:
    """The registry's own error in one line: CODE: text (field=value)."""
    if not isinstance(body, Mapping):
        return "the registry refuses without a reason"
    field = f" ({body.get('字段')}={str(body.get('值', ''))[:120]})" if body.get("字段") else ""
    return f"{body.get('错误代码', 'REFUSED')}: {body.get('说明', '')}{field}"


def _not_given(answer: Answer) -> ConfigurationWrong:
    code = answer.body.get("错误代码") if isinstance(answer.body, Mapping) else ""
    if code == "CURSOR_AHEAD":
        return _put_back(_words(answer.body), answer.where)
    return ConfigurationWrong(
        f"the registry refuses what it is asked (answer {answer.status}: {_words(answer.body)})",
        code="request_refused",
        where=answer.where,
        remedy="check the address and the adapter's configuration against the registry's manual",
    )


def _put_back(what: str, where: str) -> ConfigurationWrong:
    return ConfigurationWrong(
        "the registry has lost the last record read from it: it was restored from a backup, or is another one",
        code="cursor_ahead",
        what=what,
        where=where,
        remedy="find out which; where it was restored, say so: `yrdhub sync restored NAME`",
    )


def _cursor(line: Json) -> str:
    """The change of a line that was read, and what tells it from another change of that number."""
    content = json.dumps(line, ensure_ascii=False, sort_keys=True)
    mark = hashlib.sha256(content.encode()).hexdigest()[:16]
    return f"{line['变更序号']}:{mark}"


def _schema(message: str, value: object, where: str) -> ConfigurationWrong:
    return ConfigurationWrong(
        f"the registry's answer is not of the expected form ({message})",
        code="schema_changed",
        what=value,
        where=where,
        remedy="change the adapter's mapping, or have the registry undo the change; reading goes on where it stopped",
    )
