"""`segue bench`: what the models reach beside their baselines, and what they cost. One bench per file, its table beside it."""
