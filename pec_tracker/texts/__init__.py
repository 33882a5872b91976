"""Italian and English: `_`, `N_` and `ngettext` for texts, `error_text` for errors, `activate` for the language.

An error that travels inside a result or a row is kept as `error_facts` and told by `facts_text`.
"""

from pec_tracker.texts.language import (
    LANGUAGES,
    N_,
    _,
    activate,
    current,
    error_again,
    error_facts,
    error_text,
    facts_text,
    from_environment,
    ngettext,
    reason_text,
)

__all__ = [
    "LANGUAGES",
    "N_",
    "_",
    "activate",
    "current",
    "error_again",
    "error_facts",
    "error_text",
    "facts_text",
    "from_environment",
    "ngettext",
    "reason_text",
]
