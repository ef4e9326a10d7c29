"""The process that holds one token and trusts nothing that the server says."""
