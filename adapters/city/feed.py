"""What adapters of city registries share, whatever their transport: translation, write-back in words, books.

A transport's adapter (`file_feed.py`, `rest_feed.py`) adds where records come from and where effects go to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from adapters.city.books import holding
from adapters.city.canonical import City, translate
from adapters.city.mapping import TITLES, CityMapping, EffectForm
from adapters.city.records import Retirement
from adapters.city.settings import CitySettings
from adapters.city.telling import NotTellable, native_key, told
from adapters.protocol import Effect, Holding, NativeRecord, Receipt, RegistryProfile
from hub.errors import ConfigurationWrong, RecordRefused
from mutual_recognition.documents import Json
from mutual_recognition.records import Record

REISSUE_FIRST: Final = "reissue_first"
"""Under this name a transport adds the first serial of the issuance that a reissue replaces, where it can find it."""


class CityFeed:
    """The part of `RegistryAdapter` that needs no transport."""

    def __init__(
        self,
        settings: CitySettings,
        mapping: CityMapping,
        *,
        idempotent_push: bool,
        lookup: bool,
        snapshots: bool = False,
    ) -> None:
        self.mapping = mapping
        self.city: City = settings.city(mapping.purposes, latest_only=snapshots)
        self._profile = RegistryProfile(
            name=settings.name,
            member=settings.member,
            registry=settings.registry,
            title=settings.title or mapping.title,
            idempotent_push=idempotent_push,
            lookup=lookup,
            reads_snapshots=snapshots,
        )

    @property
    def profile(self) -> RegistryProfile:
        """Who this is."""
        return self._profile

    @property
    def uninteresting(self) -> Mapping[str, str]:
        """Kinds that become nothing, each with the reason (for the acceptance suite)."""
        return self.mapping.passed_over

    # ---------------------------------------------------------------- translate

    def translate(self, record: NativeRecord) -> Sequence[Record]:
        """See RegistryAdapter. Raises RecordRefused in the registry's own words."""
        if record.kind in self.mapping.passed_over and record.payload:
            return ()
        where = f"{record.source}, {record.kind} {record.native_id} version {record.version}"
        shapes = self.mapping.shapes_of(record.kind)
        if not shapes or not record.payload:
            raise RecordRefused(
                "the record is empty" if shapes else "a kind of record that the mapping does not know",
                code="field_missing" if shapes else "kind_unknown",
                field="kind",
                value=record.kind,
                where=where,
                remedy="correct the record at the registry"
                if shapes
                else "extend the adapter's mapping; the record is kept",
            )
        found: list[Record] = []
        for shape in shapes:
            read = shape.read(record.payload, where)
            try:
                found += translate(read, self.city, where)
            except RecordRefused as refused:
                raise shape.in_native_words(refused) from refused
        return found

    def private_words(self, record: NativeRecord) -> Sequence[str]:
        """Words of a record that must not leave the registry (for the acceptance suite): who a retirement is for."""
        words: list[str] = []
        for shape in self.mapping.shapes_of(record.kind):
            if shape.model is Retirement:
                personal = [c.name for c in shape.columns if c.attribute in ("beneficiary", "beneficiary_uscc")]
                words += [str(record.payload[name]) for name in personal if record.payload.get(name)]
        return words

    # ---------------------------------------------------------------- effects and books

    def _worded(self, effects: Sequence[Effect]) -> tuple[dict[str, tuple[str, dict[str, Json]]], list[Receipt]]:
        """Native key to (effect's key, its body), and refusals of effects that this registry cannot be told."""
        form = self.mapping.effects
        assert form is not None, "a registry without a form for effects is never pushed to"
        bodies: dict[str, tuple[str, dict[str, Json]]] = {}
        refused: list[Receipt] = []
        for effect in effects:
            key = native_key(effect.key)
            try:
                bodies[key] = effect.key, form.body(key, told(effect, self.city))
            except NotTellable as unfit:
                refused.append(Receipt(effect.key, False, reason=f"{unfit.code}: {unfit.reason} ({unfit.value})"))
        return bodies, refused

    def as_told(self, effect: Effect) -> Mapping[str, Json]:
        """One effect as this registry is sent it, or as a person types it. Raises NotTellable, or RecordRefused."""
        if not (self.profile.idempotent_push or self.profile.lookup):
            row: Mapping[str, Json] = self.instructions(effect)["row"]
            return row
        return (self.mapping.effects or EffectForm()).body(native_key(effect.key), told(effect, self.city))

    def instructions(self, effect: Effect) -> Mapping[str, Json]:
        """See WritesInstructions: what a person types where the registry is not told by its adapter. Raises
        RecordRefused."""
        try:
            known = told(effect, self.city)
        except NotTellable as unfit:
            raise RecordRefused(
                f"a person cannot be told of this: {unfit.reason}",
                code=unfit.code,
                value=unfit.value,
                where=effect.key,
                remedy="see the transfer or series on the hub; it is put into words once its document has come",
            ) from unfit
        number = hashlib.sha256(effect.key.encode()).hexdigest()[:10].upper()
        chinese, english = TITLES[known.what]
        return {
            "key": effect.key,
            "item": number,
            "title": {"zh": chinese, "en": english},
            "sheet": self.mapping.bookings,
            "row": dict((self.mapping.effects or EffectForm()).typed(number, known)),
        }

    def _books(self, lines: Iterator[tuple[Mapping[str, Json], str]]) -> Iterator[Holding]:
        """Lines of the books in the protocol's terms. Raises ConfigurationWrong for one that cannot be read."""
        shape = self.mapping.holding
        assert shape is not None, "asked for the books of a registry that publishes none"
        for values, where in lines:
            shape.check_names(values, where)
            try:
                line = shape.read(values, where)
            except RecordRefused as refused:
                raise ConfigurationWrong(
                    f"a holding cannot be read: {refused.message}",
                    code="holding_unreadable",
                    what=refused.value,
                    where=where,
                    remedy="have the registry correct its books, or change the mapping",
                ) from refused
            yield holding(line.units, line.status, line.elsewhere, self.city, where)

    def _no_books(self) -> ConfigurationWrong:
        return ConfigurationWrong(
            "this registry's mapping names no books, so that nothing can be reconciled",
            code="books_missing",
            where="the adapter's mapping",
            remedy="have the registry publish its unit holdings, and fill in `holding` of the mapping",
        )
