"""What authors of backbones and codecs build from."""
