"""Recording: storages, the window of pending instructions, and its running."""
