"""What time is it? One clock, passed in: real time, or an accelerated one shared with the sandbox."""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

from pec_tracker.errors import ConfigurationError

ROME = ZoneInfo("Europe/Rome")


@dataclass(frozen=True, slots=True)
class Clock:
    """`origin` plus `factor` seconds for each real second since `started`.

    The default is real time. With factor 3600 an hour lasts a second: the sandbox and the tracker
    built from the same three values agree on every certified time.
    """

    started: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    origin: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    factor: float = 1.0

    @classmethod
    def accelerated(cls, *, origin: datetime, factor: float) -> Self:
        """A clock that reads `origin` now and runs `factor` times as fast as real time."""
        return cls(started=datetime.now(UTC), origin=origin, factor=factor)

    @classmethod
    def shared(cls, file: Path) -> Self:
        """The clock that a sandbox wrote into its file. Raises ConfigurationError."""
        try:
            written = json.loads(file.read_text("utf-8"))["clock"]
            return cls(
                started=datetime.fromisoformat(written["started"]),
                origin=datetime.fromisoformat(written["origin"]),
                factor=float(written["factor"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(
                "{file}: the shared clock cannot be read; start the sandbox first, which writes it", file=file
            ) from error

    def now(self) -> datetime:
        """The time now, in UTC."""
        return self.at(datetime.now(UTC))

    def at(self, real: datetime) -> datetime:
        """What this clock reads when real time is `real`, in UTC."""
        return self.origin.astimezone(UTC) + (real - self.started) * self.factor

    def real_seconds(self, span: timedelta) -> float:
        """How many real seconds `span` lasts on this clock."""
        return span.total_seconds() / self.factor

    def sleep(self, span: timedelta) -> None:
        """Wait until `span` has passed on this clock."""
        time.sleep(max(0.0, self.real_seconds(span)))
