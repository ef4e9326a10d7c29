"""The server's process: it plans and holds no key that can move money."""
