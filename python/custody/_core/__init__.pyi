from custody._core import chain as chain
from custody._core import crypto as crypto
from custody._core import hsm as hsm
