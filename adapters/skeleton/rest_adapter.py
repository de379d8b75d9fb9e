"""A registry with an interface over HTTP: what its wire looks like, and the adapter made of that and the mapping."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from adapters.city.rest_feed import RestFeedAdapter, RestFeedSettings, RestForm
from adapters.city.settings import read_settings
from adapters.skeleton.mapping import MAPPING
from mutual_recognition.documents import Json

# TODO: what your interface is (`RestForm` says what each setting means).
FORM: Final = RestForm(
    feed="changes",
    items="items",
    next="next",
    more="more",
    kind="kind",
    native_id="id",
    version="version",
    content="content",
    status="status",
    record="records/{kind}/{id}",
    holdings="holdings",
    as_of="as_of",
    effects="effects",
)


def create(settings: Mapping[str, Json]) -> RestFeedAdapter:
    """An adapter from its configuration. Raises ConfigurationWrong."""
    return RestFeedAdapter(read_settings(RestFeedSettings, settings), MAPPING, FORM)


# TODO: the sample speaks the mapping as it came: replace fixtures/ by a sample of yours when mapping.py is filled in.
@contextmanager
def sample() -> Iterator[dict[str, Json]]:
    """Settings of the small registry in `fixtures/` (示例), served on loopback while the context lasts."""
    from adapters.samples.sample_rest import SampleRegistry, read_lines, serving

    folder = Path(__file__).parent / "fixtures" / "rest"
    registry = SampleRegistry(FORM, MAPPING, read_lines(folder / "feed.jsonl"), read_lines(folder / "books.jsonl"))
    with tempfile.TemporaryDirectory() as scratch, serving(registry) as url:
        token = Path(scratch) / "token"
        token.write_text(registry.token)
        yield {
            "name": "skeleton",
            "member": 990000,
            "registry": "sample",
            "url": url,
            "token_file": str(token),
            "peers": {"310000": "shanghai-sandbox"},
            "secret_file": f"{scratch}/secret",
            "page_size": 4,
        }
