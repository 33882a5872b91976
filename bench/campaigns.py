"""What does a whole campaign cost, beside a script that only sends?

The same messages of 8 kB to the same smtp-sink behind TLS and a login. Ours also composes by the rules, makes archive
and ledger durable, keeps the outbox and reads it back; `smtp-source` speaks to the sink without TLS.
"""

import json
import shutil
from pathlib import Path

from bench import houses, material
from bench.figures import Block
from bench.rounds import Bench, in_turn
from bench.running import FailedError, Run, run
from bench.trees import PASSWORD, Tree
from tests.servers.certificates import Authority
from tests.servers.dovecot import Dovecot
from tests.servers.smtpsink import SmtpSink

LETTERS = 1_000
LINE = "Si comunica quanto segue, con ogni riserva e senza alcun riconoscimento.\n"
NAME = "Bench"


def campaign(bench: Bench) -> Block:
    """`campaign start` of 1,000 rows, start-up included, beside aiosmtplib over one connection."""
    if shutil.which("smtp-source") is None:
        raise FailedError("smtp-source is missing: apt-get install postfix")
    bench.folder.chmod(0o755)
    authority = Authority(bench.folder)
    with Dovecot(authority) as dovecot, SmtpSink(authority) as sink:
        dovecot.add_user(material.ADDRESS)
        servers = houses.Servers(dovecot.imaps_port, sink.endpoint().port, authority.root)
        peers: dict[int, tuple[Run, Run]] = {}

        def step(tree: Tree, number: int) -> dict[str, float]:
            house = houses.new(tree, bench.place(tree, "campaign")).configure(servers)
            check = _ready(house)
            houses.settle()
            ours = house.pec_tracker("campaign", "start", NAME, "--check", check, "--json")
            sent = json.loads(ours.said)["letters"]["pec"]
            house.remove()
            if sent.get("open", 0) != LETTERS:
                raise FailedError(f"{sent} letters instead of {LETTERS}")
            if number not in peers:
                peers[number] = _peers(tree, bench.folder, sink, authority)
            bare, source = peers[number]
            return {
                "speed, ratio to aiosmtplib": bare.wall / ours.wall,
                "campaign start": ours.wall,
                "campaign start, CPU": ours.cpu,
                "aiosmtplib": bare.wall,
                "aiosmtplib, CPU": bare.cpu,
                "smtp-source, without TLS": source.wall,
            }

        rows = in_turn(bench, step)
    return Block(
        f"a campaign of {LETTERS} letters of 8 kB, whole path, beside aiosmtplib with one connection",
        (
            rows.figure("speed, ratio to aiosmtplib", "", 0.5, 0.8, more=True),
            *(rows.figure(name, "s") for name in ("campaign start", "aiosmtplib", "smtp-source, without TLS")),
            *(rows.figure(name, "s") for name in ("campaign start, CPU", "aiosmtplib, CPU")),
        ),
    )


def _ready(house: houses.House) -> str:
    """A campaign that is checked and looked at; its check."""
    listed = house.folder / "list.csv"
    rows = (f"{number};Nome{number} Cognome{number};destinatario{number}@azienda.test" for number in range(LETTERS))
    listed.write_text("\n".join(["Interno;Nome e cognome;PEC", *rows]) + "\n")
    text = house.folder / "letter.txt"
    text.write_text(LINE * (7_400 // len(LINE)))
    said = ("--subject", "Comunicazione n. {interno}", "--text-file", text)
    made = house.pec_tracker("campaign", "new", NAME, "--list", listed, *said, "--json")
    house.pec_tracker("campaign", "preview", NAME)
    return str(json.loads(made.said)["check"])


def _peers(tree: Tree, folder: Path, sink: SmtpSink, authority: Authority) -> tuple[Run, Run]:
    houses.settle()
    port = sink.endpoint().port
    script = [tree.python, Path(__file__).with_name("bare.py")]
    told = [port, authority.root, material.ADDRESS, PASSWORD, LETTERS]
    bare = run([*map(str, script), *map(str, told)], env=tree.env(folder))
    source = ["smtp-source", "-m", LETTERS, "-l", 8_000, "-f", material.ADDRESS, "-t", "a@azienda.test", "-d"]
    return bare, run([*map(str, source), f"127.0.0.1:{sink.plain_port}"], env=tree.env(folder))
