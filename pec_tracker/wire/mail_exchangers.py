"""To which servers does mail for a domain go? Its MX records (RFC 5321 5.1), where the extra `dns` is installed."""

from importlib.util import find_spec
from typing import Final

from pec_tracker.errors import ServerError

SECONDS: Final = 5.0


def can_ask() -> bool:
    """Whether the library for it is there."""
    return find_spec("dns") is not None


def mail_exchangers(domain: str) -> tuple[str, ...]:
    """The hosts in order of preference, in lower case without the last dot; none where the domain takes no mail.

    ServerError where the system's name servers do not answer.
    """
    import dns.exception
    import dns.resolver

    try:
        answer = dns.resolver.resolve(domain, "MX", lifetime=SECONDS)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return ()
    except dns.exception.DNSException as error:
        raise ServerError(
            "the name servers say nothing of {domain} ({reason}); check that this computer is online, or try later",
            domain=domain,
            reason=type(error).__name__,
        ) from error
    records = sorted((int(one.preference), str(one.exchange).rstrip(".").lower()) for one in answer)
    return tuple(host for _preference, host in records if host)  # a lone dot: it takes no mail (RFC 7505)
