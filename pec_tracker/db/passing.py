"""What does the database alone know? Who works on what, what was told, what a server said: empty after a rebuild."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pec_tracker.db.base import Base, closed
from pec_tracker.db.types import Id
from pec_tracker.job_names import JobName, Outcome


class Lease(Base):
    """Who works on what until when. Saves double work; no promise rests on it."""

    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]
    until: Mapped[datetime]


class QuotaSample(Base):
    """What a mailbox's server said of its space, in bytes; `limit` None where it has none or does not say."""

    __tablename__ = "quota_sample"
    __table_args__ = (Index("ix_quota_sample_mailbox_id", "mailbox_id", "at"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    mailbox_id: Mapped[int] = mapped_column(ForeignKey("mailbox.id"))
    at: Mapped[datetime]
    used: Mapped[int] = mapped_column(Id)
    limit: Mapped[int | None] = mapped_column(Id)


class Alert(Base):
    """Something that a person should know, once: `topic` is what it is about, unique with its kind."""

    __tablename__ = "alert"
    __table_args__ = (UniqueConstraint("kind", "topic"),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    kind: Mapped[str]
    topic: Mapped[str]
    severity: Mapped[str]  # warning, alarm
    at: Mapped[datetime]
    mailbox_id: Mapped[int | None] = mapped_column(ForeignKey("mailbox.id"))
    message_id: Mapped[int | None] = mapped_column(ForeignKey("message.id"))
    facts: Mapped[dict[str, Any]]
    settled_at: Mapped[datetime | None]


class Job(Base):
    """What the watch does again and again: when next, since when it runs, how it last ended.

    Its keeper notes it now and then (`service.rounds.job_rows`); no promise rests on it. `topic` is the mailbox's
    key, or empty for a job of the house.
    """

    __tablename__ = "job"
    __table_args__ = (closed("name", JobName), closed("outcome", Outcome))

    name: Mapped[str] = mapped_column(primary_key=True)
    topic: Mapped[str] = mapped_column(primary_key=True)
    mailbox_id: Mapped[int | None] = mapped_column(ForeignKey("mailbox.id"))
    next_at: Mapped[datetime | None]
    running_since: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    problem: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))  # `texts.error_facts`
    owner: Mapped[str]
    noted_at: Mapped[datetime]
