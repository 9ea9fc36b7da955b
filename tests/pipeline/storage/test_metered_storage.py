"""What may be read at most is never exceeded, by the servers' own logs; and what may be read is read as ever."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from pipeline.errors import AllowanceSpentError, ImageError
from pipeline.images.opening import open_source
from pipeline.images.tile import FailedTile, Tile, TileKey
from pipeline.storage.acquisition import Acquisition
from pipeline.storage.byte_range import ByteRange, total
from pipeline.storage.disk import DiskStorage
from pipeline.storage.metered_storage import FIRST_PART_BYTES, MeteredStorage, metered
from pipeline.storage.purse import Purse
from tests.pipeline.storage.conftest import Place
from tests.pipeline.storage.forms import FORMS

KEYS = [TileKey(0, 1, 1), TileKey(0, 1, 2), TileKey(1, 2, 1), TileKey(2, 0, 0)]
AMPLE = 10**9


def read(uri: str, purse: Purse) -> tuple[Acquisition, list[Tile]]:
    """Open an image and read some tiles, in two rounds; their cost, and what they hold."""
    source = open_source(uri, purse=purse)
    try:
        answers = [*source.read_tiles(KEYS[:2]), *source.read_tiles(KEYS[2:])]
        tiles = [one for one in answers if isinstance(one, Tile)]
        assert not any(isinstance(one, FailedTile) for one in answers)
        return source.header + total(one.acquisition for one in tiles), tiles
    finally:
        source.close()


def spent(purse: Purse, start: int) -> int:
    """What is gone of it."""
    assert purse.num_left is not None
    return start - purse.num_left


class TestPurse:
    def test_never_gives_more_than_there_is(self) -> None:
        """Many threads that take and give back at once never have more out than was in it."""
        purse, out, most, lock = Purse(1000), 0, 0, threading.Lock()

        def spend(size: int) -> None:
            nonlocal out, most
            for _ in range(200):
                if purse.take(size):
                    with lock:
                        out += size
                        most = max(most, out)
                        out -= size
                    purse.give_back(size)

        threads = [threading.Thread(target=spend, args=(size,)) for size in (300, 400, 500, 600)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()

        assert 0 < most <= 1000
        assert purse.num_left == 1000

    def test_endless_ones_refuse_nothing(self) -> None:
        """Without a number any number may be taken; and storages are not wrapped for it."""
        purse = Purse()

        assert purse.take(10**15)
        assert purse.take_at_most(7) == 7
        assert purse.num_left is None


class TestMeteredStorage:
    def test_an_ample_purse_changes_nothing(self, tmp_path: Path) -> None:
        """All kinds of ranges have the answers of the storage itself, and the purse has paid what came."""
        (tmp_path / "a").write_bytes(bytes(range(256)) * 20_000)  # 5 MB: longer than a first part
        (tmp_path / "b").write_bytes(b"short")
        plain = DiskStorage(tmp_path)
        purse = Purse(AMPLE)
        wanted = [
            ByteRange(key="a"),
            ByteRange(key="a", offset=77),
            ByteRange(key="a", offset=10, count=1000),
            ByteRange(key="a", offset=-100, count=100),
            ByteRange(key="b", count=99, is_clipped=True),
            ByteRange(key="b"),
            ByteRange(key="none"),
            ByteRange(key="none", count=5),
        ]
        expected = plain.fetch(wanted)
        found = metered(plain, purse).fetch(wanted)

        assert [one.data for one in found] == [one.data for one in expected]
        assert spent(purse, AMPLE) == sum(one.transferred_bytes for one in expected)

    def test_what_was_read_in_vain_is_told(self, tmp_path: Path) -> None:
        """An object that turns out too long costs its first part, and the error says so."""
        (tmp_path / "a").write_bytes(bytes(3 * FIRST_PART_BYTES))
        purse = Purse(2 * FIRST_PART_BYTES)
        with pytest.raises(AllowanceSpentError, match="are wanted, 1048576 are left") as caught:
            MeteredStorage(DiskStorage(tmp_path), purse).fetch([ByteRange(key="a")])

        assert caught.value.cost.transferred_bytes == FIRST_PART_BYTES
        assert purse.num_left == FIRST_PART_BYTES

    def test_storages_beside_share_the_purse(self, tmp_path: Path) -> None:
        """What lies beside an object is paid for from the same purse."""
        for name in ("a", "b"):
            (tmp_path / name).write_bytes(bytes(60))
        storage = MeteredStorage(DiskStorage(tmp_path / "a"), Purse(100))
        storage.fetch([ByteRange(count=60)])
        with pytest.raises(AllowanceSpentError, match="60 bytes are wanted, 40 are left"):
            storage.beside("b").fetch([ByteRange(count=60)])


class TestImages:
    @pytest.mark.parametrize("name", FORMS)
    def test_every_byte_is_paid_for(self, place: Place, name: str) -> None:
        """With an ample purse an image reads as without one; ledger, purse and the server's log agree."""
        if name not in place.forms:
            pytest.skip("not served there")
        _, expected = read(place.root + name, Purse())
        place.server.forget()
        purse = Purse(AMPLE)
        cost, tiles = read(place.root + name, purse)
        sent = sum(one.body_bytes for one in place.server.requests() if one.status < 300)

        assert spent(purse, AMPLE) == cost.transferred_bytes == sent
        for one, other in zip(tiles, expected, strict=True):
            assert (one.data is None) == (other.data is None)
            assert one.data is None or (one.data == other.data).all()  # type: ignore[attr-defined]  # an array, if not None

    @pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.8, 0.99])
    @pytest.mark.parametrize("name", FORMS)
    def test_a_small_purse_is_never_overdrawn(
        self, web_place: Place, name: str, share: float
    ) -> None:
        """Whatever part of an image's cost is in it, the server sends no more, and a clear error ends the reading."""
        uri = web_place.root + name
        whole = Purse(AMPLE)
        read(uri, whole)
        means = int(share * spent(whole, AMPLE))
        web_place.server.forget()
        with pytest.raises(ImageError, match="of its share of the archive's budget"):
            read(uri, Purse(means))

        assert sum(one.body_bytes for one in web_place.server.requests()) <= means

    @pytest.mark.parametrize("name", FORMS)
    def test_disks_are_metered_alike(self, pictures: Path, name: str) -> None:
        """From a disk, too, the purse pays what the ledger says, and half of it does not suffice."""
        purse = Purse(AMPLE)
        cost, _ = read(str(pictures / name), purse)
        assert spent(purse, AMPLE) == cost.transferred_bytes
        with pytest.raises(ImageError, match="of its share of the archive's budget"):
            read(str(pictures / name), Purse(cost.transferred_bytes // 2))
