"""From a source URL to a package under the attempt's prefix."""
