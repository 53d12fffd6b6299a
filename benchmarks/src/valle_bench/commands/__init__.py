"""The commands of valle-bench; `specs` says what there is, a file each holds options and what is done."""
