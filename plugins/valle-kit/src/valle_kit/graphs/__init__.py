"""What is done again and again on a CUDA device, captured once as CUDA graphs and replayed. Not yet run on one."""
