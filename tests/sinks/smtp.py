"""A mail server on a loopback port that keeps what it accepts and misbehaves on demand."""

import asyncio
import email
import email.policy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any, AnyStr

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session


@dataclass
class SmtpSink:
    """`messages` is what was accepted, oldest first; the rest says how to behave from now on."""

    port: int = 0
    messages: list[tuple[str, EmailMessage]] = field(default_factory=list)  # recipient, message
    refuse_greeting: str = ""  # an SMTP answer such as "554 not now"; so are the others
    refuse_login: bool = False
    refuse_sender: str = ""
    refuse_recipient: str = ""
    refusals: dict[str, str] = field(default_factory=dict)  # answers to single recipients
    refuse_message: str = ""
    hang_s: float = 0.0
    keep_then_drop: bool = False  # the message is accepted, but the sender never learns it

    def to(self, recipient: str) -> list[EmailMessage]:
        return [message for address, message in self.messages if address == recipient]

    async def handle_MAIL(  # noqa: N802  # aiosmtpd calls it so
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[Any]
    ) -> str:
        if self.refuse_sender:
            return self.refuse_sender
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802  # aiosmtpd calls it so
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[Any]
    ) -> str:
        if refusal := self.refusals.get(address, self.refuse_recipient):
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd calls it so
        if self.hang_s:
            await asyncio.sleep(self.hang_s)
        if self.refuse_message:
            return self.refuse_message
        content = envelope.original_content or b""
        message = email.message_from_bytes(content, policy=email.policy.default)
        self.messages += [(address, message) for address in envelope.rcpt_tos]
        if self.keep_then_drop and isinstance(server.transport, asyncio.Transport):
            server.transport.abort()
        return "250 OK"


@contextmanager
def running_smtp() -> Iterator[SmtpSink]:
    """A started mail server; its port is the system's choice."""
    sink = SmtpSink()

    def authenticate(*_: Any) -> AuthResult:
        # Not handled: the server says 535 itself.
        return AuthResult(success=not sink.refuse_login, handled=False)

    options = {"authenticator": authenticate, "auth_require_tls": False}
    controller = _FreePortController(sink, hostname="127.0.0.1", port=0, **options)
    controller.start()
    try:
        sink.port = controller.port
        yield sink
    finally:
        controller.stop()


class _FreePortController(Controller):
    """Lets the system choose the port; the original insists on connecting to the port it was given."""

    def factory(self) -> SMTP:
        return _Greeter(self.handler, **self.SMTP_kwargs)

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # aiosmtpd types it only in part


class _Greeter(SMTP):
    """Greets as the sink is told to."""

    async def push(self, status: AnyStr) -> None:
        refusal = self.event_handler.refuse_greeting
        if refusal and isinstance(status, str) and status.startswith("220 "):
            await super().push(refusal)
        else:
            await super().push(status)
