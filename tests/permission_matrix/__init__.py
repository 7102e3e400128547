"""Who may do what, at the web app and at the agent: every cell of the table, and no difference between the two."""
