"""Audio files, resampling, windows over long audio and pictures of spectrograms."""
