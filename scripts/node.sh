#!/bin/sh
# Say in one sentence what is missing when the screens cannot be built here.
if ! command -v npm >/dev/null 2>&1 || ! node -e '
    const [major, minor] = process.versions.node.split(".").map(Number);
    process.exit(major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19) ? 0 : 1);
' 2>/dev/null; then
    echo "Node 20.19 or later of version 20, or 22.12 or newer, with npm is needed to build the screens: install it, then run make again." >&2
    exit 1
fi
