"""What a user would lose: a corrected list that sends again what has arrived, or drops what has not."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from pec_tracker.campaign_tokens import Channel, RowState
from pec_tracker.service.campaigns.checked import Checked, Fault, File, Letter
from pec_tracker.service.campaigns.difference import SENT, Change, RowNow, Standing, difference


def letter(key: str, *, address: str | None = None, name: str = "", text: str = "", skipped: bool = False) -> Letter:
    where = f"{key}@pec.test" if address is None else address
    return Letter(
        key, 1, name or key, "", where, Channel.PEC, text=text, skipped=Fault.BAD_ADDRESS if skipped else None
    )


letters = st.builds(
    letter,
    st.sampled_from("abcdef"),
    address=st.sampled_from(["", "1@pec.test", "2@pec.test", "3@pec.test"]),
    name=st.sampled_from(["Rossi", "Bianchi", "Verdi"]),
    text=st.sampled_from(["", "x"]),
    skipped=st.booleans(),
)
lists = st.lists(letters, max_size=6, unique_by=lambda one: one.key)
unsent = [(one, Standing.NONE) for one in (RowState.WAITING, RowState.STOPPED, RowState.GONE)]
standings = st.sampled_from([*unsent, *((RowState.QUEUED, one) for one in Standing)])


@given(lists, st.lists(standings, min_size=6, max_size=6), lists)
def test_nothing_that_has_arrived_or_may_arrive_is_sent_again(
    old: list[Letter], stand: list[tuple[RowState, Standing]], new: list[Letter]
) -> None:
    now = [RowNow(one, state, standing) for one, (state, standing) in zip(old, stand, strict=False)]
    changes = difference(now, new)
    by_key = {one.letter.key: one for one in now}
    for change in changes:
        before = by_key.get(change.letter.key)
        if change.change in SENT and before is not None:
            assert before.standing not in (Standing.DELIVERED, Standing.OPEN) or change.change is Change.CORRECTED
            assert change.change is not Change.CORRECTED or before.standing is Standing.NONE
    keys = Counter(one.letter.key for one in changes)
    assert all(count == 1 for count in keys.values()), "no row is two rows"
    assert len(changes) >= len(new)
    assert {one.letter.key for one in now} <= set(keys), "no row is forgotten"


@given(lists)
def test_the_same_list_changes_nothing(old: list[Letter]) -> None:
    now = [RowNow(one, RowState.QUEUED, Standing.DELIVERED) for one in old]
    assert {one.change for one in difference(now, old)} <= {Change.SAME}


def test_a_renamed_row_is_known_by_its_address() -> None:
    now = [RowNow(letter("a", address="1@pec.test"), RowState.QUEUED, Standing.DELIVERED)]
    [one] = difference(now, [letter("b", address="1@pec.test")])
    assert (one.change, one.letter.key) == (Change.SAME, "a")


def test_what_is_kept_reads_as_it_was() -> None:
    one = Letter(
        "k", 3, "Rossi", "1", "a@pec.test", Channel.PEC, "S", "T", (File("/x", "x", "00", 1),), "CF", ("a", "b")
    )
    checked = Checked((one, letter("z", skipped=True)), (File("/y", "y", "11", 2),), "completa", "c/1", "m", ("no",))
    again = Checked.of_json(checked.as_json())
    assert again == checked
    assert again.id == checked.id
    assert Checked((), (), "completa", None, "m").id != checked.id
