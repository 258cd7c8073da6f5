"""The end-of-day report by mail: one mail a day, whoever sends it."""

import asyncio
import contextlib
import datetime as dt
import email
import email.policy
import io
from collections.abc import AsyncIterator
from typing import Any
from zoneinfo import ZoneInfo

import pdfplumber
import pytest

from tests.billing.bills import packed
from tests.floor import Floor
from tracetrack.billing.reports import mail
from tracetrack.settings import Settings

EVENING = dt.datetime.combine(
    dt.datetime.now(ZoneInfo("Asia/Kolkata")).date(), dt.time(20, 5), ZoneInfo("Asia/Kolkata")
)


@contextlib.asynccontextmanager
async def mail_server(answer: str = "250 taken") -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that speaks as much SMTP as a mail needs: its port, and what it was given."""
    taken: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 test\r\n")
        while line := await reader.readline():
            word = line[:4].upper().strip()
            if word == b"DATA":
                writer.write(b"354 go on\r\n")
                taken.append(await reader.readuntil(b"\r\n.\r\n"))
                writer.write(answer.encode() + b"\r\n")
            elif word == b"QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                writer.write(b"250 fine\r\n")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, limit=2**24)
    async with server:
        yield server.sockets[0].getsockname()[1], taken


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "_done", None)


def mailing(settings: Settings, port: int, **more: Any) -> Settings:
    wanted = {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_security": "none"}
    return settings.model_copy(update={**wanted, "report_mail_to": ["manager@example.org"], **more})


async def test_the_report_is_mailed_once_in_the_evening(floor: Floor, settings: Settings) -> None:
    await packed(floor, "P1", 3)
    async with mail_server() as (port, taken):
        ours = mailing(settings, port, report_mail_language="hi")
        assert not await mail.send_due(ours, EVENING - dt.timedelta(hours=1))
        sent = await asyncio.gather(*(mail.send_due(ours, EVENING) for _ in range(5)))
        assert sorted(sent) == [False] * 4 + [True]
        assert not await mail.send_due(ours, EVENING)
    assert len(taken) == 1
    message = email.message_from_bytes(taken[0], policy=email.policy.default)
    assert message["To"] == "manager@example.org"
    assert "दिन की रिपोर्ट" in message["Subject"]
    attached = {part.get_filename(): part.get_content() for part in message.iter_attachments()}
    assert {name.rsplit(".")[-1] for name in attached if name} == {"pdf", "xlsx"}
    document = next(content for name, content in attached.items() if name and name.endswith("pdf"))
    with pdfplumber.open(io.BytesIO(document)) as pdf:
        assert "North" in pdf.pages[0].extract_text()


async def test_a_mail_that_is_refused_is_tried_again(floor: Floor, settings: Settings) -> None:
    async with mail_server("451 later") as (port, _):
        with pytest.raises(OSError, match="later"):
            await mail.send_due(mailing(settings, port), EVENING)
    async with mail_server() as (port, taken):
        assert await mail.send_due(mailing(settings, port), EVENING)
        assert len(taken) == 1


async def test_without_a_server_or_recipients_nothing_is_sent(floor: Floor, settings: Settings) -> None:
    assert not await mail.send_due(settings, EVENING)
    assert not await mail.send_due(mailing(settings, 1, report_mail_to=[]), EVENING)
