"""trusty-cage: isolated development environments for AI coding agents."""

__version__ = "1.0.0"
