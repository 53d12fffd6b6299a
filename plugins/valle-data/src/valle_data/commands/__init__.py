"""The commands of valle-data; `specs` says what there is, a file each holds options and what is done."""
