"""Speak SMTP to a relay (RFC 5321), over aiosmtplib.

aiosmtplib connects, upgrades to TLS (RFC 3207; never falls back to clear text when TLS is asked for) and logs in. The
mail transaction itself is driven command by command through its public `execute_command`, and the body by `write` and
`read_response`, because `sendmail` folds "lost before the body" and "lost after the body" into one error, and these
two must never be confused: the first is tried again, the second is `uncertain` for ever (`digest.deliver.outcome`).

A connection carries up to `messages` mails and is then renewed; between two mails no RSET is needed after a good end
(RFC 5321 §4.1.1.4), after a refusal it is sent. One that was idle is asked with NOOP before it is trusted. After
STARTTLS aiosmtplib has forgotten the extensions, so EHLO is said again before they are asked for.
"""

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiosmtplib

from digest.clock import monotonic_seconds
from digest.config import Settings, Tls
from digest.deliver import outcome
from digest.deliver.outcome import Stage
from digest.deliver.transport import RelayReport
from digest.errors import RelayLoginError, RelayUnavailableError
from digest.models import Outcome, Reply

_TRUSTED_IDLE_SECONDS = 5.0
_GOODBYE_SECONDS = 2.0
# RFC 5321 §4.5.3.2.6 gives the answer after the body ten minutes where other answers get one to five: asking too
# early leaves a mail uncertain that was only being scanned.
_FINAL_ANSWER_FACTOR = 10
_MAX_FINAL_SECONDS = 600.0
_LINE_BEGINS_WITH_DOT = re.compile(rb"(?m)^\.")

# What aiosmtplib raises when a connection breaks off, an answer does not come, or one cannot be read.
_BROKEN = (aiosmtplib.SMTPException, OSError)


@dataclass(frozen=True, slots=True)
class Relay:
    """Where and how to hand mails over. `user` empty: no login."""

    host: str
    port: int
    tls: Tls
    verify: bool = True
    user: str = ""
    password: str = ""
    timeout_seconds: float = 60.0
    final_timeout_seconds: float = 600.0
    messages: int = 500

    @classmethod
    def of(cls, settings: Settings) -> "Relay":
        """Read the relay from the settings."""
        return cls(
            host=settings.smtp_host,
            port=settings.smtp_port,
            tls=settings.smtp_tls,
            verify=settings.smtp_verify,
            user=settings.smtp_user.get_secret_value(),
            password=settings.smtp_password.get_secret_value(),
            timeout_seconds=settings.smtp_timeout_seconds,
            final_timeout_seconds=min(_MAX_FINAL_SECONDS, _FINAL_ANSWER_FACTOR * settings.smtp_timeout_seconds),
            messages=settings.smtp_messages_per_connection,
        )


class SmtpTransport:
    """Opens connections to one relay. `tls_context` None: the system's authorities decide whom to trust."""

    def __init__(self, relay: Relay, *, tls_context: ssl.SSLContext | None = None) -> None:
        self.relay = relay
        self._tls_context = tls_context or _tls_context(relay.verify)
        self._own_name = ""

    async def open_connection(self) -> "SmtpConnection":
        """Connect, greet, secure and log in. Raises `RelayLoginError` or `RelayUnavailableError`."""
        client, _ = await self._open()
        return SmtpConnection(client, self.relay)

    async def check(self) -> RelayReport:
        """Do the same, take leave, and report; nothing is sent. Raises the same errors."""
        client, greeting = await self._open()
        tls = client.get_transport_info("ssl_object")
        report = RelayReport(
            host=self.relay.host,
            port=self.relay.port,
            greeting=greeting,
            tls=f"{tls.version()}, certificate {'verified' if self.relay.verify else 'not verified'}" if tls else "",
            extensions=tuple(sorted(client.esmtp_extensions)),
            logged_in=bool(self.relay.user),
        )
        await SmtpConnection(client, self.relay).close()
        return report

    async def _open(self) -> tuple[aiosmtplib.SMTP, str]:
        relay = self.relay
        self._own_name = self._own_name or await asyncio.to_thread(_own_name)
        client = aiosmtplib.SMTP(
            hostname=relay.host,
            port=relay.port,
            local_hostname=self._own_name,
            timeout=relay.timeout_seconds,
            use_tls=relay.tls is Tls.IMPLICIT,
            start_tls=False,
            tls_context=self._tls_context,
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


class _Steps:
    """Take the steps of opening a connection, and turn each one's trouble into the error that says who repairs it."""

    def __init__(self, relay: Relay) -> None:
        self._where = f"{relay.host} port {relay.port}"

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
            return RelayLoginError(f"{said}: it refuses the login. Check SMTP_USER and SMTP_PASSWORD.")
        if stage is Stage.TLS and reply.code >= 500:
            return RelayLoginError(f"{said}: it refuses TLS. Check SMTP_TLS and SMTP_PORT. Nothing was sent.")
        return RelayUnavailableError(f"{said}.")

    def _unreachable(self, error: Exception) -> RelayLoginError | RelayUnavailableError:
        cause = error if isinstance(error, ssl.SSLError) else error.__cause__
        if isinstance(cause, ssl.SSLCertVerificationError):
            return RelayLoginError(
                f"The certificate of the relay {self._where} cannot be trusted ({cause.verify_message}). Nothing was "
                "sent. Check SMTP_HOST; SMTP_VERIFY=no only on your own network."
            )
        if isinstance(cause, ssl.SSLError):
            return RelayLoginError(
                f"The relay {self._where} does not speak TLS as asked for ({cause.reason}). Nothing was sent. Check "
                "SMTP_TLS and SMTP_PORT."
            )
        return RelayUnavailableError(f"The relay {self._where} cannot be reached: {error}")

    def _lacking(self, stage: Stage, error: Exception) -> RelayLoginError:
        if stage is Stage.TLS:
            return RelayLoginError(
                f"The relay {self._where} offers no STARTTLS. Nothing was sent. Check SMTP_PORT; SMTP_TLS=none only on "
                "your own network."
            )
        return RelayLoginError(f"The relay {self._where} offers no login that we can use at {stage}: {error}")


class SmtpConnection:
    """One open connection to the relay; see `digest.deliver.transport.RelayConnection`."""

    def __init__(self, client: aiosmtplib.SMTP, relay: Relay) -> None:
        self._client = client
        self._relay = relay
        self._sent = 0
        self._used_at = monotonic_seconds()
        self.eight_bit = client.supports_extension("8bitmime")
        self._takes_size = client.supports_extension("size")

    async def is_ready(self) -> bool:
        """Whether the next mail can go over it."""
        if not self._client.is_connected or self._sent >= self._relay.messages:
            return False
        if monotonic_seconds() - self._used_at > _TRUSTED_IDLE_SECONDS:
            try:
                await self._client.noop()
            except _BROKEN:
                self.abort()
                return False
            self._used_at = monotonic_seconds()
        return True

    async def send(self, envelope_from: str, recipient: str, content: bytes) -> Outcome:
        """Hand over one mail and return what came of it."""
        self._sent += 1
        stage = Stage.MAIL
        try:
            for stage, command, wanted in self._envelope(envelope_from, recipient, content):
                reply = await self._command(command)
                if reply.code not in wanted:
                    return await self._refused(stage, reply)
            stage = Stage.BODY
            reply = await self._hand_over(content)
        except _BROKEN as error:
            self.abort()
            return outcome.lost(stage, str(error) or type(error).__name__)
        self._used_at = monotonic_seconds()
        if 200 <= reply.code < 300:
            return outcome.judge(Stage.BODY, reply)
        return await self._refused(Stage.BODY, reply)

    async def close(self) -> None:
        """Take leave, at most two seconds long, and close."""
        try:
            if self._client.is_connected:
                await self._client.execute_command(b"QUIT", timeout=_GOODBYE_SECONDS)
        except _BROKEN:
            pass  # it is closed anyway
        self._client.close()

    def abort(self) -> None:
        """Close at once; a `send` that is under way ends as with a lost connection."""
        transport = self._client.transport
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()  # close() alone would first wait for a peer that does not read
        self._client.close()

    def _envelope(
        self, envelope_from: str, recipient: str, content: bytes
    ) -> tuple[tuple[Stage, bytes, frozenset[int]], ...]:
        options = f" SIZE={len(content)}" if self._takes_size else ""
        if self.eight_bit and not content.isascii():
            options += " BODY=8BITMIME"
        return (
            (Stage.MAIL, f"MAIL FROM:<{envelope_from}>{options}".encode("ascii"), frozenset({250})),
            (Stage.RCPT, f"RCPT TO:<{recipient}>".encode("ascii"), frozenset({250, 251, 252})),
            (Stage.DATA, b"DATA", frozenset({354})),
        )

    async def _command(self, command: bytes) -> Reply:
        response = await self._client.execute_command(command)
        return outcome.read_reply(response.code, response.message)

    async def _hand_over(self, content: bytes) -> Reply:
        protocol = self._client.protocol
        if protocol is None:
            raise aiosmtplib.SMTPServerDisconnected("the relay closed the connection")
        protocol.write(_LINE_BEGINS_WITH_DOT.sub(b"..", content) + b".\r\n")
        response = await protocol.read_response(timeout=self._relay.final_timeout_seconds)
        return outcome.read_reply(response.code, response.message)

    async def _refused(self, stage: Stage, reply: Reply) -> Outcome:
        """Judge a refusal and leave the connection fit for the next mail, or closed."""
        if 400 <= reply.code < 600 and reply.code != 421:
            try:
                await self._client.rset()
            except _BROKEN:
                self.abort()
        else:
            self.abort()
        return outcome.judge(stage, reply)


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


def _own_name() -> str:
    """Return how we introduce ourselves: the host's full name, else an address literal (RFC 5321 §4.1.4)."""
    name = socket.getfqdn()
    return name if "." in name and name.isascii() else "[127.0.0.1]"


def _tls_context(verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
