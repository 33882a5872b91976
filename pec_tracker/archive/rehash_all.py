"""Which process reads which folder of objects again?"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future

from pec_tracker import workers
from pec_tracker.archive.rehash import Rehash, rehash

# One process hashes some 100,000 mails of 8 kB a second: below this, starting others takes longer than it saves.
WORTH_PROCESSES = 100_000


def rehash_all(folders: Sequence[tuple[str, Sequence[str]]], processes: int) -> Iterator[tuple[str, Rehash]]:
    """Hash the files of each folder again, in their order."""
    if processes < 2 or sum(len(names) for _, names in folders) < WORTH_PROCESSES:
        for folder, names in folders:
            yield folder, rehash(folder, names)
        return
    with workers.pool(processes) as pool:
        running: list[tuple[str, Future[Rehash]]] = [(f, pool.submit(rehash, f, names)) for f, names in folders]
        for folder, future in running:
            yield folder, future.result()
