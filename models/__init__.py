"""Networks, training and prediction; no Qt."""
