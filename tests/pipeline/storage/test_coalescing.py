"""Near ranges become one request."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.storage.byte_range import ByteRange
from pipeline.storage.coalescing import gap_bytes, plan_requests, shared_bytes
from pipeline.storage.fingerprint import Fingerprint

RANGES = st.lists(
    st.builds(
        ByteRange,
        key=st.sampled_from(["", "a"]),
        offset=st.integers(0, 300),
        count=st.integers(0, 40),
    ),
    max_size=20,
)


def spans(ranges: list[ByteRange], gap: int, longest: int = 10**6) -> list[tuple[int, int | None]]:
    """Offset and length of each request."""
    requests = plan_requests(ranges, max_gap_bytes=gap, max_request_bytes=longest)
    return [(one.wanted.offset, one.wanted.count) for one in requests]


class TestPlanRequests:
    def test_neighbours_join(self) -> None:
        """Ranges side by side, or within the gap, are one request; farther ones are not."""
        ranges = [ByteRange(offset=o, count=10) for o in (0, 10, 25, 60)]

        assert spans(ranges, 5) == [(0, 35), (60, 10)]
        assert spans(ranges, 4) == [(0, 20), (25, 10), (60, 10)]

    def test_requests_have_a_longest(self) -> None:
        """Joining stops where a request would become too long; a single range may be longer."""
        ranges = [ByteRange(offset=0, count=10), ByteRange(offset=10, count=10)]

        assert spans([*ranges, ByteRange(offset=20, count=30)], 0, 20) == [(0, 20), (20, 30)]

    def test_objects_and_versions_stay_apart(self) -> None:
        """Only ranges of one version of one object are joined; those without an end never."""
        ranges = [
            ByteRange(key="a", count=5),
            ByteRange(key="b", offset=5, count=5),
            ByteRange(key="a", offset=5, count=5, version=Fingerprint(1, 2, "x")),
            ByteRange(key="a", offset=-5, count=5),
            ByteRange(key="a"),
        ]

        assert len(plan_requests(ranges, max_gap_bytes=1000)) == 5

    @given(ranges=RANGES, gap=st.integers(0, 30), longest=st.integers(1, 200))
    def test_every_range_is_in_one_request(
        self, ranges: list[ByteRange], gap: int, longest: int
    ) -> None:
        """Each range lies within exactly one request, gaps are what no range wants, shared bytes come once."""
        requests = plan_requests(ranges, max_gap_bytes=gap, max_request_bytes=longest)

        assert sorted(n for one in requests for n in one.members) == list(range(len(ranges)))
        for one in requests:
            whole = set(range(one.wanted.offset, one.wanted.offset + (one.wanted.count or 0)))
            own = [
                set(range(ranges[n].offset, ranges[n].offset + (ranges[n].count or 0)))
                for n in one.members
            ]
            assert all(part <= whole for part in own)
            assert {ranges[n].key for n in one.members} == {one.wanted.key}
            assert gap_bytes(one, ranges) == len(whole - set().union(*own))
            assert sum(shared_bytes(one, ranges)) == sum(map(len, own)) - len(set().union(*own))
            assert len(one.members) == 1 or len(whole) <= longest
