"""How other products word and address their notices: pure functions, used where a route or a channel speaks so."""
