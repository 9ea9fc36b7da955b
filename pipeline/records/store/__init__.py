"""Where a run's files lie: a directory on a disk, or a prefix in a bucket."""
