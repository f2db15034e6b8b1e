"""What tests of every kind need: real engines, a real stack, waiting with a deadline."""
