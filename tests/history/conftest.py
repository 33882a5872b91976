"""The fixtures of the history's tests: a house on each engine; a sandbox, and homes at it."""

from tests.line.conftest import new_home, sandbox
from tests.service.house import account, house, house_url

__all__ = ["account", "house", "house_url", "new_home", "sandbox"]
