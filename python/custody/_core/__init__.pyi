from custody._core import crypto as crypto
