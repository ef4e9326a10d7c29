"""Generated from proto/custody/api/signer; do not edit."""
