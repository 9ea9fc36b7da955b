"""A run's files below a prefix of a bucket (S3, Google, Azure), through obstore.

An object appears whole or not at all, but nothing can be renamed. A table is replaced under a note that says which
object takes the place of which: whoever finds the note later finishes the work, or undoes it.
"""

from __future__ import annotations

import json
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import obstore
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from obstore.store import from_url

from pipeline.records.store.run_store import RunStore
from pipeline.storage.remote_errors import told

NUM_THREADS = 32
"""Objects read at once."""
_FETCHED_AHEAD = 256
"""Objects of a scan that are held before they are asked for, at most."""
TRY_FOR = timedelta(seconds=60)
"""How long a request that fails in a way that may pass is made again."""
_NOTES = ".replacing"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BucketStore(RunStore):
    """A prefix that only this run writes below."""

    url: str
    """`s3://bucket/prefix`, `gs://`, `az://`; credentials come from the environment."""

    @property
    def uri(self) -> str:
        """The URL."""
        return self.url

    def get(self, key: str) -> bytes | None:
        """What an object holds; None where there is none."""

        def read() -> bytes | None:
            try:
                return bytes(obstore.get(self._store, self._key(key)).bytes())
            except FileNotFoundError:
                return None

        return self._asked(read)

    def put(self, key: str, content: bytes) -> None:
        """An object appears whole, or not at all."""
        self._asked(lambda: obstore.put(self._store, self._key(key), content))

    def remove(self, key: str) -> None:
        """Remove an object; none there is no error."""
        self._remove([key])

    def clear(self, folder: str) -> None:
        """Remove all objects below a folder."""
        self._remove(self.keys(folder))

    def settle(self, table: str) -> None:
        """Finish a replacement whose new object is there; forget one that it is not."""
        note = self.get(f"{_NOTES}/{table}.json")
        if note is None:
            return
        replaced = json.loads(note)
        present = set(self.keys(table))
        if replaced["new"] in present:
            self._remove([key for key in replaced["old"] if key in present])
        self.remove(f"{_NOTES}/{table}.json")

    def keys(self, folder: str) -> list[str]:
        """Of all objects below a folder, in the order of their names."""
        start = len(self._key(""))

        def listed() -> list[str]:
            pages = obstore.list(self._store, f"{self._key(folder)}/")
            return sorted(str(one["path"])[start:] for page in pages for one in page)

        return self._asked(listed)

    def scan(
        self,
        table: str,
        schema: pa.Schema,
        *,
        columns: Sequence[str] | None = None,
        keep: pc.Expression | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """All rows of a table, or those that `keep` keeps; many objects are fetched at once."""
        for content in self._contents(self.keys(table)):
            read = pq.read_table(BytesIO(content), schema=schema)
            kept = read if keep is None else read.filter(keep)
            yield from (kept if columns is None else kept.select(list(columns))).to_batches()

    def _contents(self, keys: Sequence[str]) -> Iterator[bytes]:
        """Of objects that are still there, some hundred fetched ahead, not all that there are."""
        with ThreadPoolExecutor(NUM_THREADS) as pool:
            for first in range(0, len(keys), _FETCHED_AHEAD):
                for content in pool.map(self.get, keys[first : first + _FETCHED_AHEAD]):
                    if content is not None:
                        yield content

    def replace(self, table: str, rows: Iterator[pa.Table], schema: pa.Schema) -> None:
        """Write one object, then remove those that it replaces."""
        new, old = f"{table}/rows-{uuid.uuid4().hex[:12]}.parquet", self.keys(table)
        with tempfile.TemporaryDirectory(prefix="foveate-") as directory:
            path = Path(directory) / "rows.parquet"
            with pq.ParquetWriter(path, schema) as writer:
                for part in rows:
                    writer.write_table(part)
            note = json.dumps({"new": new, "old": old}).encode()
            self.put(f"{_NOTES}/{table}.json", note)
            self._asked(lambda: obstore.put(self._store, self._key(new), path))
        self.settle(table)

    @property
    def _store(self) -> Any:
        parts = urlsplit(self.url)
        return self._asked(lambda: _opened(f"{parts.scheme}://{parts.netloc}"))

    def _key(self, key: str) -> str:
        return f"{urlsplit(self.url).path.strip('/')}/{key}".lstrip("/")

    def _remove(self, keys: Sequence[str]) -> None:
        if keys:
            self._asked(lambda: obstore.delete(self._store, [self._key(key) for key in keys]))

    def _asked(self, request: Callable[[], T]) -> T:
        """Raises StorageError for whatever the server, or obstore, says."""
        try:
            return request()
        except Exception as error:  # obstore's tree has many roots
            raise told(error, self.url, is_signed=False) from error


@lru_cache(maxsize=16)
def _opened(root: str) -> Any:
    """A client of its own: a write is worth more tries than a read, which has an account to keep."""
    return from_url(root, retry_config={"max_retries": 6, "retry_timeout": TRY_FOR})
