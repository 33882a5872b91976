"""Which words does a campaign need? One for each token: its states, ways, faults."""

from collections.abc import Mapping
from typing import Final

from pec_tracker.texts import N_

STATES: Final[Mapping[str, str]] = {
    "draft": N_("draft"),
    "running": N_("running"),
    "paused": N_("paused"),
    "cancelled": N_("cancelled"),
}

CHANNELS: Final[Mapping[str, str]] = {
    "pec": N_("PEC"),
    "ordinary": N_("ordinary e-mail"),
    "paper": N_("registered letter"),
    "hand": N_("by hand"),
}

ROW_STATES: Final[Mapping[str, str]] = {
    "waiting": N_("to be sent"),
    "queued": N_("in the outbox"),
    "stopped": N_("stopped"),
    "skipped": N_("left out"),
    "merged": N_("in another row's letter"),
    "gone": N_("no longer in the list"),
}

CLASSES: Final[Mapping[str, str]] = {
    "list": N_("The list"),
    "addresses": N_("Addresses"),
    "documents": N_("Documents"),
    "texts": N_("Text"),
    "letters": N_("Letters"),
}

FAULTS: Final[Mapping[str, str]] = {
    "same-key": N_("these rows cannot be told apart; add a column that does (unit, tax code), or name one: --key"),
    "no-rows": N_("no row has a letter to be sent"),
    "bad-channel": N_("the way to send is not known: PEC, ordinaria, raccomandata or a mano"),
    "no-channel": N_("no way to send"),
    "no-address": N_("no address"),
    "bad-address": N_("the address is not valid"),
    "unknown-address": N_("receipts say that this address does not exist"),
    "no-postal-address": N_("no postal address"),
    "same-address": N_("the same address as another row: two letters; --merge writes one that names both"),
    "no-file": N_("no document of its own"),
    "several-files": N_("several documents fit"),
    "file-of-two": N_("the same document belongs to several rows"),
    "file-of-nobody": N_("documents that belong to no row"),
    "file-unreadable": N_("the document cannot be read"),
    "document-twice": N_("documents with the same content, of different owners"),
    "names-another": N_("the document bears the name or the tax code of somebody else"),
    "not-looked-into": N_("the first page holds no text that can be read: nothing there tells whose it is"),
    "empty-value": N_("the text asks for a column that is empty in this row"),
    "bad-value": N_("the text asks for a column that holds an error of the spreadsheet, or too much"),
    "rule": N_("rules of PEC"),
    "no-agreement": N_("the provider allows automatic sending only by agreement: pec-tracker mailbox acknowledge"),
    "no-space": N_("the mailbox lacks space for the receipts that come back"),
}

WEIGHTS: Final[Mapping[str, str]] = {
    "stops": N_("To be corrected: nothing can be started before"),
    "skips": N_("Left out"),
    "advises": N_("To be looked at"),
}

NOTED: Final[Mapping[str, str]] = {
    "posted": N_("posted"),
    "delivered": N_("delivered"),
    "notice-left": N_("notice left, the letter waits at the post office"),
    "returned": N_("returned"),
    "handed": N_("handed over"),
}

TIMELY: Final[Mapping[str, str]] = {
    "in-time": N_("in time"),
    "at-the-limit": N_("at the limit"),
    "late": N_("late"),
    "missing": N_("missing"),
}

CHANGES: Final[Mapping[str, str]] = {
    "new": N_("new: is sent"),
    "same": N_("unchanged"),
    "corrected": N_("corrected before it was sent"),
    "again": N_("had not arrived: is sent again as it says now"),
    "kept": N_("has arrived already: stays, and is not sent again"),
    "open": N_("its outcome is not known yet: stays, and is not sent again"),
    "left-out": N_("had not arrived, and is left out now: is not sent again"),
    "gone": N_("no longer in the list: is not sent"),
    "sent-and-gone": N_("no longer in the list: what was sent stays sent"),
}

OUTCOMES: Final[Mapping[str, str]] = {
    "none": N_("not sent"),
    "open": N_("on its way"),
    "delivered": N_("delivered"),
    "failed": N_("not delivered"),
}
