"""What is a verb? A function of `service` that an entrance may call. It takes who asks first, and says what it does.

Rights are asked here and nowhere else: an entrance (command line, page, API) only says who asks.
"""

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import ColumnElement, true

from pec_tracker.askers import Act, Asker
from pec_tracker.ledger import lines
from pec_tracker.service.house import Account

_P = ParamSpec("_P")
_R = TypeVar("_R")
_Verb = Callable[Concatenate[Asker, _P], _R]


def verb(act: Act, *, of_all: bool = False) -> Callable[[_Verb[_P, _R]], _Verb[_P, _R]]:
    """Declare a verb by what it does. Rights are asked before it begins; its ledger lines carry who asked.

    Every account among its arguments must exist for the asker. What concerns the whole house (*of_all*) is for those
    for whom every mailbox exists.
    """

    def declare(function: _Verb[_P, _R]) -> _Verb[_P, _R]:
        @functools.wraps(function)
        def asked(asker: Asker, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
            accounts = [one for one in (*args, *kwargs.values()) if isinstance(one, Account)]
            for account in accounts:
                asker.require_mailbox(account.id, account.name)
            asker.require(act, of_all=of_all)
            with lines.asked_by(asker.key):
                return function(asker, *args, **kwargs)

        asked.__act__ = act  # type: ignore[attr-defined]
        return asked

    return declare


def act_of(function: Callable[..., object]) -> Act | None:
    """What a verb was declared with; None for what is no verb."""
    return getattr(function, "__act__", None)


def among(asker: Asker, column: Any) -> ColumnElement[bool]:
    """The condition that a row's mailbox (*column*) exists for who asks."""
    return true() if asker.mailboxes is None else column.in_(sorted(asker.mailboxes))
