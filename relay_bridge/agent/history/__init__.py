"""What was: answers to ``hist``, from the source's own history or from the agent's ring."""
