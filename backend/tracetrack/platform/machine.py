"""Which machines are supported; one sentence where this one is not.

Imports the standard library alone: ``scripts/python.sh`` runs this file before any package is installed.
"""

from __future__ import annotations

import platform
import sys
from pathlib import Path

FIRST_PYTHON, LAST_PYTHON = (3, 11), (3, 14)
"""Versions of Python that all locked packages have wheels for."""

CPUINFO = Path("/proc/cpuinfo")


def unsupported(system: str, machine: str, libc: str, python: tuple[int, int], flags: set[str]) -> str | None:
    """Why this machine cannot run TraceTrack, and what to do; None where it can.

    Args:
        system: as ``platform.system()`` names it.
        machine: the processor's architecture, as ``platform.machine()`` names it.
        libc: ``glibc`` or ``musl`` on Linux.
        python: major and minor version.
        flags: the processor's abilities as Linux lists them; empty where they are not known.
    """
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine.lower(), machine.lower())
    if not FIRST_PYTHON <= python <= LAST_PYTHON:
        return (
            f"Python {python[0]}.{python[1]} is not supported: install one of 3.11 to 3.14,"
            " and name it in PYTHON (PYTHON=python3.13 make run)."
        )
    if system == "Windows":
        return "Windows is not supported: use WSL 2, or run the image with Docker."
    if system == "Darwin" and machine == "x86_64":
        return "Macs with Intel processors are not supported: run the image with Docker."
    if machine not in ("x86_64", "aarch64"):
        return f"Processors of the kind {machine} are not supported: x86-64 or 64-bit ARM is needed."
    if system == "Linux" and libc != "glibc":
        return "Linux with musl (such as Alpine) is not supported: use one with glibc, or run the image."
    if machine == "x86_64" and flags and "avx2" not in flags:
        return "This processor lacks AVX2, which reading workbooks needs: use a newer machine or CPU type."
    return None


def this_machine() -> str | None:
    """Why the machine that this runs on is not supported; None where it is."""
    flags: set[str] = set()
    if CPUINFO.exists():
        for line in CPUINFO.read_text("utf-8", "replace").splitlines():
            if line.startswith("flags"):
                flags = set(line.partition(":")[2].split())
                break
    libc = platform.libc_ver()[0] or "musl"
    return unsupported(platform.system(), platform.machine(), libc, sys.version_info[:2], flags)


if __name__ == "__main__":
    sys.exit(this_machine())
