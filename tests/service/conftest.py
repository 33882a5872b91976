"""The fixtures of the services' tests."""

from tests.service.house import account, house, house_url

__all__ = ["account", "house", "house_url"]
