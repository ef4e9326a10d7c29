"""Generated from proto/custody/api/v1; do not edit."""
