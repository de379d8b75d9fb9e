"""Records of public programmes that the hub keeps for screening: loads, history, schema drift. On no chain."""
