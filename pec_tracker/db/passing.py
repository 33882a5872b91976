"""What does the database alone know? Who works on what, what was told, what a server said: empty after a rebuild."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, UniqueConstraint

from pec_tracker.db.base import Base, Holds, closed, column
from pec_tracker.db.types import Id
from pec_tracker.job_names import JobName, Outcome


class Lease(Base):
    """Who works on what until when. Saves double work; no promise rests on it."""

    __tablename__ = "lease"

    name: Holds[str] = column(primary_key=True)
    owner: Holds[str]
    until: Holds[datetime]


class QuotaSample(Base):
    """What a mailbox's server said of its space, in bytes; `limit` None where it has none or does not say."""

    __tablename__ = "quota_sample"
    __table_args__ = (Index("ix_quota_sample_mailbox_id", "mailbox_id", "at"),)

    id: Holds[int] = column(Id, primary_key=True)
    mailbox_id: Holds[int] = column(ForeignKey("mailbox.id"))
    at: Holds[datetime]
    used: Holds[int] = column(Id)
    limit: Holds[int | None] = column(Id)


class Alert(Base):
    """Something that a person should know, once: `topic` is what it is about, unique with its kind."""

    __tablename__ = "alert"
    __table_args__ = (UniqueConstraint("kind", "topic"),)

    id: Holds[int] = column(Id, primary_key=True)
    kind: Holds[str]
    topic: Holds[str]
    severity: Holds[str]  # warning, alarm
    at: Holds[datetime]
    mailbox_id: Holds[int | None] = column(ForeignKey("mailbox.id"))
    message_id: Holds[int | None] = column(ForeignKey("message.id"))
    facts: Holds[dict[str, Any]]
    settled_at: Holds[datetime | None]


class Job(Base):
    """What the watch does again and again: when next, since when it runs, how it last ended.

    Its keeper notes it now and then (`service.rounds.job_rows`); no promise rests on it. `topic` is the mailbox's
    key, or empty for a job of the house.
    """

    __tablename__ = "job"
    __table_args__ = (closed("name", JobName), closed("outcome", Outcome))

    name: Holds[str] = column(primary_key=True)
    topic: Holds[str] = column(primary_key=True)
    mailbox_id: Holds[int | None] = column(ForeignKey("mailbox.id"))
    next_at: Holds[datetime | None]
    running_since: Holds[datetime | None]
    ended_at: Holds[datetime | None]
    outcome: Holds[str | None]
    problem: Holds[dict[str, Any] | None] = column(JSON(none_as_null=True))  # `texts.error_facts`
    owner: Holds[str]
    noted_at: Holds[datetime]


class Searched(Base):
    """When a message whose outcome is unknown was last searched for on its server, and what that could tell.

    What was found is no fact of this table: it was fetched, and is a mail. `unable`: folders whose server does not
    search by header, or refused to; `problem`: its words.
    """

    __tablename__ = "searched"

    message_id: Holds[int] = column(ForeignKey("message.id"), primary_key=True, autoincrement=False)
    at: Holds[datetime]
    folders: Holds[int]
    unable: Holds[int]
    problem: Holds[dict[str, Any] | None] = column(JSON(none_as_null=True))  # `texts.error_facts`
