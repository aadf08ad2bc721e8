"""The clock, tried on real databases, brokers and processes."""
