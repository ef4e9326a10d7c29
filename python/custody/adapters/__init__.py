"""One file for each technology that a port is reached by."""
