"""Custody of an exchange's coins: nothing moves without authority that a signer has checked for itself."""

__version__ = "0.1.0"
