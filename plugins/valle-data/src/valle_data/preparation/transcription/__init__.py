"""From recordings without transcripts to a table of utterances: hearing, cutting, aligning."""
