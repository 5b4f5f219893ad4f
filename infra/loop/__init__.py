"""`segue bench loop`: the simulated world listens to what Segue gives it, and to what simpler recommenders would."""
