"""Which process reads which folder of objects again?"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pec_tracker import workers
from pec_tracker.archive.rehash import Rehash, rehash

# One process hashes some 100,000 mails of 8 kB a second: below this, starting others takes longer than it saves.
WORTH_PROCESSES = 20_000


@contextmanager
def rehash_all(folders: Sequence[tuple[str, Sequence[str]]], processes: int) -> Iterator[Iterator[tuple[str, Rehash]]]:
    """What hashing the files of each folder again gives, in their order. Where other processes are worth it they begin
    at once, and go on while this one does something else."""
    if processes < 2 or sum(len(names) for _, names in folders) < WORTH_PROCESSES:
        yield ((folder, rehash(folder, names)) for folder, names in folders)
        return
    with workers.pool(processes) as pool:
        running = [(folder, pool.submit(rehash, folder, names)) for folder, names in folders]
        yield ((folder, future.result()) for folder, future in running)
