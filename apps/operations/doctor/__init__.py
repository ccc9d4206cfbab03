"""Whether this installation can work: each look says in a sentence what it found, and what to do when that is bad."""
