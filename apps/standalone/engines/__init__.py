"""The embedded engines: real servers out of packages, each described as a `ProcessSpec`."""
