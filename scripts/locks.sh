#!/bin/sh
# Lock files name versions and hashes, never an address: each machine has its own source of packages.
cd "$(dirname "$0")/.." || exit 1
if grep -nE 'https?://|^--' backend/*.lock tools/api/*.lock || grep -nE '"resolved"|https?://[^"]*\.tgz' frontend/package-lock.json tools/api/package-lock.json; then
    echo "A lock file names an address: make it anew with 'make lock'." >&2
    exit 1
fi
