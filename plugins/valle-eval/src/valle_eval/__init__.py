"""`valle eval`: how well a model speaks, and the kind `metric`."""
