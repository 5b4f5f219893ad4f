"""A simulated streaming service with known ground truth; `segue world` lands its events."""
