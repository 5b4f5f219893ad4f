"""The weekly batch: every listener's playlist made, audited, published, and shown."""
