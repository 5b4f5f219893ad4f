"""What tracks there are and what is known of them, as arrays, read from gold."""
