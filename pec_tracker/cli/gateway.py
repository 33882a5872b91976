"""`pec-tracker gateway`: where do other programs hand their messages over? Here, until this process is told to stop."""

import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from pec_tracker.askers import gateway
from pec_tracker.cli.options import Command, json_option
from pec_tracker.cli.root import Cli, pass_cli
from pec_tracker.errors import ConfigurationError
from pec_tracker.texts import N_, _

if TYPE_CHECKING:
    from pec_tracker.app import App
    from pec_tracker.config_sections import GatewayLoginConfig
    from pec_tracker.gateway.dialogue import GatewayLogin


@click.command(
    "gateway",
    cls=Command,
    help=N_(
        "Take messages from other programs by SMTP, check them by the rules of PEC and put them into the outbox, until "
        "SIGTERM or Ctrl-C.\n\n"
        "The programs use this computer and the port as their server of outgoing mail, with a login of [gateway] in "
        "the configuration. What is taken is archived first; `serve` sends it. What breaks a rule is refused with the "
        "reason, which `status` shows too."
    ),
    epilog="""pec-tracker gateway
        pec-tracker gateway --json""",
)
@json_option
@pass_cli
def command(cli: Cli, *, as_json: bool) -> None:
    """Logs first, then the gateway."""
    from pec_tracker.gateway.server import Listening, run

    cli.start_service_logs()
    app = cli.app()
    settings = app.config.gateway
    output = cli.output(as_json=as_json)
    listening = Listening(
        settings.host,
        settings.port,
        settings.tls,
        settings.certificate,
        settings.key,
        settings.connections,
        timedelta(hours=settings.same_within_hours),
    )

    def started(host: str, port: int) -> None:
        if as_json:
            output.record({"event": "started", "host": host, "port": port})
            sys.stdout.flush()
        else:
            output.note(_("Taking messages on {host}, port {port}; Ctrl-C ends it.").format(host=host, port=port))

    run(app.house, _logins(app), listening, started=started)
    if as_json:
        output.record({"event": "stopped"})
    else:
        output.note(_("Stopped."))


def _logins(app: "App") -> "list[GatewayLogin]":
    from pec_tracker.gateway.dialogue import GatewayLogin
    from pec_tracker.secret import resolve

    def one(name: str, settings: "GatewayLoginConfig") -> GatewayLogin:
        account = app.account(settings.mailbox)
        return GatewayLogin(name, gateway(account.id), account, lambda: resolve(settings.secret), settings.split)

    if not app.config.gateway.login:
        raise ConfigurationError(
            "the gateway has no login: add [gateway.login.NAME] with mailbox and password_file to the configuration"
        )
    return [one(name, settings) for name, settings in app.config.gateway.login.items()]
