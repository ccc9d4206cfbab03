"""Status pages: what the public sees, and where a team makes it."""
