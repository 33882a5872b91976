#!/bin/sh
# Which servers do the tests need, and are they here? On Debian, as root or with sudo, installs what is missing;
# elsewhere says what is missing and how to get it. Services that a package would start are kept from starting:
# the tests run private instances of their own.
set -eu

PATH="$PATH:/usr/sbin:/sbin"

missing=""
need() { # need PACKAGE FILE-OR-COMMAND...: the package is missing unless one of them is here
    package="$1"
    shift
    for thing in "$@"; do
        command -v "$thing" >/dev/null 2>&1 && return 0
        for found in $thing; do
            [ -e "$found" ] && return 0
        done
    done
    missing="$missing $package"
}

need dovecot-imapd /usr/lib/dovecot/imap
need dovecot-lmtpd /usr/lib/dovecot/lmtp
need postfix postfix
need isync mbsync
need notmuch notmuch
need postgresql initdb '/usr/lib/postgresql/*/bin/initdb'
need openssl openssl
need util-linux setpriv
need swaks swaks
need msmtp msmtp
need curl curl

if [ -z "$missing" ]; then
    echo "All servers for the tests are installed."
    exit 0
fi

as_root=""
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        as_root="sudo"
    else
        echo "Missing for the tests:$missing" >&2
        echo "Install them as root:  apt-get install$missing" >&2
        exit 1
    fi
fi
if ! command -v apt-get >/dev/null 2>&1; then
    echo "Missing for the tests (names of Debian packages):$missing" >&2
    echo "This is not Debian: install what corresponds to them here." >&2
    exit 1
fi

# policy-rc.d tells dpkg's scripts to start nothing; one that is already there is left alone.
policy=/usr/sbin/policy-rc.d
ours=""
if [ ! -e "$policy" ]; then
    ours=1
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 755 "$policy"
fi
clean_up() {
    [ -z "$ours" ] || $as_root rm -f "$policy"
}
trap clean_up EXIT

echo "Installing for the tests:$missing"
echo "postfix postfix/main_mailer_type select No configuration" | $as_root debconf-set-selections
$as_root apt-get update -q
# The list is split on purpose: package names hold no blanks.
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
