"""Pages about nodes: the list, one node with its charts and its traffic, groups, installing."""
