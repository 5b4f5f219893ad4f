"""The next track of a running session: a recurrent network, the neighbours beside it, the order of their candidates, radio."""
