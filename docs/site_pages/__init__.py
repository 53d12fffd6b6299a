"""Pages that are made when the site is built: commands, plugins, Python, messages, and what lies outside docs/."""
