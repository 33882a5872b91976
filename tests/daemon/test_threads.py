"""A server that hangs must hold only its own mailbox, and 200 mailboxes must not take 200 threads."""

import threading
from collections.abc import Callable, Iterator

import pytest

from pec_tracker.daemon import threads
from pec_tracker.daemon.threads import FewThreads
from tests.servers.programs import wait_until


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Iterator[FewThreads]:
    monkeypatch.setattr(threads, "LIVELY", 2)
    monkeypatch.setattr(threads, "PATIENCE", 0.2)
    made = FewThreads()
    yield made
    made.begin_no_more()
    assert made.wait_idle(5)


class Held:
    """Work that goes on until it is let go, and shows that it lives only where it is told to."""

    def __init__(self, few: FewThreads) -> None:
        self.few = few
        self.begun: list[int] = []
        self.let_go = threading.Event()

    def begin(self, number: int, *, lively: bool = False) -> None:
        def work() -> None:
            self.begun.append(number)
            while not self.let_go.wait(0.02):
                if lively:
                    self.few.sign(number)

        self.few.begin(number, work)


@pytest.fixture
def held(few: FewThreads) -> Iterator[Held]:
    made = Held(few)
    yield made
    made.let_go.set()


def looking(few: FewThreads, so: Callable[[], bool]) -> Callable[[], bool]:
    def looked() -> bool:
        few.begin_more()
        return so()

    return looked


def test_jobs_at_work_that_live_keep_their_few_places(few: FewThreads, held: Held) -> None:
    for number in range(5):
        held.begin(number, lively=True)
    with pytest.raises(TimeoutError):
        wait_until(looking(few, lambda: few.count > 2), seconds=1, what="a third is begun")
    assert held.begun == [0, 1]
    held.let_go.set()
    wait_until(lambda: held.begun == [0, 1, 2, 3, 4], seconds=5, what="the others have their turn")


def test_jobs_that_hang_give_their_places_on(few: FewThreads, held: Held) -> None:
    for number in range(7):
        held.begin(number)
    done = threading.Event()
    few.begin("good", done.set)
    wait_until(looking(few, done.is_set), seconds=10, what="the good one is done though seven hang")
    assert held.begun == list(range(7))
    assert few.count >= 7


def test_however_many_hang_there_is_an_end_of_threads(
    few: FewThreads, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "MOST", 3)
    for number in range(6):
        held.begin(number)
    with pytest.raises(TimeoutError):
        wait_until(looking(few, lambda: few.count > 3), seconds=1, what="a fourth is begun")


def test_what_has_been_silent_is_told_by_its_name(few: FewThreads, held: Held) -> None:
    held.begin(7)
    wait_until(lambda: (few.silent_for(7) or 0) > 0.3, seconds=5, what="its silence grows")
    few.sign(7)
    assert (few.silent_for(7) or 9) < 0.3
    assert few.silent_for(8) is None


def test_told_to_begin_no_more_it_forgets_what_waits(few: FewThreads, held: Held) -> None:
    for number in range(4):
        held.begin(number, lively=True)
    wait_until(lambda: held.begun == [0, 1], seconds=5, what="two are at work")
    few.begin_no_more()
    held.let_go.set()
    assert few.wait_idle(5)
    assert held.begun == [0, 1]
