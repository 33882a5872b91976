"""How much does a provider take? Its limits as a value; `rules` holds messages to them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """A provider's limits. `max_product` is size in bytes x recipients; None means no limit is known.

    `turns_back_programs` is the provider's name where it says that it turns back messages with programs (`blocked`).
    """

    max_recipients: int = 50
    max_product: int | None = 30 * 1024 * 1024
    max_size: int | None = None
    turns_back_programs: str | None = None
