"""``make demo``: plant, relay, agent and web app on this machine's loopback, with one site and one person per role."""
