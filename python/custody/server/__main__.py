"""`python -m custody.server` is `custody-server`."""

from custody.server.main import run

run()
