"""What a training is: config, events, split, preparation, data, runs; no torch."""
