"""Process 2: readings to indicators. Tails the commit log, folds, derives, checkpoints."""
