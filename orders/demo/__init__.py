"""Orders to look at: a made-up shop's last two months, up to this moment."""

from .seeding import DEFAULT_COUNT, DEFAULT_SEED, is_empty, seed_demo

__all__ = ["DEFAULT_COUNT", "DEFAULT_SEED", "is_empty", "seed_demo"]
