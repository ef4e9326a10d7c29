"""The demo: every real part here, 500 withdrawals, kills, a halt, sweeps; then the chain against the ledger."""

from custody.testing.demo.run import run

__all__ = ["run"]
