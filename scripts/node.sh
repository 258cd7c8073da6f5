#!/bin/sh
# Say in one sentence what is missing when the screens cannot be built here.
if ! command -v npm >/dev/null 2>&1 || ! node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null; then
    echo "Node 20 or newer with npm is needed to build the screens: install it, then run make again." >&2
    exit 1
fi
