"""Generated from proto/custody/api/signed; do not edit."""
