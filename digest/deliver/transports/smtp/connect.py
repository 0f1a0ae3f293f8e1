"""Open a connection to a relay: connect, greet, secure, log in (RFC 5321 §3.1, RFC 3207, RFC 4954).

All of it is aiosmtplib's; nothing but a finished connection leaves this module. It never falls back to clear text when
TLS is asked for. After STARTTLS aiosmtplib has forgotten the extensions, so EHLO is said again before they are asked
for. Whatever goes wrong becomes one of two errors that say who repairs it: `RelayLoginError` (somebody must change the
setup: login, certificate, port) or `RelayUnavailableError` (it may pass). No delivery has begun then.
"""

import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiosmtplib

from digest.config import Settings
from digest.deliver import outcome
from digest.deliver.outcome import Stage
from digest.errors import LoginRefusedError, RelayLoginError, RelayUnavailableError
from digest.models.deliveries import MAIN_RELAY, RelaySpec, Reply, Tls

# RFC 5321 §4.5.3.2.6 gives the answer after the body ten minutes where other answers get one to five: asking too
# early leaves a mail uncertain that was only being scanned.
_FINAL_ANSWER_FACTOR = 10
_MAX_FINAL_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Relay:
    """Where and how to hand mails over. `user` empty: no login. `name` is the one of its line in `RELAYS`."""

    host: str
    port: int
    tls: Tls
    verify: bool = True
    user: str = ""
    password: str = ""
    timeout_seconds: float = 60.0
    final_timeout_seconds: float = 600.0
    messages: int = 500
    name: str = MAIN_RELAY

    @classmethod
    def of(cls, settings: Settings) -> "Relay":
        """Read the first relay from the settings."""
        return cls(
            host=settings.smtp_host,
            port=settings.smtp_port,
            tls=settings.smtp_tls,
            verify=settings.smtp_verify,
            user=settings.smtp_user.get_secret_value(),
            password=settings.smtp_password.get_secret_value(),
            timeout_seconds=settings.smtp_timeout_seconds,
            final_timeout_seconds=_final_seconds(settings),
            messages=settings.smtp_messages_per_connection,
        )

    @classmethod
    def further(cls, spec: RelaySpec, settings: Settings) -> "Relay":
        """Read a further relay from its line; it has the first one's patience."""
        return cls(
            host=spec.host,
            port=spec.port,
            tls=spec.tls,
            verify=spec.verify,
            user=spec.user,
            password=spec.password,
            timeout_seconds=settings.smtp_timeout_seconds,
            final_timeout_seconds=_final_seconds(settings),
            messages=spec.messages,
            name=spec.name,
        )

    def setting(self, main: str, further: str) -> str:
        """Say where a person changes something: `main` are names in the settings, `further` those in a line."""
        return main if self.name == MAIN_RELAY else f"{further} of {self.name} in RELAYS"


def _final_seconds(settings: Settings) -> float:
    return min(_MAX_FINAL_SECONDS, _FINAL_ANSWER_FACTOR * settings.smtp_timeout_seconds)


async def connect(relay: Relay, trust: ssl.SSLContext | None, own_name: str) -> tuple[aiosmtplib.SMTP, str]:
    """Return a client that is ready for MAIL, and the server's greeting.

    We introduce ourselves as `own_name`; `trust` is for TLS and may be None where there is none.

    Raises `RelayLoginError` or `RelayUnavailableError`.
    """
    client = aiosmtplib.SMTP(
        hostname=relay.host,
        port=relay.port,
        local_hostname=own_name,
        timeout=relay.timeout_seconds,
        use_tls=relay.tls is Tls.IMPLICIT,
        start_tls=False,
        tls_context=trust,
    )
    steps = _Steps(relay)
    try:
        greeting = await steps.take(Stage.CONNECT, client.connect)
        await steps.take(Stage.EHLO, lambda: _greet(client))
        if relay.tls is Tls.STARTTLS:
            await steps.take(Stage.TLS, client.starttls)
            await steps.take(Stage.EHLO, lambda: _greet(client))
        if relay.user:
            await steps.take(Stage.AUTH, lambda: _log_in(client, relay))
    except BaseException:
        client.close()
        raise
    return client, greeting.message


def make_trust(*, verify: bool) -> ssl.SSLContext:
    """Return a context that trusts the system's authorities, or, not to verify, anybody."""
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class _Steps:
    """Take the steps of opening a connection, and turn each one's trouble into the error that says who repairs it."""

    def __init__(self, relay: Relay) -> None:
        self._where = f"{relay.host} port {relay.port}"
        self._login = relay.setting("SMTP_USER and SMTP_PASSWORD", "user= and password_file=")
        self._tls_and_port = relay.setting("SMTP_TLS and SMTP_PORT", "tls= and the port")
        self._host = relay.setting("SMTP_HOST", "the host")
        self._port = relay.setting("SMTP_PORT", "the port")
        self._without_tls = relay.setting("SMTP_TLS=none", "tls=none")
        self._unverified = relay.setting("SMTP_VERIFY=no", "verify=no")

    async def take(
        self, stage: Stage, step: Callable[[], Awaitable[aiosmtplib.SMTPResponse]]
    ) -> aiosmtplib.SMTPResponse:
        try:
            return await step()
        except aiosmtplib.SMTPResponseException as error:
            if isinstance(error, aiosmtplib.SMTPConnectResponseError):
                stage = Stage.GREETING
            raise self._refused(stage, outcome.read_reply(error.code, error.message)) from error
        except (ssl.SSLError, aiosmtplib.SMTPConnectError) as error:
            raise self._unreachable(error) from error
        except OSError as error:
            raise RelayUnavailableError(f"The relay {self._where} broke off at {stage}: {error}") from error
        except aiosmtplib.SMTPException as error:
            raise self._lacking(stage, error) from error

    def _refused(self, stage: Stage, reply: Reply) -> RelayLoginError | RelayUnavailableError:
        said = f"The relay {self._where} answered {outcome.in_words(reply)} at {stage}"
        if stage is Stage.AUTH and reply.code >= 500:
            return LoginRefusedError(f"{said}: it refuses the login. Check {self._login}.")
        if stage is Stage.TLS and reply.code >= 500:
            return RelayLoginError(f"{said}: it refuses TLS. Check {self._tls_and_port}. Nothing was sent.")
        return RelayUnavailableError(f"{said}.")

    def _unreachable(self, error: Exception) -> RelayLoginError | RelayUnavailableError:
        cause = error if isinstance(error, ssl.SSLError) else error.__cause__
        if isinstance(cause, ssl.SSLCertVerificationError):
            return RelayLoginError(
                f"The certificate of the relay {self._where} cannot be trusted ({cause.verify_message}). Nothing was "
                f"sent. Check {self._host}; {self._unverified} only on your own network."
            )
        if isinstance(cause, ssl.SSLError):
            return RelayLoginError(
                f"The relay {self._where} does not speak TLS as asked for ({cause.reason}). Nothing was sent. Check "
                f"{self._tls_and_port}."
            )
        return RelayUnavailableError(f"The relay {self._where} cannot be reached: {error}")

    def _lacking(self, stage: Stage, error: Exception) -> RelayLoginError:
        if stage is Stage.TLS:
            return RelayLoginError(
                f"The relay {self._where} offers no STARTTLS. Nothing was sent. Check {self._port}; "
                f"{self._without_tls} only on your own network."
            )
        return RelayLoginError(f"The relay {self._where} offers no login that we can use at {stage}: {error}")


async def _greet(client: aiosmtplib.SMTP) -> aiosmtplib.SMTPResponse:
    """Say EHLO, or HELO to a server that does not know it (RFC 5321 §3.2)."""
    try:
        return await client.ehlo()
    except aiosmtplib.SMTPHeloError:
        if not client.is_connected:
            raise
        return await client.helo()


async def _log_in(client: aiosmtplib.SMTP, relay: Relay) -> aiosmtplib.SMTPResponse:
    """Try what both sides know, in turn: some servers offer methods that they then refuse.

    Not `client.login`, because a server that hangs up after its 535 would be told of as a lost connection.
    """
    ways = {"cram-md5": client.auth_crammd5, "plain": client.auth_plain, "login": client.auth_login}
    refusal: aiosmtplib.SMTPAuthenticationError | None = None
    for name in client.supported_auth_methods:
        try:
            return await ways[name](relay.user, relay.password)
        except aiosmtplib.SMTPAuthenticationError as error:
            refusal = error
        except OSError:
            if refusal is None:
                raise
            break
    raise refusal or aiosmtplib.SMTPException("it offers none of CRAM-MD5, PLAIN and LOGIN")


def own_name() -> str:
    """Return how we introduce ourselves: the host's full name, else an address literal (RFC 5321 §4.1.4).

    Asks the resolver: call it once, in a thread.
    """
    name = socket.getfqdn()
    return name if "." in name and name.isascii() else "[127.0.0.1]"
