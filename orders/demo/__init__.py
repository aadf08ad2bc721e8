"""Demo orders: the last two months of a made-up shop, created by the services."""

from .seeding import DEFAULT_COUNT, DEFAULT_SEED, is_empty, seed_demo

__all__ = ["DEFAULT_COUNT", "DEFAULT_SEED", "is_empty", "seed_demo"]
