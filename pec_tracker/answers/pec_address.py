"""What is answered when somebody asks whether an address is a PEC address? A guess, and what it rests on."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from pec_tracker.texts import N_, _, words
from pec_tracker.texts.times import rome_time

if TYPE_CHECKING:
    from pec_tracker.providers import Catalogue
    from pec_tracker.service.queries.pec_address import Guess

_LIKELIHOOD: Final = {
    "pec": N_("it is a PEC address, by what receipts said"),
    "probably-pec": N_("it is probably a PEC address"),
    "ordinary": N_("it is an ordinary address, by what receipts said: no delivery receipt comes from it"),
    "unknown": N_("nothing here says whether it is a PEC address"),
}


def guess_facts(guess: "Guess") -> dict[str, Any]:
    """The guess as a JSON object (contract of `provider of`)."""
    return {
        "address": guess.address,
        "likelihood": guess.likelihood,
        "provider": guess.provider,
        "by_domain": guess.by_domain,
        "by_exchanger": guess.by_exchanger,
        "exchangers": guess.exchangers,
        "receipts": {
            "type": guess.seen.type,
            "accepted_at": guess.seen.accepted_at,
            "delivered_at": guess.seen.delivered_at,
        },
    }


def guess_lines(guess: "Guess", catalogue: "Catalogue") -> Iterator[str]:
    """The guess in words, what it rests on, and who would know."""
    yield f"{guess.address}: {words.word(_LIKELIHOOD, guess.likelihood)}"
    if guess.seen.type is not None:
        told = _("the acceptance of {time} calls it: {type}")
        yield "  " + told.format(time=rome_time(guess.seen.accepted_at), type=guess.seen.type)
    if guess.seen.delivered_at is not None:
        yield "  " + _("a PEC was delivered to it: {time}").format(time=rome_time(guess.seen.delivered_at))
    for text, name in ((_("its domain is of {provider}"), guess.by_domain), (_by_exchanger(), guess.by_exchanger)):
        if name is not None:
            yield "  " + text.format(provider=catalogue.provider(name).title)
    if guess.exchangers is not None:
        yield "  " + _("its mail goes to: {hosts}").format(hosts=", ".join(guess.exchangers) or "-")
    yield _("This is a guess. The registers know: INI-PEC, INAD, IPA, ReGIndE.")


def _by_exchanger() -> str:
    return _("its mail goes to a server beside those of {provider}")
