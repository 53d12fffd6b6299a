"""Words to a run under way: save, quit, eval, export, lr and status, typed or sent."""
