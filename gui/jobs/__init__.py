"""Background work of the window: one spawned child per job, one thread that watches it."""
