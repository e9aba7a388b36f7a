"""What a run knows: channels and reducers, run state, checkpoints."""
