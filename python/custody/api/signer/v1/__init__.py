"""Generated from proto/custody/api/signer/v1; do not edit."""
