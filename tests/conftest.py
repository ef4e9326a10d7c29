"""What all tests share: Hypothesis without a deadline, since a busy machine is no failure."""

from hypothesis import settings

settings.register_profile("custody", deadline=None)
settings.load_profile("custody")
