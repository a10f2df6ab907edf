"""Background jobs: a QThread that supervises one child process."""
