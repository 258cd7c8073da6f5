"""The ``tracetrack`` command."""

from __future__ import annotations

import asyncio
import ctypes
import datetime as dt
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import asyncpg
import typer
from pydantic import ValidationError

from tracetrack import __version__
from tracetrack.platform import db, machine, supervisor
from tracetrack.platform.embedded.processes import StartError
from tracetrack.platform.folder import holder
from tracetrack.platform.progress import step
from tracetrack.platform.supervisor import Addresses
from tracetrack.settings import Settings, get_settings, unknown_settings

app = typer.Typer(
    help="Bag tracking for warehouses.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

audit = typer.Typer(help="The ledger of all that happened.", no_args_is_help=True)
app.add_typer(audit, name="audit")

keys = typer.Typer(help="The keys that sign access tokens.", no_args_is_help=True)
app.add_typer(keys, name="keys")

codes = typer.Typer(help="The codes of bags.", no_args_is_help=True)
app.add_typer(codes, name="codes")

FACTORY = "tracetrack.app:create_app"


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"tracetrack {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Bag tracking for warehouses."""


_DATABASE_SECONDS = 30.0
"""How long a configured database may take to answer, since both may be starting together."""


@contextmanager
def _plain_words() -> Iterator[Settings]:
    """The settings; what a person can put right is said in a sentence, with exit code 1."""
    # Told to renew web workers that it has not, or has not yet, a command goes on.
    signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        yield get_settings()
    except StartError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    except ValidationError as error:
        for wrong in error.errors():
            name = "_".join(str(part) for part in wrong["loc"]).upper().removeprefix("TRACETRACK_")
            reason = wrong["msg"].removeprefix("Value error, ")
            typer.echo(f"The setting TRACETRACK_{name} is wrong: {reason}.", err=True)
        raise typer.Exit(1) from None


@app.command()
def serve(
    with_parent: Annotated[
        bool, typer.Option("--with-parent", help="Stop when the program that started this one ends.")
    ] = False,
) -> None:
    """Run the site: database, cache and web workers, until Ctrl-C."""
    if with_parent and sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(1, int(signal.SIGTERM), 0, 0, 0)
    with _plain_words() as settings:
        if reason := machine.this_machine():
            raise StartError(reason)
        for name, meant in unknown_settings().items():
            hint = f" Did you mean {meant}?" if meant else ""
            typer.echo(f"Warning: there is no setting {name}; it is ignored.{hint}", err=True)
        supervisor.serve(FACTORY, settings, lambda addresses: _prepare(addresses, settings))


@app.command()
def reload() -> None:
    """Renew the running site's web workers one after the other, as after an update; nobody notices."""
    with _plain_words() as settings:
        pid = holder(settings.data)
        if pid is None:
            raise StartError(f"No TraceTrack runs on the data folder {settings.data}.")
        os.kill(pid, signal.SIGUSR1)
        typer.echo("The web workers are being renewed; the site's own words tell how it goes.")


@app.command()
def migrate() -> None:
    """Bring the database to this version's schema."""
    with _plain_words() as settings, supervisor.database(settings) as addresses:
        _migrate(addresses)


@app.command()
def demo() -> None:
    """Fill the site with demo areas and users."""
    with _plain_words() as settings, supervisor.database(settings) as addresses:
        _migrate(addresses)
        _demo(addresses, settings)


@app.command()
def let_in(username: Annotated[str, typer.Argument(help="The name to sign in with.")]) -> None:
    """Give who cannot sign in a one-time password, and take the code from the phone off."""
    from tracetrack.people.rescue import let_in as run

    with _plain_words() as settings, supervisor.database(settings) as addresses:
        password = asyncio.run(run(addresses.app, username))
        if password is None:
            raise StartError(f'There is no user "{username}".')
    typer.echo(f'"{username}" signs in with the one-time password {password}')


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
    kind: Annotated[Literal["bags", "bills"], typer.Option()] = "bags",
    area: Annotated[str | None, typer.Option(help="Name of the area of new bags.")] = None,
    user: Annotated[str | None, typer.Option("--as", help="The admin who imports.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Try, and write nothing.")] = False,
    confirm: Annotated[bool, typer.Option("--confirm", help="Also a file that came in before.")] = False,
) -> None:
    """Import an xlsx or csv file, as an upload would."""
    from tracetrack.imports.command import import_file as run
    from tracetrack.imports.schemas import Import
    from tracetrack.platform.logs import configure_logs
    from tracetrack.platform.problems import Problem

    configure_logs("ERROR")
    with _plain_words() as settings, supervisor.database(settings) as addresses:
        _migrate(addresses)
        with typer.progressbar(length=1000, label=file.name) as bar:

            def show(shown: Import) -> None:
                bar.update(max(0, int(shown.progress * 1000) - bar.pos))

            try:
                done = asyncio.run(
                    run(
                        addresses.app,
                        settings,
                        file,
                        show,
                        kind=kind,
                        area=area,
                        user=user,
                        dry_run=dry_run,
                        confirm=confirm,
                    )
                )
            except (Problem, OSError) as error:
                said = error.detail or error.kind.en if isinstance(error, Problem) else error
                raise StartError(f"{file.name}: {said}") from None
        if done.state != "completed":
            raise StartError(f"{file.name}: {done.error or 'The import was cancelled.'}")
        typer.echo(
            f"Import {done.id}{' (tried)' if done.dry_run else ''}: {done.rows_total:,} rows,"
            f" {done.parents_created:,} parents and {done.children_created:,} children created,"
            f" {done.links_created:,} linked, {done.bills_created:,} bills created,"
            f" {done.duplicates_skipped:,} there already, {done.rejected:,} refused,"
            f" {done.warnings:,} to check ({done.seconds or 0:.1f} s)"
        )


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(file_okay=False, help="Gets one more backup, named by the time.")],
    keep: Annotated[int, typer.Option(min=0, help="Remove all but so many, the oldest first; 0: none.")] = 0,
) -> None:
    """Back up the embedded database and everything else of the data folder, while the site works."""
    from tracetrack.platform.embedded import backup as backups

    with _plain_words() as settings:
        if settings.database_url is not None:
            raise StartError(
                "The database is at DATABASE_URL: back it up with that server's own means"
                " (docs/operations.md says which), and the data folder beside it."
            )
        with supervisor.database(settings) as addresses, step("Backup") as outcome:
            place = supervisor.back_up(addresses, settings, folder.expanduser().absolute())
            outcome.append(f"{place} ({backups.about(place).bytes / 2**20:.1f} MB)")
            for gone in backups.prune(place.parent, keep):
                outcome.append(f"removed {gone.name}")


@app.command()
def restore(
    backup: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="One backup.")],
    archive: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Go on from this log archive.")
    ] = None,
    until: Annotated[
        dt.datetime | None,
        typer.Option(formats=["%Y-%m-%dT%H:%M:%S%z"], help="Stop there, such as 2026-11-24T18:00:00+0530."),
    ] = None,
) -> None:
    """Bring a backup back into an empty data folder (TRACETRACK_DATA), and verify its ledger."""
    from tracetrack.ledger.seals import verify as run

    with _plain_words() as settings:
        with step("Files"):
            supervisor.bring_back(settings, backup, archive, until)
        with supervisor.restored(settings) as addresses:
            _migrate(addresses)
            with step("Ledger") as outcome:
                verdict = asyncio.run(run(addresses.app, None))
                if verdict.wrong:
                    raise StartError(f"The ledger is NOT as it was sealed. {verdict.wrong}")
                outcome.append(f"as it was sealed: {verdict.seals} seals, {verdict.rows} rows")
        typer.echo("Restored. `tracetrack serve` serves it.")


@app.command()
def openapi() -> None:
    """Print the OpenAPI document of the API."""
    from tracetrack.app import create_app

    typer.echo(json.dumps(create_app().openapi(), indent=2, ensure_ascii=False))


@keys.command()
def rotate(
    leaked: Annotated[
        bool,
        typer.Option(
            "--leaked", help="Forget the keys before it, which somebody else has: all sign in again."
        ),
    ] = False,
) -> None:
    """Make a new signing key now. Nobody is signed out, and the running site takes it over by itself."""
    from tracetrack.access import totp
    from tracetrack.access.keyring import HEARD_SECONDS, Keyring

    with _plain_words() as settings:
        if settings.secret_key is not None:
            raise StartError(
                "The key is TRACETRACK_SECRET_KEY: put it into TRACETRACK_SECRET_KEY_PREVIOUS, a new one into"
                " TRACETRACK_SECRET_KEY, and restart the site; where they stand in .env, reload it."
            )
        ring = Keyring(settings.data)
        if leaked:
            _keys_open_all(settings, totp.unopened)
        ring.rotate(settings.session_days)
        if not leaked:
            typer.echo(f"A new key signs from {HEARD_SECONDS:.0f} seconds on; the one before it stays good.")
            return
        typer.echo(f"A new key signs in {HEARD_SECONDS:.0f} seconds; those before it are forgotten then.")
        # Until every worker has heard of it; and what lies sealed by the old one is sealed anew first.
        time.sleep(HEARD_SECONDS + 1)
        _keys_open_all(settings, totp.reseal)
        ring.forget_old()
        typer.echo("The keys before it are forgotten. Everybody signs in again.")


def _keys_open_all(settings: Settings, closed: Callable[[], Awaitable[list[str]]]) -> None:
    """Stop with a sentence when ``closed`` finds users whose second factor no key opens."""

    async def names(addresses: Addresses) -> list[str]:
        from tracetrack.access import tokens

        db.open_database(addresses.app, settings)
        try:
            tokens.open_tokens(settings)
            return await closed()
        finally:
            await db.close_database()

    with supervisor.database(settings) as addresses:
        found = asyncio.run(names(addresses))
    if found:
        raise StartError(
            f"No key opens the second factors of {', '.join(found)}, so the keys before it are kept:"
            " take these factors off, and try again."
        )


@audit.command()
def verify(
    head: Annotated[
        str | None, typer.Option(help="A head that the log told: it must be in the chain.")
    ] = None,
) -> None:
    """Compare the ledger with its seals; exit code 1 and the first bad row where it was changed."""
    from tracetrack.ledger.seals import verify as run

    with _plain_words() as settings, supervisor.database(settings) as addresses:
        verdict = asyncio.run(run(addresses.app, head))
    if verdict.wrong:
        typer.echo(f"The ledger is NOT as it was sealed. {verdict.wrong}", err=True)
        typer.echo(f"Right until then: {verdict.seals} seals, {verdict.rows} rows.", err=True)
        raise typer.Exit(1)
    typer.echo(
        f"The ledger is as it was sealed: {verdict.seals} seals, {verdict.rows} rows,"
        f" {verdict.forgotten} more forgotten, {verdict.unsealed} not sealed yet. Head: {verdict.head}"
    )


@codes.command()
def check() -> None:
    """Report stored codes that are one label's; merges nothing, exit code 1 where there are some."""
    from tracetrack.bags.check import check_codes

    with _plain_words() as settings, supervisor.database(settings) as addresses:
        found = asyncio.run(check_codes(addresses.app))
    for line in found.lines():
        typer.echo(line)
    typer.echo(
        f"{found.bags:,} codes: {len(found.equal):,} labels of several bags,"
        f" {len(found.unreadable):,} codes that no label gives."
    )
    if found.equal or found.unreadable:
        raise typer.Exit(1)


def _prepare(addresses: Addresses, settings: Settings) -> None:
    """Between the database and the web workers."""
    _migrate(addresses)
    _first_admin(addresses, settings)
    if settings.demo:
        _demo(addresses, settings)


def _migrate(addresses: Addresses) -> None:
    """Run the migrations; a database that is only just starting is waited for."""
    from tracetrack.platform.migrate import migrate as run

    with step("Schema"):
        deadline = time.monotonic() + _DATABASE_SECONDS
        while True:
            try:
                run(addresses.owner)
            except (OSError, asyncpg.CannotConnectNowError) as error:
                if time.monotonic() < deadline:
                    time.sleep(0.5)
                    continue
                where = urlsplit(addresses.owner)
                raise StartError(
                    f"The database at {where.hostname}:{where.port or 5432} does not answer ({error}):"
                    " start it, or put DATABASE_URL right."
                ) from None
            except (
                asyncpg.InvalidAuthorizationSpecificationError,
                asyncpg.InvalidCatalogNameError,
            ) as error:
                raise StartError(f"The database refuses us ({error}): put DATABASE_URL right.") from None
            else:
                return


def _first_admin(addresses: Addresses, settings: Settings) -> None:
    """Make the first admin, and print the one-time password when there is one."""
    from tracetrack.people.first_run import ensure_admin
    from tracetrack.platform.problems import Problem

    password = settings.admin_password.get_secret_value() if settings.admin_password else None
    with step("First admin") as outcome:
        try:
            outcome.append(asyncio.run(ensure_admin(addresses.owner, password)))
        except Problem as error:
            raise StartError(f"TRACETRACK_ADMIN_PASSWORD: {error.detail or error.kind.en}") from None


def _demo(addresses: Addresses, settings: Settings) -> None:
    """Fill the demo's areas and users."""
    from tracetrack.people.demo import fill

    password = settings.demo_password.get_secret_value() if settings.demo_password else None
    with step("Demo") as outcome:
        outcome.append(asyncio.run(fill(addresses.owner, password)))
