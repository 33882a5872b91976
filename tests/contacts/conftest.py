"""The fixtures of the address book's tests."""

from tests.service.house import account, house, house_url

__all__ = ["account", "house", "house_url"]
