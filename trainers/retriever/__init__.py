"""The two towers: what they read, what training hides from them, and the step that fits them."""
