"""Is `collect` faster than the pair that people use to fetch, store and index mail: mbsync and notmuch?

On the same Dovecot, the same receipts of 15 kB on average, in turn. Ours also makes the archive durable, reads, checks
every signature with its chain, links, and indexes; the pair fetches, stores (FSync on) and indexes.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

from bench import houses, material
from bench.commits import Commits
from bench.figures import Block
from bench.rounds import Bench, Rows, in_turn, prepared
from bench.running import FailedError, Run, run
from bench.trees import PASSWORD, Tree
from tests.servers.certificates import Authority
from tests.servers.dovecot import Dovecot

ON_THE_SERVER = 1_000  # of the mails that are kept, when nothing new is collected


def collect(bench: Bench) -> Block:
    """*receipts* collected into a new house, beside mbsync and then notmuch."""
    for program, package in (("mbsync", "isync"), ("notmuch", "notmuch")):
        if shutil.which(program) is None:
            raise FailedError(f"{program} is missing: apt-get install {package}")
    mails = [file.read_bytes() for file in material.collected(bench.receipts)]
    bench.folder.chmod(0o755)
    authority = Authority(bench.folder)
    with Dovecot(authority) as dovecot:
        dovecot.append(dovecot.add_user(material.ADDRESS), mails)
        pairs: dict[int, Run] = {}

        def step(tree: Tree, number: int) -> dict[str, float]:
            house = houses.new(tree, bench.place(tree, "collect")).configure(
                houses.Servers(imap=dovecot.imaps_port, ca_file=authority.root)
            )
            houses.settle()
            ours = house.pec_tracker("collect", "--json")
            house.remove()
            if number not in pairs:  # once a round, right after the first tree
                pairs[number] = _pair(bench.folder / "pair", dovecot.imaps_port, authority.root, tree.env(bench.folder))
            pair = pairs[number]
            return {
                "wall, ratio to the pair": ours.wall / pair.wall,
                "CPU, ratio to the pair": ours.cpu / pair.cpu,
                "collect": ours.wall,
                "collect, CPU": ours.cpu,
                "mbsync and notmuch": pair.wall,
                "mbsync and notmuch, CPU": pair.cpu,
            }

        rows = in_turn(bench, step)
    size = sum(map(len, mails)) / 1e6
    return Block(
        f"collect of {bench.receipts} receipts ({size:.0f} MB) beside mbsync (FSync yes) and notmuch new",
        (
            rows.figure("wall, ratio to the pair", "", 0.65, 0.45),
            rows.figure("CPU, ratio to the pair", "", 1.1, 0.9),
            *(rows.figure(name, "s") for name in ("collect", "mbsync and notmuch")),
            *(rows.figure(name, "s") for name in ("collect, CPU", "mbsync and notmuch, CPU")),
        ),
    )


def _pair(store: Path, port: int, ca_file: Path, env: Mapping[str, str]) -> Run:
    """A new Maildir, filled by mbsync with FSync, and then an index over it."""
    shutil.rmtree(store, ignore_errors=True)
    for folder in ("mail", "state"):
        (store / folder).mkdir(parents=True)
    mbsyncrc, notmuchrc = store / "mbsyncrc", store / "notmuchrc"
    mbsyncrc.write_text(
        f"FSync yes\n\nIMAPAccount a\nHost localhost\nPort {port}\nUser {material.ADDRESS}\nPass {PASSWORD}\n"
        f"SSLType IMAPS\nCertificateFile {ca_file}\n\nIMAPStore far\nAccount a\n\n"
        f"MaildirStore near\nPath {store}/mail/\nInbox {store}/mail/INBOX\nSubFolders Verbatim\n\n"
        f"Channel c\nFar :far:\nNear :near:\nPatterns INBOX\nCreate Near\nSync Pull\nSyncState {store}/state/\n"
    )
    notmuchrc.write_text(
        f"[database]\npath={store}/mail\n[user]\nname=b\nprimary_email={material.ADDRESS}\n[new]\ntags=new\n"
    )
    houses.settle()
    fetched = run(["mbsync", "-q", "-c", str(mbsyncrc), "c"], env=env)
    return fetched + run(["notmuch", "new", "--quiet"], env={**env, "NOTMUCH_CONFIG": str(notmuchrc)})


def idle(bench: Bench) -> Block:
    """`collect` where nothing is new, in a house that keeps many mails; what lies on the server is among them."""
    on_server = min(ON_THE_SERVER, bench.receipts)
    mails = [file.read_bytes() for file in material.collected(bench.receipts)[:on_server]]
    bench.folder.chmod(0o755)
    authority = Authority(bench.folder)
    rows = Rows()
    with Dovecot(authority) as dovecot:
        dovecot.append(dovecot.add_user(material.ADDRESS), mails)
        servers = houses.Servers(imap=dovecot.imaps_port, ca_file=authority.root)

        def looked_through(tree: Tree) -> houses.House:
            house = houses.filled(tree, bench.mails).clone(bench.place(tree, "idle")).configure(servers)
            house.pec_tracker("collect", "--json")
            return house

        places = prepared(bench, rows, looked_through)

        def step(tree: Tree, _number: int) -> dict[str, float]:
            house = places[tree.name]
            with Commits(house.database) as commits:
                done = house.pec_tracker("collect", "--json")
            return {"wall": done.wall, "CPU": done.cpu, "transactions that write": commits.count}

        in_turn(bench, step, rows)
    for house in places.values():
        house.remove()
    return Block(
        f"collect, nothing new, {bench.mails} mails kept, {on_server} on the server",
        (
            rows.figure("wall", "s", 0.4, 0.25),
            rows.figure("CPU", "s"),
            rows.figure("transactions that write", "", 0, 0),
        ),
    )
