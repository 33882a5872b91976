"""How is a private Dovecot configured? One text for 2.3 (Debian 12) and one for 2.4 (Debian 13): other languages."""

from dataclasses import dataclass
from pathlib import Path

from tests.servers.certificates import Certificate
from tests.servers.programs import ServiceUser


@dataclass(frozen=True, slots=True)
class Layout:
    """What the configuration says: folder, user, certificate and ports on 127.0.0.1."""

    folder: Path
    user: ServiceUser
    certificate: Certificate
    imaps_port: int
    imap_port: int
    lmtp_port: int
    auth_port: int


def text(layout: Layout, version: str) -> str:
    """The configuration for what `dovecot --version` says."""
    return _v24(layout, version) if version.startswith(("2.4", "2.5", "3.")) else _v23(layout)


def quota_field(kilobytes: int) -> str:
    """The fields of a user's line that limit the storage, for both versions."""
    return f"userdb_quota_rule=*:storage={kilobytes}K userdb_quota_storage_size={kilobytes}K"


# One users' file a user: Dovecot looks at most once a second whether a file that it has read was changed.
def _common(layout: Layout) -> str:
    return f"""
base_dir = {layout.folder}/run
state_dir = {layout.folder}/state
log_path = {layout.folder}/dovecot.log
listen = 127.0.0.1
default_internal_user = {layout.user.name}
default_internal_group = {layout.user.group}
default_login_user = {layout.user.name}
first_valid_uid = 1
first_valid_gid = 0
mail_uid = {layout.user.uid}
mail_gid = {layout.user.gid}
mail_max_userip_connections = 200
default_process_limit = 200
namespace inbox {{
  inbox = yes
  separator = .
  mailbox Sent {{
    auto = create
    special_use = \\Sent
  }}
  mailbox Trash {{
    auto = create
    special_use = \\Trash
  }}
  mailbox Drafts {{
    auto = create
    special_use = \\Drafts
  }}
  mailbox Junk {{
    auto = create
    special_use = \\Junk
  }}
}}
auth_failure_delay = 0
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
service imap-login {{
  chroot =
  service_count = 0
  inet_listener imap {{
    port = {layout.imap_port}
  }}
  inet_listener imaps {{
    port = {layout.imaps_port}
    ssl = yes
  }}
}}
service lmtp {{
  chroot =
  inet_listener lmtp {{
    port = {layout.lmtp_port}
  }}
}}
service auth {{
  chroot =
  inet_listener sasl {{
    port = {layout.auth_port}
  }}
}}
service auth-worker {{
  user = {layout.user.name}
}}
"""


def _v23(layout: Layout) -> str:
    return (
        _common(layout)
        + f"""
protocols = imap lmtp
ssl = required
ssl_cert = <{layout.certificate.certificate}
ssl_key = <{layout.certificate.key}
disable_plaintext_auth = yes
auth_mechanisms = plain login
mail_location = maildir:~/Maildir
mail_plugins = quota
protocol imap {{
  mail_plugins = quota imap_quota
}}
passdb {{
  driver = passwd-file
  args = username_format=%u {layout.folder}/users/%u
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {layout.folder}/users/%u
  default_fields = uid={layout.user.uid} gid={layout.user.gid} home={layout.folder}/mail/%u
}}
plugin {{
  quota = count:User quota
  quota_vsizes = yes
}}
"""
    )


def _v24(layout: Layout, version: str) -> str:
    number = version.split()[0].split("-")[0]
    # The version settings must come first (Dovecot 2.4 refuses the file otherwise).
    return (
        f"dovecot_config_version = {number}\ndovecot_storage_version = {number}\n"
        + _common(layout)
        + f"""
protocols {{
  imap = yes
  lmtp = yes
}}
ssl = required
ssl_server_cert_file = {layout.certificate.certificate}
ssl_server_key_file = {layout.certificate.key}
auth_allow_cleartext = no
auth_mechanisms = plain login
mail_driver = maildir
mail_home = {layout.folder}/mail/%{{user}}
mail_path = ~/Maildir
mail_plugins {{
  quota = yes
}}
protocol imap {{
  mail_plugins {{
    quota = yes
    imap_quota = yes
  }}
}}
passdb passwd-file {{
  passwd_file_path = {layout.folder}/users/%{{user}}
  auth_username_format = %{{user}}
}}
userdb passwd-file {{
  passwd_file_path = {layout.folder}/users/%{{user}}
  auth_username_format = %{{user}}
  fields {{
    uid = {layout.user.uid}
    gid = {layout.user.gid}
    home = {layout.folder}/mail/%{{user}}
  }}
}}
quota "User quota" {{
  driver = count
}}
"""
    )
