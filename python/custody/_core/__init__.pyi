from custody._core import chain as chain
from custody._core import crypto as crypto
from custody._core import hsm as hsm
from custody._core import intake as intake
from custody._core import ledger as ledger
from custody._core import wire as wire

__all__ = ["chain", "crypto", "hsm", "intake", "ledger", "wire"]
