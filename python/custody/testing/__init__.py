"""For users' own tests: tokens, chains and whole stacks that start in seconds."""
