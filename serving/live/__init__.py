"""The live service: requests in, lists out, and what it follows meanwhile."""
