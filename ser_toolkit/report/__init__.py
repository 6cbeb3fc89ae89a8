"""Results as dataclasses, and how they are shown and stored."""
