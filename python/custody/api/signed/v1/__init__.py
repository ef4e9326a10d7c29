"""Generated from proto/custody/api/signed/v1; do not edit."""
