"""Takes trained models elsewhere: one folder, other formats, the Hub, and the list of plugins they need."""
