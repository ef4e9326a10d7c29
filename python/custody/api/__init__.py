"""Generated from proto/custody/api; do not edit."""
