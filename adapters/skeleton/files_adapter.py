"""A registry that delivers files into a folder: what its files are, and the adapter made of that and the mapping."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from adapters.city.file_feed import FileFeedAdapter, FileFeedSettings, FileForm
from adapters.city.settings import read_settings
from adapters.skeleton.mapping import MAPPING
from mutual_recognition.documents import Json

# TODO: what your files are (`FileForm` says what each setting means). JSON lines, CSV and XLSX go by the ending.
FORM: Final = FileForm(
    files="*.jsonl",
    name=r"(?P<kind>[a-z ]+)_(?P<batch>[0-9]+)",  # issuance_000001: its kind, and the number of the delivery
    version="version",
    holdings="books_*.jsonl",
    # effects=EffectFiles(...)  when your registry takes files back; without it a person books from the work list
)


def create(settings: Mapping[str, Json]) -> FileFeedAdapter:
    """An adapter from its configuration. Raises ConfigurationWrong."""
    return FileFeedAdapter(read_settings(FileFeedSettings, settings), MAPPING, FORM)


# TODO: the sample speaks the mapping as it came: replace fixtures/ by a sample of yours when mapping.py is filled in.
@contextmanager
def sample() -> Iterator[dict[str, Json]]:
    """Settings of the small registry in `fixtures/` (示例), for tests and for a check before anything is configured."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "delivered"
        shutil.copytree(Path(__file__).parent / "fixtures" / "files", folder)
        yield {
            "name": "skeleton",
            "member": 990000,
            "registry": "sample",
            "folder": str(folder),
            "peers": {"310000": "shanghai-sandbox"},
            "secret_file": f"{scratch}/secret",
        }
