"""What the web app and the agent say to each other, as values and calculations: no sockets, no tasks.

The wire is described, with examples, in docs/process-api.md.
"""
