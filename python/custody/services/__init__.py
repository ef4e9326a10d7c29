"""Use cases, one for each noun, over the ports."""
