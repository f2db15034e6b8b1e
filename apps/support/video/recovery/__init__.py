"""Finding what is broken, and repairing it through the services."""
