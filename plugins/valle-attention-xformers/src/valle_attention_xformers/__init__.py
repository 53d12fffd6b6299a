"""An attention kernel for valle over xformers."""
