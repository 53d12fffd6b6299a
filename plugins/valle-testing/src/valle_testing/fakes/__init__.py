"""Small parts with known facts that keep their contracts."""
