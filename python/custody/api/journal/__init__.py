"""Generated from proto/custody/api/journal; do not edit."""
