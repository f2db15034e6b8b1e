"""HTTP in, services and selectors, HTTP out."""
