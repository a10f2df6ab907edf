"""Several people on one project without a server: who reads what, review, comments, copies that become one again."""
