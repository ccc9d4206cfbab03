"""A workspace full of live data for screenshots and first impressions: `make demo`."""
