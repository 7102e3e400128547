"""The program at the site: it dials out to the relay and serves configured tags to whoever is let in.

Start reading at ``agent.py``. Nothing here imports Django; docs/agent.md says how it is set up.
"""
