"""The end-of-day report by mail, once a day at a set time, where SMTP is set up."""

from __future__ import annotations

import asyncio
import datetime as dt
from email.message import EmailMessage
from zoneinfo import ZoneInfo

from sqlalchemy import text

from tracetrack.billing.documents.making import language, words
from tracetrack.billing.reports import files, service
from tracetrack.people.settings import site_settings
from tracetrack.platform import db
from tracetrack.platform.background import Job
from tracetrack.platform.breaker import PATIENCE, breaker
from tracetrack.platform.clock import now
from tracetrack.platform.logs import get_logger
from tracetrack.platform.mail import send_mail, sender
from tracetrack.settings import Settings, get_settings

log = get_logger("mail")

# Whoever comes first sends; a sender that died lets another try after ten minutes.
_CLAIM = text("""
    insert into report_mails (day) values (:day)
    on conflict (day) do update set claimed_at = now()
        where report_mails.sent_at is null and report_mails.claimed_at < now() - interval '10 minutes'
    returning day
""")
_SENT = text("update report_mails set sent_at = now() where day = :day")
_RELEASE = text("delete from report_mails where day = :day and sent_at is null")

_done: dt.date | None = None


async def send_due(settings: Settings | None = None, moment: dt.datetime | None = None) -> bool:
    """Mail today's report if its time has come and nobody has; whether it was sent.

    Raises:
        OSError: or ``smtplib.SMTPException``, when the mail server does not take it; it is tried again.
    """
    global _done
    settings = settings or get_settings()
    if settings.smtp_host is None or not settings.report_mail_to:
        return False
    site = await site_settings()
    local = (moment or now()).astimezone(ZoneInfo(site.time_zone))
    today = local.date()
    if local.time() < settings.report_mail_at or _done == today:
        return False
    async with db.transaction() as tx:
        mine = (await tx.execute(_CLAIM, {"day": today})).one_or_none() is not None
    if not mine:
        return False
    try:
        message = await _message(settings, today)
        async with breaker("mail", **PATIENCE).guarding(OSError):
            await asyncio.to_thread(send_mail, settings, message)
    except BaseException:
        async with db.transaction() as tx:
            await tx.execute(_RELEASE, {"day": today})
        raise
    async with db.transaction() as tx:
        await tx.execute(_SENT, {"day": today})
    _done = today
    log.info("report mailed", day=str(today), recipients=len(settings.report_mail_to))
    return True


async def _message(settings: Settings, day: dt.date) -> EmailMessage:
    site = await site_settings()
    lang = language(settings.report_mail_language)
    report = await service.end_of_day(day, None)
    made = files.end_of_day(report, words(lang))
    title, about, tables = made
    message = EmailMessage()
    message["Subject"] = f"{site.site_name}: {title} {about}"
    message["From"] = sender(settings)
    message["To"] = ", ".join(settings.report_mail_to)
    heads, sums = tables[0]["columns"][1:], tables[0]["sums"][1:]
    message.set_content("\n".join(f"{name}: {value:g}" for name, value in zip(heads, sums, strict=True)))
    for kind, maintype, subtype in (
        ("pdf", "application", "pdf"),
        ("xlsx", "application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ):
        message.add_attachment(
            await files.as_file(kind, lang, *made),
            maintype=maintype,
            subtype=subtype,
            filename=f"end-of-day-{day}.{kind}",
        )
    return message


JOBS = (Job("report mail", 60.0, send_due),)
