"""`valle bench attention`: every attention kernel that is installed, beside `eager` and each other."""
