"""Does the sandbox's store keep what it is given, with its numbers, over a restart too?"""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pec_tracker.errors import NotFoundError, UsageError
from pec_tracker.sandbox.store import Account, Folder, Mailbox, Store, StoreFull

ADDRESS = "Ufficio@pec.example.it"
AT = datetime(2026, 3, 1, 10, 30, tzinfo=timezone(timedelta(hours=1)))


def _store(folder: Path | None = None, *, quota_bytes: int = 1 << 20) -> Store:
    store = Store(folder)
    store.add_account(Account(ADDRESS, "ufficio", "segreto", quota_bytes))
    return store


def _told(mailbox: Mailbox) -> dict[str, object]:
    """All that a client could see of a mailbox."""
    return {name: _told_folder(folder) for name, folder in mailbox.folders.items()} | {
        "used": mailbox.used,
        "subscribed": mailbox.subscribed,
    }


def _told_folder(folder: Folder) -> tuple[object, ...]:
    mails = [(mail.uid, mail.size, mail.internal_at, mail.flags, mail.raw()) for mail in folder.mails.values()]
    return folder.uidvalidity, folder.next_uid, folder.special_use, mails


@pytest.mark.parametrize("on_disk", [False, True])
def test_a_mail_comes_back_byte_for_byte(tmp_path: Path, on_disk: bool) -> None:
    store = _store(tmp_path if on_disk else None)
    raw = bytes(range(256)) + b"\r\n\n\r"
    uid = store.deliver(ADDRESS.lower(), raw, flags=["\\Seen"], internal_at=AT)
    mail = store.mailbox(ADDRESS).folders["INBOX"].mails[uid]
    assert (uid, mail.raw(), mail.size, mail.flags) == (1, raw, len(raw), frozenset({"\\Seen"}))
    assert mail.internal_at == AT
    assert store.used(ADDRESS) == len(raw)


def test_an_account_is_found_by_address_and_login_in_any_case() -> None:
    store = _store()
    account = store.account_for_address("UFFICIO@PEC.EXAMPLE.IT")
    assert account is store.account_for_login("Ufficio") is store.accounts()[0]
    assert store.account_for_login("nobody") is store.account_for_address("a@b") is None
    with pytest.raises(NotFoundError, match="not a mailbox of this sandbox"):
        store.deliver("other@pec.example.it", b"x", internal_at=AT)
    with pytest.raises(NotFoundError, match="no folder Nowhere"):
        store.deliver(ADDRESS, b"x", folder="Nowhere", internal_at=AT)


def test_a_new_account_has_the_folders_that_mail_programs_expect() -> None:
    folders = _store().mailbox(ADDRESS).folders
    assert {name: folder.special_use for name, folder in folders.items()} == {
        "INBOX": None,
        "INBOX.Inviata": "\\Sent",
        "Drafts": "\\Drafts",
        "Trash": "\\Trash",
        "Junk": "\\Junk",
    }


def test_a_full_mailbox_takes_nothing_more_until_there_is_room_again() -> None:
    store = _store(quota_bytes=100)
    store.deliver(ADDRESS, b"x" * 60, internal_at=AT)
    with pytest.raises(StoreFull) as caught:
        store.deliver(ADDRESS, b"x" * 41, internal_at=AT)
    assert (caught.value.used, caught.value.quota) == (60, 100)
    assert store.deliver(ADDRESS, b"x" * 40, internal_at=AT) == 2
    mailbox = store.mailbox(ADDRESS)
    mailbox.expunge(mailbox.folders["INBOX"], [1])
    assert store.used(ADDRESS) == 40
    assert store.deliver(ADDRESS, b"x" * 60, internal_at=AT) == 3


def test_everything_survives_a_restart(tmp_path: Path) -> None:
    store = _store(tmp_path)
    mailbox = store.mailbox(ADDRESS)
    for number in range(5):
        store.deliver(ADDRESS, b"mail %d" % number, internal_at=AT + timedelta(days=number))
    inbox = mailbox.folders["INBOX"]
    inbox.set_flags(2, {"\\Seen", "pratica"})
    mailbox.expunge(inbox, [3, 5])
    mailbox.create("Pratiche.Città/2026 & oltre")
    mailbox.copy(inbox, [1, 2], mailbox.folders["Pratiche.Città/2026 & oltre"])
    mailbox.rename("Pratiche.Città/2026 & oltre", "Archivio")
    mailbox.subscribe("Archivio")
    again = Store(tmp_path)
    assert _told(again.mailbox(ADDRESS)) == _told(mailbox)
    assert again.accounts() == store.accounts()
    assert again.deliver(ADDRESS, b"new", internal_at=AT) == 6


def test_an_account_added_again_keeps_its_mails(tmp_path: Path) -> None:
    _store(tmp_path).deliver(ADDRESS, b"mail", internal_at=AT)
    again = Store(tmp_path)
    again.add_account(Account(ADDRESS, "ufficio", "new password"))
    assert again.used(ADDRESS) == 4
    assert [account.password for account in Store(tmp_path).accounts()] == ["new password"]


def test_a_change_cut_short_by_a_kill_never_happened(tmp_path: Path) -> None:
    store = _store(tmp_path)
    store.deliver(ADDRESS, b"one", internal_at=AT)
    before = _told(store.mailbox(ADDRESS))
    journal = next(tmp_path.glob("*/1/journal"))
    journal.write_bytes(journal.read_bytes() + b'{"flag":1,"fla')
    again = Store(tmp_path)
    assert _told(again.mailbox(ADDRESS)) == before
    again.deliver(ADDRESS, b"two", internal_at=AT)
    assert list(Store(tmp_path).mailbox(ADDRESS).folders["INBOX"].mails) == [1, 2]


@pytest.mark.parametrize("on_disk", [False, True])
def test_a_changed_uidvalidity_numbers_the_same_mails_anew(tmp_path: Path, on_disk: bool) -> None:
    store = _store(tmp_path if on_disk else None)
    mailbox = store.mailbox(ADDRESS)
    for raw in (b"one", b"two", b"three"):
        store.deliver(ADDRESS, raw, internal_at=AT)
    old = mailbox.folders["INBOX"]
    mailbox.expunge(old, [1])
    fresh = mailbox.change_uidvalidity("inbox")
    assert old.gone
    assert fresh.uidvalidity != old.uidvalidity
    assert [(mail.uid, mail.raw()) for mail in fresh.mails.values()] == [(1, b"two"), (2, b"three")]
    assert store.used(ADDRESS) == 8


def test_a_folder_deleted_and_made_again_is_never_taken_for_the_old_one(tmp_path: Path) -> None:
    mailbox = _store(tmp_path).mailbox(ADDRESS)
    first = mailbox.create("Pratiche").uidvalidity
    mailbox.delete("Pratiche")
    again = Store(tmp_path).mailbox(ADDRESS)
    assert again.create("Pratiche").uidvalidity > first


def test_moving_needs_no_room_and_copying_does() -> None:
    store = _store(quota_bytes=10)
    store.deliver(ADDRESS, b"x" * 8, internal_at=AT)
    mailbox = store.mailbox(ADDRESS)
    inbox, junk = mailbox.folders["INBOX"], mailbox.folders["Junk"]
    with pytest.raises(StoreFull):
        mailbox.copy(inbox, [1], junk)
    assert mailbox.move(inbox, [1], junk) == [1]
    assert (len(inbox.mails), len(junk.mails), mailbox.used) == (0, 1, 8)


def test_folders_below_follow_a_renamed_one_and_inbox_stays() -> None:
    mailbox = _store().mailbox(ADDRESS)
    for name in ("a", "a.b", "a.b.c", "ab"):
        mailbox.create(name)
    mailbox.rename("a", "z")
    assert {"z", "z.b", "z.b.c", "ab"} <= set(mailbox.folders)
    assert "a.b" not in mailbox.folders
    mailbox.add(mailbox.folders["INBOX"], b"mail", internal_at=AT, flags=())
    mailbox.rename("INBOX", "old")
    assert [len(mailbox.folders[name].mails) for name in ("INBOX", "old")] == [0, 1]


def test_names_that_cannot_be_are_refused() -> None:
    mailbox = _store().mailbox(ADDRESS)
    for name in ("", "a..b", ".a", "inbox", "Trash", "x" * 2_000):
        with pytest.raises(UsageError):
            mailbox.create(name)
    with pytest.raises(UsageError):
        mailbox.delete("Inbox")
    with pytest.raises(UsageError):
        mailbox.rename("Trash", "Junk")
    with pytest.raises(NotFoundError):
        mailbox.delete("Nowhere")


def test_who_listens_hears_of_each_change() -> None:
    store = _store()
    inbox = store.mailbox(ADDRESS).folders["INBOX"]
    heard: list[int] = []
    inbox.listeners.add(lambda: heard.append(inbox.modseq))
    store.deliver(ADDRESS, b"x", internal_at=AT)
    inbox.set_flags(1, {"\\Seen"})
    inbox.set_flags(1, {"\\Seen"})
    inbox.remove([1])
    assert len(heard) == 3


CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.binary(max_size=20)),
        st.tuples(st.just("flag"), st.sets(st.sampled_from(["\\Seen", "\\Deleted", "pratica"]))),
        st.tuples(st.just("expunge"), st.none()),
        st.tuples(st.just("move"), st.none()),
    ),
    max_size=20,
)


@settings(max_examples=40, deadline=None)
@given(CHANGES)
def test_any_history_is_the_same_on_disk_and_in_memory(changes: list[tuple[str, object]]) -> None:
    with TemporaryDirectory() as folder:
        stores = [_store(Path(folder)), _store(None)]
        for step, (what, argument) in enumerate(changes):
            for store in stores:
                mailbox = store.mailbox(ADDRESS)
                inbox = mailbox.folders["INBOX"]
                chosen = sorted(inbox.mails)[step % 3 :: 3]
                if what == "add":
                    assert isinstance(argument, bytes)
                    store.deliver(ADDRESS, argument, internal_at=AT.astimezone(UTC))
                elif what == "flag":
                    assert isinstance(argument, set)
                    for uid in chosen:
                        inbox.set_flags(uid, argument)
                elif what == "expunge":
                    mailbox.expunge(inbox, chosen)
                else:
                    mailbox.move(inbox, chosen, mailbox.folders["Trash"])
        told = [_told(store.mailbox(ADDRESS)) for store in [*stores, Store(Path(folder))]]
        assert told[0] == told[1] == told[2]
