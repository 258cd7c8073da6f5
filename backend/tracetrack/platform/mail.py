"""Sending a mail by the site's own server."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage

from tracetrack.settings import Settings

SMTP_SECONDS = 30


def send_mail(settings: Settings, message: EmailMessage) -> None:
    """Hand a mail to the server; call it in a thread.

    Raises:
        OSError: or ``smtplib.SMTPException``, when the server does not take it.
    """
    assert settings.smtp_host is not None
    context = ssl.create_default_context()
    if settings.smtp_security == "tls":
        client: smtplib.SMTP = smtplib.SMTP_SSL(
            settings.smtp_host, settings.smtp_port, timeout=SMTP_SECONDS, context=context
        )
    else:
        client = smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=SMTP_SECONDS)
    with client:
        if settings.smtp_security == "starttls":
            client.starttls(context=context)
        if settings.smtp_user and settings.smtp_password:
            client.login(settings.smtp_user, settings.smtp_password.get_secret_value())
        client.send_message(message)


def sender(settings: Settings) -> str:
    """Who the site's mails are from."""
    return settings.smtp_from or settings.smtp_user or f"tracetrack@{settings.smtp_host}"
