"""In which language do we speak? English in the code; Italian from the catalogue (gettext) beside this module.

One language a process. click translates its own words ("Usage:", "Missing argument") with the functions of
`gettext`, so our catalogue is made gettext's domain and carries click's texts too.
"""

import gettext
import locale
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pec_tracker.errors import PecTrackerError

DOMAIN: Final = "pec_tracker"
LOCALE_DIR: Final = Path(__file__).parent / "locale"
LANGUAGES: Final = ("it", "en")

# What gettext itself reads, in its order; the first that is set decides.
_VARIABLES: Final = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")

_catalogue: gettext.NullTranslations = gettext.NullTranslations()
_language: str = "en"


def from_environment() -> str:
    """The language that the environment asks for, else the system's; English where it is neither of ours."""
    for variable in _VARIABLES:
        if value := os.environ.get(variable):
            return _known(value.split(":", 1)[0])
    return _known(locale.getlocale()[0] or "")  # Windows sets no variable: "Italian_Italy"


def _known(name: str) -> str:
    return "it" if name.lower().startswith("it") else "en"


def activate(language: str) -> None:
    """Speak `language` (`it`, `en`, or `auto` for the environment's) from now on, click's own words included."""
    global _catalogue, _language
    _language = language if language in LANGUAGES else from_environment()
    _catalogue = gettext.translation(DOMAIN, LOCALE_DIR, languages=[_language], fallback=True)
    # click calls gettext.gettext, which finds its language in the environment at each call.
    os.environ["LANGUAGE"] = _language
    gettext.bindtextdomain(DOMAIN, str(LOCALE_DIR))
    gettext.textdomain(DOMAIN)


def current() -> str:
    """The language spoken now: `it` or `en`."""
    return _language


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for it
    """Mark `text` for the catalogue; it is translated later, where it is shown."""
    return text


def _(text: str) -> str:
    """`text` in the language spoken now. The empty text stays empty (gettext would answer its header)."""
    return _catalogue.gettext(text) if text else text


def ngettext(singular: str, plural: str, count: int) -> str:
    """`singular` or `plural`, as `count` asks, in the language spoken now."""
    return _catalogue.ngettext(singular, plural, count)


# What the system says of a file or a connection, and OpenSSL of a certificate: they know one language only.
REASONS: Final = frozenset(
    {
        N_("No such file or directory"),
        N_("Permission denied"),
        N_("Operation not permitted"),
        N_("Is a directory"),
        N_("Not a directory"),
        N_("File exists"),
        N_("File name too long"),
        N_("Read-only file system"),
        N_("No space left on device"),
        N_("Input/output error"),
        N_("Connection refused"),
        N_("Connection reset by peer"),
        N_("Connection timed out"),
        N_("Network is unreachable"),
        N_("No route to host"),
        N_("Name or service not known"),
        N_("Temporary failure in name resolution"),
        N_("certificate has expired"),
        N_("certificate is not yet valid"),
        N_("self-signed certificate"),
        N_("self-signed certificate in certificate chain"),
        N_("unable to get local issuer certificate"),
    }
)


def error_text(error: PecTrackerError) -> str:
    """The error as a person reads it; errors among its parameters are translated too."""
    params = {
        name: error_text(value) if isinstance(value, PecTrackerError) else _spoken(name, value)
        for name, value in error.params.items()
    }
    return _(error.template).format(**params)


def error_facts(error: PecTrackerError) -> dict[str, Any]:
    """The error as JSON can keep it, in no language: `{"template": ..., "params": {...}}`, errors in it likewise."""
    return {"template": error.template, "params": {name: _plain(value) for name, value in error.params.items()}}


def facts_text(facts: Mapping[str, Any]) -> str:
    """What `error_facts` kept, as a person reads it, in the language spoken now."""
    params = {
        name: facts_text(value) if isinstance(value, Mapping) else _spoken(name, value)
        for name, value in facts["params"].items()
    }
    return _(facts["template"]).format(**params)


def reason_text(reason: str) -> str:
    """Why the system or the network refused something; what we have no words for stays as the system said it."""
    return _(reason) if reason in REASONS else reason


def _spoken(name: str, value: object) -> object:
    return reason_text(value) if name == "reason" and isinstance(value, str) else value


def error_again(facts: Mapping[str, Any]) -> PecTrackerError:
    """What `error_facts` kept, as an error once more, to stand in another's parameters."""
    params = {
        name: error_again(value) if isinstance(value, Mapping) else value for name, value in facts["params"].items()
    }
    return PecTrackerError(facts["template"], **params)


def _plain(value: object) -> object:
    if isinstance(value, PecTrackerError):
        return error_facts(value)
    return value if isinstance(value, str | int | float | bool | None) else str(value)
