"""The worker: receives a wake-up, claims a job, encodes it, publishes it."""
