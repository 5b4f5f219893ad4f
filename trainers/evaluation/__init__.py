"""How good a model is and whether it goes live: held-out lists, measures with their intervals, the comparison, the gate."""
