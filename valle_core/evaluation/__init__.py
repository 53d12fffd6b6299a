"""What listeners would say, as far as programs can: recognition, intelligibility, voice; and curves of a run."""
