"""Three circles: `make check` while you work, `make test` before a change, `make proof` before a release."""
