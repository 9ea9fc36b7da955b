"""Rules of continuous batching, without a clock or a thread."""

from __future__ import annotations

from collections import Counter

from pipeline.walk.config import WalkConfig
from pipeline.walk.scheduler import Limits, Scheduler
from tests.pipeline.walk.test_traversal import answer, run, traversal

CONFIG = WalkConfig(grid=3, cell_fraction=0.5, selection="best_first", budget=12)


def simulate(num_images: int, limits: Limits) -> tuple[list[list[int]], dict[int, list[object]]]:
    """Run walks through a scheduler with a made-up network; images per batch, and looks per image."""
    scheduler: Scheduler[None] = Scheduler(limits)
    walks = {image: traversal(CONFIG) for image in range(num_images)}
    for image in walks:
        scheduler.add(image)
    batches = []
    while not scheduler.is_idle:
        for image in scheduler.images_to_open():
            scheduler.opened(image, walks[image])
        for image, glimpse in scheduler.looks_to_read():
            scheduler.was_read(image, glimpse, None)
        assert scheduler.num_ready <= limits.num_windows
        assert scheduler.num_in_flight <= limits.num_images
        batch = scheduler.next_batch()
        assert len(batch) <= limits.batch_size
        batches.append([look.image for look in batch])
        for look in batch:
            scheduler.observed(look, answer(look.glimpse, 9))
        scheduler.take_finished()
    looks = {image: [look.glimpse for look in walk.looks] for image, walk in walks.items()}
    return batches, looks


class TestScheduler:
    def test_every_image_walks_as_if_it_were_alone(self) -> None:
        """Interleaving images changes no walk."""
        expected = run(traversal(CONFIG), 9)
        _, looks = simulate(10, Limits(num_images=4, num_windows=8, batch_size=3))

        assert looks == dict.fromkeys(range(10), expected)

    def test_batches_are_full_while_there_is_work(self) -> None:
        """With enough images in flight every batch but the last few is full, of several images."""
        batches, _ = simulate(32, Limits(num_images=16, num_windows=32, batch_size=8))
        full = [batch for batch in batches if len(batch) == 8]

        assert len(full) >= 0.9 * 32 * 12 / 8
        assert all(len(set(batch)) == 8 for batch in full)

    def test_images_take_turns(self) -> None:
        """When windows are scarce no image of those in flight falls more than a turn behind."""
        batches, _ = simulate(4, Limits(num_images=4, num_windows=2, batch_size=2))
        counts: Counter[int] = Counter()
        for batch in batches[:-4]:
            counts.update(batch)

            assert max(counts.values()) - min(counts[i] for i in range(4)) <= 2

    def test_a_dropped_image_leaves_nothing_behind(self) -> None:
        """Looks of a dropped image that are ready or still out are forgotten; others go on."""
        scheduler: Scheduler[str] = Scheduler(Limits(num_images=2, num_windows=8, batch_size=8))
        for image in (0, 1):
            scheduler.add(image)
        for image in scheduler.images_to_open():
            scheduler.opened(image, traversal(CONFIG))
        (_, first), (_, second) = scheduler.looks_to_read()
        scheduler.was_read(0, first, "pixels")
        scheduler.dropped(0)
        scheduler.was_read(1, second, "pixels")

        assert [look.image for look in scheduler.next_batch()] == [1]
        assert scheduler.num_in_flight == 1
        assert not scheduler.is_reading


class TestImagesThatMustRunAlone:
    def test_they_wait_until_all_others_are_written(self) -> None:
        """No suspect is opened before, and nothing is opened beside or between suspects."""
        scheduler: Scheduler[None] = Scheduler(Limits(num_images=4, num_windows=8, batch_size=3))
        for image in range(6):
            scheduler.add(image)
        assert scheduler.images_to_open() == [0, 1, 2, 3]
        for image in (1, 2):
            scheduler.must_run_alone(image)
        scheduler.dropped(0)
        scheduler.dropped(3)

        assert scheduler.images_to_open() == []  # 0 and 3 are not written yet
        scheduler.written(0)
        assert scheduler.images_to_open() == []
        scheduler.written(3)
        assert scheduler.images_to_open() == [1]
        assert scheduler.is_alone(1)
        assert scheduler.images_to_open() == []
        scheduler.dropped(1)
        assert scheduler.images_to_open() == []
        scheduler.written(1)
        assert scheduler.images_to_open() == [2]
        scheduler.dropped(2)
        scheduler.written(2)
        assert scheduler.images_to_open() == [4, 5]
        assert not scheduler.is_alone(4)

    def test_walks_of_suspects_are_those_of_others(self) -> None:
        """An image that runs alone is walked to its end like any other."""
        scheduler: Scheduler[None] = Scheduler(Limits(num_images=4, num_windows=8, batch_size=3))
        walk = traversal(CONFIG)
        scheduler.add(0)
        scheduler.images_to_open()
        scheduler.must_run_alone(0)
        [image] = scheduler.images_to_open()
        scheduler.opened(image, walk)
        while not scheduler.take_finished():
            for number, glimpse in scheduler.looks_to_read():
                scheduler.was_read(number, glimpse, None)
            for look in scheduler.next_batch():
                scheduler.observed(look, answer(look.glimpse, 9))

        assert [look.glimpse for look in walk.looks] == run(traversal(CONFIG), 9)
