"""Builds the application: settings, lifespan, middleware, routers; nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from starlette.routing import Route

from tracetrack import __version__
from tracetrack.access import keys as access_keys
from tracetrack.access import limits as access_limits
from tracetrack.access import once, tokens, totp
from tracetrack.access import opening as access
from tracetrack.access import queries as access_queries
from tracetrack.access import routes as access_routes
from tracetrack.bags import routes as bag_routes
from tracetrack.bags import search as bag_search
from tracetrack.billing import routes as bill_routes
from tracetrack.billing.documents import routes as document_routes
from tracetrack.billing.receiving import routes as receiving_routes
from tracetrack.billing.reports import mail as report_mail
from tracetrack.billing.reports import routes as report_routes
from tracetrack.billing.returns import routes as return_routes
from tracetrack.exports import routes as export_routes
from tracetrack.imports import job as imports
from tracetrack.imports import routes as import_routes
from tracetrack.imports import service as import_service
from tracetrack.imports.upload import BESIDE_THE_FILE
from tracetrack.ledger import seals
from tracetrack.ledger import service as ledger
from tracetrack.oversight import routes as oversight_routes
from tracetrack.oversight.audit import denied
from tracetrack.oversight.stream.follow import follower
from tracetrack.people import registrations
from tracetrack.people import routes as people_routes
from tracetrack.platform import cache, db, disks, health, reach, replica
from tracetrack.platform.admission import Admission
from tracetrack.platform.background import run_jobs
from tracetrack.platform.catalogue import catalogue
from tracetrack.platform.errors import handle_errors
from tracetrack.platform.http import API, Envelope, protective_headers
from tracetrack.platform.logs import configure_logs
from tracetrack.platform.metrics import forget_this_worker, metrics
from tracetrack.platform.openapi import ABOUT, TAGS, describe, openapi_route
from tracetrack.platform.pages import Everywhere, Pages, documentation
from tracetrack.platform.query_parameters import refuse_unknown_parameters
from tracetrack.platform.upkeep import keep_up
from tracetrack.scanning import routes as scan_routes
from tracetrack.scanning import service as scanning
from tracetrack.settings import ROOT, Settings, get_settings

JOBS = (
    *access_keys.JOBS,
    *totp.JOBS,
    *tokens.JOBS,
    *seals.JOBS,
    *bag_search.JOBS,
    *oversight_routes.JOBS,
    *report_mail.JOBS,
)

# Routes are tried in this order: the floor's first, for they are asked most.
UPKEEP = (
    *ledger.UPKEEP,
    *oversight_routes.UPKEEP,
    *bag_search.UPKEEP,
    *access_queries.UPKEEP,
    *access_limits.UPKEEP,
    *once.UPKEEP,
    *registrations.UPKEEP,
    *scanning.UPKEEP,
)

ROUTERS = (
    scan_routes.router,
    bag_routes.router,
    bill_routes.router,
    document_routes.router,
    receiving_routes.router,
    return_routes.router,
    report_routes.router,
    access_routes.router,
    people_routes.router,
    *oversight_routes.ROUTERS,
    import_routes.router,
    export_routes.router,
)


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application as uvicorn serves it.

    Args:
        settings: those of the environment unless given.
    """
    settings = settings or get_settings()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        configure_logs(settings.log_level)
        if settings.database_url is None:
            raise RuntimeError("DATABASE_URL is not set; `tracetrack serve` starts a database by itself")
        disks.open_disks(settings)
        db.open_database(settings.database_url.get_secret_value(), settings)
        replica.open_replica(settings)
        cache.open_cache(settings.redis_url.get_secret_value() if settings.redis_url else None, settings)
        access.open_access(settings)
        imports.open_imports(settings)
        follower.imports = import_service.moving
        tasks = [
            asyncio.create_task(keep_up(UPKEEP)),
            asyncio.create_task(reach.watch(settings.database_url.get_secret_value())),
        ]
        if settings.background:
            tasks.append(asyncio.create_task(run_jobs(JOBS)))
        # The first answer of a fresh worker is as quick as the others.
        tasks.append(asyncio.create_task(health.warm()))
        yield
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await imports.close_imports()
        access.close_access()
        await cache.close_cache()
        await replica.close_replica()
        await db.close_database()
        forget_this_worker()

    app = FastAPI(
        title="TraceTrack",
        # A generated client names its functions after these; tests see to it that each is there once.
        generate_unique_id_function=lambda route: route.name,
        version=__version__,
        description=ABOUT,
        openapi_tags=TAGS,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        servers=[{"url": "/", "description": "This site"}],
        lifespan=lifespan,
        # The document is a route of our own, written out once.
        openapi_url=None,
        # The page is one of our own files: FastAPI's is put together from another site.
        docs_url=None,
        redoc_url=None,
        # A path is one thing: no second spelling of it with a slash at the end.
        redirect_slashes=False,
        # Off by name: to look at each request whether somebody wants it costs half of what a refusal costs.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.settings = settings
    handle_errors(app, denied.note)
    for router in ROUTERS:
        app.include_router(router, prefix=API, dependencies=[Depends(refuse_unknown_parameters)])
    app.router.routes += [
        Route("/healthz", health.alive),
        Route("/readyz", health.ready),
        *([Route("/metrics", metrics)] if settings.metrics else []),
        *([openapi_route(app)] if settings.docs else []),
        *catalogue(),
        *documentation(ROOT / "frontend" / "dist", shown=settings.docs),
        Everywhere(Pages(ROOT / "frontend" / "dist")),
    ]
    describe(app, ROUTERS)
    https = (settings.public_url or "").startswith("https://")
    app.add_middleware(
        Envelope,
        max_body_bytes=settings.max_body_bytes,
        body_limits={f"{API}/imports": settings.max_upload_bytes + BESIDE_THE_FILE},
        https=https,
    )
    # Added last, so outermost: what is refused there costs least.
    app.add_middleware(
        Admission, settings=settings, headers=protective_headers(https), identify=access_keys.caller_of_token
    )
    return app
