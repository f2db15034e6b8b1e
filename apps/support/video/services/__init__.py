"""The only writers. Each is a sandwich: read, ask the world, write once."""
