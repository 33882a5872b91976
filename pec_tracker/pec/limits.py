"""How much does a provider take? Its limits as a value; `rules` holds messages to them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """A provider's limits. `max_product` is size in bytes x recipients; None means no limit is known."""

    max_recipients: int = 50
    max_product: int | None = 30 * 1024 * 1024
    max_size: int | None = None
