"""Can an administrator tell from a log line which mailbox it is about?"""

from pathlib import Path

import structlog

from pec_tracker import app, config
from tests.line.houses import one_round

NOBODY_LISTENS = """
data = "data"
[mailbox.studio]
address = "studio.rossi@pec.it"
provider = "custom"
password_file = "password"
smtp = { host = "127.0.0.1", port = 9 }
imap = { host = "127.0.0.1", port = 9, timeout_seconds = 1 }
"""


def test_a_failed_round_names_the_mailbox_as_its_owner_does(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret", encoding="utf-8")
    (tmp_path / "config.toml").write_text(NOBODY_LISTENS, encoding="utf-8")
    built = app.build(config.load(tmp_path / "config.toml"))
    with structlog.testing.capture_logs() as said:
        one_round(built.house, built.account())
    built.house.engine.dispose()
    failed = [one for one in said if one["event"] == "job.failed"]
    assert failed
    assert {one["mailbox"] for one in failed} == {"studio"}
    assert "studio.rossi@" not in str(said)
