"""Generated from proto/custody/api/journal/v1; do not edit."""
