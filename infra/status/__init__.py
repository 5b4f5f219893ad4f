"""Status: what is live, what ran last, and whether all is well, read without changing anything."""
