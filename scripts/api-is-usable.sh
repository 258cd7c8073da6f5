#!/bin/sh
# Redocly's recommended rules find nothing in the OpenAPI document, and two generators make clients without a warning.
set -eu
cd "$(dirname "$0")/../tools/api"
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true NO_COLOR=1 CI=true
document=../../.make/openapi.json
made=../../.make/clients
said=../../.make/clients.log
rm -rf "$made"
mkdir -p "$made"

quietly() { # runs a command; prints what it said where it fails or warns
    if ! "$@" >"$said" 2>&1 || grep -E '[0-9] warning|WARNING|Could not|Unable to' "$said" >/dev/null; then
        cat "$said" >&2
        echo "$1 $2: the OpenAPI document is not as clients need it." >&2
        exit 1
    fi
}

quietly npx --no-install redocly lint --extends recommended "$document"
quietly npx --no-install openapi-ts -i "$document" -o "$made/typescript"
PATH="$PWD/.venv/bin:$PATH"
quietly openapi-python-client generate --fail-on-warning --config python.yml --path "$document" --output-path "$made/python"
test -s "$made/typescript/sdk.gen.ts"
python -m compileall -q "$made/python"
echo "API: lint and two generated clients without a warning"
