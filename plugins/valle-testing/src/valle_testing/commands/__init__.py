"""The commands of valle-testing; `specs` says what there is, a file each holds options and what is done."""
