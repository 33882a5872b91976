"""What does it cost to send one message at the start of a campaign, with thousands waiting behind it?"""

import json

from bench import houses, material
from bench.figures import Block
from bench.rounds import Bench, Rows, in_turn, prepared
from bench.trees import Tree
from tests.servers.certificates import Authority
from tests.servers.dovecot import Dovecot
from tests.servers.smtpsink import SmtpSink

SENT = 300  # of those that wait


def dispatch(bench: Bench) -> Block:
    """Messages of 8 kB handed to a server that takes everything: smtp-sink behind TLS and a login."""
    bench.folder.chmod(0o755)
    authority = Authority(bench.folder)
    sent = min(SENT, bench.queued)
    rows = Rows()
    places = prepared(bench, rows, lambda tree: houses.queued(tree, bench.queued))
    with Dovecot(authority) as dovecot, SmtpSink(authority) as sink:
        dovecot.add_user(material.ADDRESS)
        servers = houses.Servers(dovecot.imaps_port, sink.endpoint().port, authority.root)

        def step(tree: Tree, _number: int) -> dict[str, float]:
            house = places[tree.name].clone(bench.place(tree, "dispatch")).configure(servers)
            houses.settle()
            done = json.loads(house.inside("dispatch", str(sent)).said)
            house.remove()
            return {"CPU a message": done["cpu"], "wall a message": done["wall"]}

        in_turn(bench, step, rows)
    return Block(
        f"dispatch of {sent} messages of 8 kB, {bench.queued} waiting, inside a process",
        (rows.figure("CPU a message", "ms", 3, 1.5), rows.figure("wall a message", "ms")),
    )
