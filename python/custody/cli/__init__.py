"""The operators' command: shows what is signed from the bytes themselves, and signs with the operator's key."""
