"""Pages of the documentation site that are made when it is built: commands, plugins, Python, and what lies outside docs/."""
