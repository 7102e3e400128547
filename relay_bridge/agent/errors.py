"""What can be wrong before the agent serves anybody.

AgentError
└── ConfigError      site.toml, a secret, a key or a certificate: one sentence, and somebody must mend it
"""

from __future__ import annotations


class AgentError(Exception):
    """Root of the agent's own errors."""


class ConfigError(AgentError):
    """The configuration cannot be used. The message is one sentence that names the place and the remedy."""
